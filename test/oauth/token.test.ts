import { randomUUID } from 'node:crypto'
import { type CryptoKey, decodeJwt, decodeProtectedHeader, exportJWK, generateKeyPair, SignJWT } from 'jose'
import * as client from 'openid-client'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { saveClient } from '../../functions/oauth/register-client.ts'
import type { ClientRecord } from '../../schemas/client.ts'
import { askToken, basic, type OAuthParts, oauthServer, youku } from './server.ts'

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const algorithms = ['ES256', 'PS256', 'RS256', 'Ed25519'] as const

const logged: unknown[] = []
const printed = (['log', 'info', 'warn', 'error'] as const).map(level => vi.spyOn(console, level))
const privateKeys = new Map<string, CryptoKey>()
let server: OAuthParts & { stop(): Promise<void> }

beforeAll(async () => {
  server = await oauthServer((...line) => logged.push(line))
  const keys = []
  for (const alg of algorithms) {
    const { privateKey, publicKey } = await generateKeyPair(alg)
    privateKeys.set(alg, privateKey)
    keys.push({ ...(await exportJWK(publicKey)), alg, kid: alg })
  }
  const xiami: ClientRecord = {
    id: 'xiami',
    brand: 'alibaba-music',
    partner: 'xiami',
    scopes: ['settlements:read'],
    authentication: 'private_key_jwt',
    jwks: { keys },
  }
  await saveClient(server, xiami)
  await saveClient(server, {
    id: 'alibaba',
    brand: 'alibaba',
    scopes: ['finance:read', 'finance:write'],
    authentication: 'client_secret_basic',
    secretHash: youku.secretHash,
  } as ClientRecord)
})
afterAll(async () => {
  await server.stop()
  for (const spy of printed) expect(spy).not.toHaveBeenCalled()
  expect(logged).toEqual([])
})

const keyOf = (alg: string): CryptoKey => {
  const key = privateKeys.get(alg)
  if (!key) throw new Error(`no ${alg} key`)
  return key
}
const discover = (id: string, authentication: client.ClientAuth) =>
  client.discovery(new URL(server.issuer), id, undefined, authentication, {
    algorithm: 'oauth2',
    execute: [client.allowInsecureRequests],
  })

async function assertion(
  claims: Record<string, unknown> = {},
  alg = 'ES256',
  key: CryptoKey | Uint8Array = keyOf(alg),
) {
  const now = Math.floor(Date.now() / 1000)
  return new SignJWT({
    iss: 'xiami',
    sub: 'xiami',
    aud: server.issuer,
    jti: randomUUID(),
    iat: now,
    exp: now + 60,
    ...claims,
  })
    .setProtectedHeader({ alg })
    .sign(key)
}
const assert = (client_assertion: string, extra: Record<string, string> = {}) =>
  askToken(server, {}, { client_assertion, client_assertion_type: assertionType, ...extra })

test('client_secret_basic gets an RFC 9068 token with the scopes of the client, which opens an operation', async () => {
  const before = Math.floor(Date.now() / 1000)
  const configuration = await discover('youku', client.ClientSecretBasic('youku-secret'))
  const answer = await client.clientCredentialsGrant(configuration)
  expect(answer).toMatchObject({ token_type: 'bearer', expires_in: 600, scope: 'entitlements:read usage:write' })
  const kid = (await server.keys.current('access')).kid
  expect(decodeProtectedHeader(answer.access_token)).toEqual({ alg: 'ES256', typ: 'at+jwt', kid })
  const claims = decodeJwt(answer.access_token)
  expect(claims).toEqual({
    iss: server.issuer,
    aud: server.issuer,
    sub: 'youku',
    client_id: 'youku',
    brand: 'youku',
    partner: 'youku',
    scope: 'entitlements:read usage:write',
    jti: expect.stringMatching(/^.{20,}$/),
    iat: expect.any(Number),
    exp: (claims.iat ?? 0) + 600,
  })
  expect(claims.iat).toBeGreaterThanOrEqual(before)
  const who = await fetch(`${server.issuer}/who`, { headers: { authorization: `Bearer ${answer.access_token}` } })
  expect(await who.json()).toEqual({
    client: 'youku',
    brand: 'youku',
    partner: 'youku',
    scopes: ['entitlements:read', 'usage:write'],
  })
})

