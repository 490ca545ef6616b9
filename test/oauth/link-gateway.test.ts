import { SignJWT } from 'jose'
import { beforeAll, expect, test } from 'vitest'
import { authorizationServer } from '../../functions/oauth/provider.ts'
import { type GatewayWorld, gatewayWorld, issuer, seedTerms } from '../support/gateway.ts'

/** The whole gateway, at an https address. */
let world: GatewayWorld
beforeAll(async () => {
  world = await gatewayWorld()
  await seedTerms(world)
})

type Operation = { security?: object[] }
type Document = { paths: Record<string, Record<string, Operation>> }

test('a token of a link opens no operation at all', async () => {
  const { kid, privateKey } = await world.services.keys.current('access')
  const seconds = Math.floor(Date.now() / 1000)
  const token = await new SignJWT({
    iss: issuer,
    aud: issuer,
    sub: 'sub_01K00000000000000000000000',
    client_id: 'youku',
    brand: 'youku',
    partner: 'youku',
    jti: 'of-a-link',
    iat: seconds,
    exp: seconds + 600,
    scope: 'link',
  })
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid })
    .sign(privateKey)
  world.confidential.add(token)
  const described = await world.app.request('/openapi.json')
  const { paths } = (await described.json()) as Document
  const guarded = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations)
      .filter(([, { security }]) => security)
      .map(([method]) => [method.toUpperCase(), path.replaceAll(/\{\w+\}/g, 'x')] as const),
  )
  expect(guarded.length).toBeGreaterThan(25)
  for (const [method, path] of guarded) {
    const answer = await world.app.request(path, { method, headers: { authorization: `Bearer ${token}` } })
    expect([method, path, answer.status]).toEqual([method, path, 403])
    expect(await answer.json()).toMatchObject({ code: 'insufficient-scope' })
  }
})

test('on https a flow’s cookies are for its own paths, secure, and out of reach of scripts', async () => {
  const document = {
    id: 'youku',
    name: 'Youku',
    category: 'video',
    issuer: 'https://youku.example',
    clientId: 'tessera',
    redirectUris: ['https://app.youku.example/linked'],
  }
  expect((await world.call('alibaba', 'PUT', '/v1/partners/youku', document)).status).toBe(200)
  const query = new URLSearchParams({
    client_id: 'youku',
    response_type: 'code',
    redirect_uri: 'https://app.youku.example/linked',
    code_challenge: 'x'.repeat(43),
    code_challenge_method: 'S256',
  })
  const answer = await world.app.request(`/oauth/authorize?${query}`)
  expect(answer.status).toBe(303)
  const location = answer.headers.get('location') ?? ''
  expect(location).toMatch(/^\/oauth\/interaction\/[\w-]{43}$/)
  const cookies = answer.headers.getSetCookie()
  expect(cookies.map(cookie => cookie.split('=')[0]).toSorted()).toEqual([
    '__Secure-tessera-interaction',
    '__Secure-tessera-interaction.sig',
    '__Secure-tessera-resume',
    '__Secure-tessera-resume.sig',
  ])
  for (const cookie of cookies) {
    expect(cookie).toMatch(/; path=\/oauth\/(interaction|authorize)\/[\w-]{43};/)
    for (const attribute of ['secure', 'httponly', 'samesite=lax'])
      expect(cookie.toLowerCase().split('; ')).toContain(attribute)
  }
  expect(answer.headers.get('cache-control')).toContain('no-store')
})

test('without a page of ours, an error to a person is an OAuth error', async () => {
  const plain = authorizationServer(world.services)
  const answer = await plain.handle(new Request(`${issuer}/oauth/authorize?client_id=nobody`))
  expect([answer.status, await answer.json()]).toMatchObject([400, { error: 'invalid_client' }])
})