test('a token has the scopes that were asked for and no more, and no partner where the client is none', async () => {
  const narrow = await askToken(server, basic('youku', 'youku-secret'), { scope: 'usage:write' })
  expect(narrow.body['scope']).toBe('usage:write')
  const own = await askToken(server, basic('alibaba', 'youku-secret'), { resource: server.issuer })
  const token = own.body['access_token'] as string
  expect(decodeJwt(token)).toMatchObject({ brand: 'alibaba', scope: 'finance:read finance:write' })
  expect(decodeJwt(token)).not.toHaveProperty('partner')
  expect(own.response.headers.get('cache-control')).toBe('no-store')
  const who = await server.app.request('/who', { headers: { authorization: `Bearer ${token}` } })
  expect(who.status).toBe(403)
})

test.each(algorithms)('private_key_jwt works with %s, for issuer and token endpoint as audience', async alg => {
  const key = { key: keyOf(alg), kid: alg }
  const configuration = await discover('xiami', client.PrivateKeyJwt(key))
  const answer = await client.clientCredentialsGrant(configuration, { scope: 'settlements:read' })
  expect(decodeJwt(answer.access_token)).toMatchObject({ client_id: 'xiami', brand: 'alibaba-music', partner: 'xiami' })
  const endpoint = await assert(await assertion({ aud: `${server.issuer}/oauth/token` }, alg))
  expect(endpoint.response.status).toBe(200)
})

test('an assertion works once, also when it is sent ten times at once', async () => {
  const once = await assertion()
  expect((await assert(once)).response.status).toBe(200)
  const again = await assert(once)
  expect([again.response.status, again.body['error']]).toEqual([401, 'invalid_client'])
  const another = await assertion()
  const answers = await Promise.all(Array.from({ length: 10 }, () => assert(another)))
  expect(answers.map(({ response }) => response.status).sort()).toEqual([200, ...Array(9).fill(401)])
})

const later = (seconds: number) => Math.floor(Date.now() / 1000) + seconds
test.each<[string, () => Promise<string>]>([
  ['an expired assertion', () => assertion({ exp: later(-30) })],
  ['one that lives for a day', () => assertion({ exp: later(86_400) })],
  ['one with an absurd expiry', () => assertion({ exp: 1e300 })],
  ['one for another server', () => assertion({ aud: 'https://elsewhere.example' })],
  ['one for two servers', async () => assertion({ aud: [server.issuer, 'https://elsewhere.example'] })],
  ['one of another issuer', () => assertion({ iss: 'youku' })],
  ['one of a client that has a secret', () => assertion({ iss: 'youku', sub: 'youku' })],
  ['one without jti', () => assertion({ jti: undefined })],
  ['one signed with a foreign key', async () => assertion({}, 'ES256', (await generateKeyPair('ES256')).privateKey)],
  ['one signed with HS256', () => assertion({}, 'HS256', Buffer.from('youku-secret-that-is-long-enough-for-it'))],
])('%s is refused', async (_name, make) => {
  const { response, body } = await assert(await make())
  expect([response.status, body['error']]).toEqual([401, 'invalid_client'])
})

test('an assertion made for another host is not accepted under that Host header', async () => {
  const form = { grant_type: 'client_credentials', client_assertion_type: assertionType }
  const answer = await server.app.request('http://evil.example/oauth/token', {
    method: 'POST',
    headers: { host: 'evil.example', 'x-forwarded-host': 'evil.example' },
    body: new URLSearchParams({
      ...form,
      client_assertion: await assertion({ aud: 'http://evil.example/oauth/token' }),
    }),
  })
  expect(answer.status).toBe(401)
})

test.each<[string, Record<string, string>, Record<string, string>, number, string]>([
  ['a wrong secret', basic('youku', 'youku-secreT'), {}, 401, 'invalid_client'],
  ['the hash in place of the secret', basic('youku', youku.secretHash ?? ''), {}, 401, 'invalid_client'],
  ['an unknown client', basic('nobody', 'youku-secret'), {}, 401, 'invalid_client'],
  ['a client id of 10,000 characters', basic('x'.repeat(10_000), 'youku-secret'), {}, 401, 'invalid_client'],
  ['a secret where a key is registered', basic('xiami', 'xiami-secret'), {}, 401, 'invalid_client'],
  ['a secret in the body', {}, { client_id: 'youku', client_secret: 'youku-secret' }, 401, 'invalid_client'],
  ['a client id alone', {}, { client_id: 'youku' }, 401, 'invalid_client'],
  ['no client at all', {}, {}, 400, 'invalid_request'],
  ["another client's scope", basic('youku', 'youku-secret'), { scope: 'finance:write' }, 400, 'invalid_scope'],
  ['a scope of its own and another', basic('youku', 'youku-secret'), { scope: 'usage:write x' }, 400, 'invalid_scope'],
  ['another resource', basic('youku', 'youku-secret'), { resource: 'https://else.example' }, 400, 'invalid_target'],
  ['another grant', basic('youku', 'youku-secret'), { grant_type: 'password' }, 400, 'unsupported_grant_type'],
])('%s is refused', async (_name, headers, form, status, error) => {
  const { response, body } = await askToken(server, headers, form)
  expect([response.status, body['error']]).toEqual([status, error])
  expect(response.headers.get('content-type')).toContain('application/json')
  expect(response.headers.get('cache-control')).toBe('no-store')
  expect(response.headers.has('www-authenticate')).toBe(status === 401)
  if (status === 401) expect(response.headers.get('www-authenticate')).toMatch(/^Basic realm=/)
})

test('other content types and bodies over 16 KB are OAuth errors', async () => {
  const headers = { ...basic('youku', 'youku-secret'), 'content-type': 'application/json', accept: 'text/html' }
  const body = JSON.stringify({ grant_type: 'client_credentials' })
  const json = await server.app.request('/oauth/token', { method: 'POST', headers, body })
  expect([json.status, await json.json()]).toMatchObject([400, { error: 'invalid_request' }])
  const large = await askToken(server, basic('youku', 'youku-secret'), { scope: 'x'.repeat(17_000) })
  expect([large.response.status, large.body['error']]).toEqual([413, 'invalid_request'])
})

test('a changed registration counts at once', async () => {
  const record = { ...youku, id: 'eleme', brand: 'eleme', partner: 'eleme' }
  await saveClient(server, record)
  expect((await askToken(server, basic('eleme', 'youku-secret'))).response.status).toBe(200)
  await saveClient(server, { ...record, secretHash: '0'.repeat(64), scopes: [] })
  expect((await askToken(server, basic('eleme', 'youku-secret'))).response.status).toBe(401)
  await saveClient(server, { ...record, scopes: [] })
  const none = await askToken(server, basic('eleme', 'youku-secret'))
  expect(decodeJwt(none.body['access_token'] as string)).not.toHaveProperty('scope')
  const asked = await askToken(server, basic('eleme', 'youku-secret'), { scope: 'usage:write' })
  expect(asked.body['error']).toBe('invalid_scope')
})

test('the metadata is true: what it names answers, what it leaves out does not', async () => {
  const response = await fetch(`${server.issuer}/.well-known/oauth-authorization-server`)
  expect(response.headers.get('cache-control')).toBe('public, max-age=300')
  const metadata = (await response.json()) as Record<string, string>
  expect(metadata).toEqual({
    issuer: server.issuer,
    token_endpoint: `${server.issuer}/oauth/token`,
    jwks_uri: `${server.issuer}/.well-known/jwks.json`,
    authorization_endpoint: `${server.issuer}/oauth/authorize`,
    pushed_authorization_request_endpoint: `${server.issuer}/oauth/par`,
    device_authorization_endpoint: `${server.issuer}/oauth/device-authorization`,
    revocation_endpoint: `${server.issuer}/oauth/revoke`,
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: [
      'client_credentials',
      'authorization_code',
      'urn:ietf:params:oauth:grant-type:device_code',
      'refresh_token',
    ],
    scopes_supported: expect.arrayContaining(['programmes:write', 'usage:write', 'link']),
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'private_key_jwt'],
    token_endpoint_auth_signing_alg_values_supported: [...algorithms],
    revocation_endpoint_auth_methods_supported: ['client_secret_basic', 'private_key_jwt'],
    revocation_endpoint_auth_signing_alg_values_supported: [...algorithms],
    dpop_signing_alg_values_supported: ['ES256', 'Ed25519', 'PS256'],
  })
  const { keys } = (await (await fetch(metadata['jwks_uri'] ?? '')).json()) as { keys: { kid: string }[] }
  expect(keys.map(({ kid }) => kid)).toContain((await server.keys.current('access')).kid)
  const endpoints = Object.entries(metadata).filter(([name]) =>
    /^(token|push|device|revocation).*_endpoint$/.test(name),
  )
  expect(endpoints).toHaveLength(4)
  for (const [, address] of endpoints) expect((await fetch(address, { method: 'POST' })).status).toBe(400)
  expect((await fetch(metadata['authorization_endpoint'] ?? '')).status).toBe(400)
  const elsewhere = ['/oauth/me', '/oauth/introspect', '/oauth/register', '/session/end', '/device', '/userinfo', '/me']
  for (const path of [...elsewhere, '/oauth/par', '/oauth/jwks', '/.well-known/openid-configuration', '/oauth/token'])
    expect((await fetch(server.issuer + path)).status).toBe(404)
})
