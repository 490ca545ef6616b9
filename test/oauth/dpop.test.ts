import { createHash, randomUUID } from 'node:crypto'
import { type CryptoKey, calculateJwkThumbprint, decodeJwt, exportJWK, generateKeyPair, SignJWT } from 'jose'
import * as client from 'openid-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { codeFlow, type LinkWorld, linkWorld } from './link-world.ts'

let world: LinkWorld
beforeAll(async () => {
  world = await linkWorld()
})
afterAll(async () => {
  await world.stop()
  expect(world.lines.filter(([level]) => level === 'error')).toEqual([])
})

const algorithms = ['ES256', 'Ed25519', 'PS256'] as const
const path = '/v1/links'
const linksAt = () => new URL(`${world.issuer}${path}?account=nobody`)

test.each(algorithms)('a machine token bound with %s opens an operation by proof', async alg => {
  const configuration = await world.discover('youku')
  const DPoP = client.getDPoPHandle(configuration, await client.randomDPoPKeyPair(alg))
  const { access_token, token_type } = await client.clientCredentialsGrant(configuration, {}, { DPoP })
  expect(token_type).toBe('dpop')
  expect(decodeJwt(access_token)).toMatchObject({ cnf: { jkt: await DPoP.calculateThumbprint() } })
  const ask = () =>
    client.fetchProtectedResource(configuration, access_token, linksAt(), 'GET', null, new Headers(), { DPoP })
  for (let time = 0; time < 2; time++) {
    const answer = await ask()
    expect([answer.status, await answer.json()]).toEqual([200, { items: [] }])
  }
})

test('the tokens of a link are bound where its flow was, from the pushed request on', async () => {
  const configuration = await world.discover('youku')
  const DPoP = client.getDPoPHandle(configuration, await client.randomDPoPKeyPair())
  const verifier = client.randomPKCECodeVerifier()
  const state = client.randomState()
  const url = await client.buildAuthorizationUrlWithPAR(
    configuration,
    {
      redirect_uri: 'https://app.youku.example/linked',
      scope: 'link',
      state,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      account: 'y-lin',
    },
    { DPoP },
  )
  const checks = { pkceCodeVerifier: verifier, expectedState: state }
  const back = await world.browser().answer(url, world.lin)
  // Who has the code and the client, but not the key, gets no link.
  const stolen = await client.authorizationCodeGrant(configuration, back, checks).catch(error => error)
  expect(stolen).toMatchObject({ error: 'invalid_grant' })
  expect(await world.linksOf('youku', 'y-lin')).toEqual([])
})

test('a link’s token bound to a key is good for nothing else either', async () => {
  const { configuration, redeem } = await codeFlow(world)
  const DPoP = client.getDPoPHandle(configuration, await client.randomDPoPKeyPair())
  const answer = await redeem({ account: 'y-bound' }, { DPoP })
  expect(answer).toMatchObject({ token_type: 'dpop', link_id: expect.stringMatching(/^lnk_/) })
  const used = await client
    .fetchProtectedResource(configuration, answer.access_token, linksAt(), 'GET', null, new Headers(), { DPoP })
    .catch(error => error)
  expect(used.status).toBe(403)
})

describe('a proof', () => {
  type Change = {
    claims?: Record<string, unknown>
    header?: Record<string, unknown>
    key?: CryptoKey
    text?: (proof: string) => string
  }
  let pair: { privateKey: CryptoKey; publicKey: CryptoKey }
  let token: string
  let unbound: string
  beforeAll(async () => {
    pair = (await generateKeyPair('ES256', { extractable: true })) as typeof pair
    const configuration = await world.discover('youku')
    const DPoP = client.getDPoPHandle(configuration, pair as client.CryptoKeyPair)
    token = (await client.clientCredentialsGrant(configuration, {}, { DPoP })).access_token
    unbound = (await client.clientCredentialsGrant(configuration)).access_token
  })

  async function proofOf({ claims = {}, header = {}, key = pair.privateKey, text = proof => proof }: Change = {}) {
    const proof = await new SignJWT({
      jti: randomUUID(),
      htm: 'GET',
      htu: world.issuer + path,
      iat: Math.floor(Date.now() / 1000),
      ath: createHash('sha256').update(token).digest('base64url'),
      ...claims,
    })
      .setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk: await exportJWK(pair.publicKey), ...header })
      .sign(key)
    return text(proof)
  }
  const ask = async (proof: string | undefined, authorization = `DPoP ${token}`) => {
    const answer = await fetch(linksAt(), { headers: { authorization, ...(proof !== undefined && { dpop: proof }) } })
    return [answer.status, answer.headers.get('www-authenticate')]
  }
  const challenge = (error: string) => [401, `DPoP error="${error}", algs="ES256 Ed25519 PS256"`]

  test('is good once, in any case of the scheme, and with more said of the address', async () => {
    const proof = await proofOf()
    expect(await ask(proof)).toEqual([200, null])
    expect(await ask(proof)).toEqual(challenge('invalid_dpop_proof'))
    expect(await ask(await proofOf(), `dpop ${token}`)).toEqual([200, null])
    expect(await ask(await proofOf({ claims: { htu: `${world.issuer}${path}?a=b#c` } }))).toEqual([200, null])
  })

  const seconds = () => Math.floor(Date.now() / 1000)
  test.each<[string, () => Promise<Change>]>([
    ['for another method', async () => ({ claims: { htm: 'POST' } })],
    ['for another address', async () => ({ claims: { htu: `${world.issuer}/v1/usage-batches` } })],
    ['for another host', async () => ({ claims: { htu: `https://else.example${path}` } })],
    ['for no address', async () => ({ claims: { htu: 'x' } })],
    ['from long ago', async () => ({ claims: { iat: seconds() - 70 } })],
    ['from the future', async () => ({ claims: { iat: seconds() + 70 } })],
    ['without time', async () => ({ claims: { iat: undefined } })],
    ['without id', async () => ({ claims: { jti: undefined } })],
    ['with a huge id', async () => ({ claims: { jti: 'x'.repeat(300) } })],
    ['of another token', async () => ({ claims: { ath: createHash('sha256').update('x').digest('base64url') } })],
    ['of no token', async () => ({ claims: { ath: undefined } })],
    ['of another type', async () => ({ header: { typ: 'JWT' } })],
    ['with an extension', async () => ({ header: { crit: ['b64'], b64: true } })],
    ['without key', async () => ({ header: { jwk: undefined } })],
    ['with the private key', async () => ({ header: { jwk: await exportJWK(pair.privateKey) } })],
    ['signed by another key', async () => ({ key: (await generateKeyPair('ES256')).privateKey })],
    ['with another signature', async () => ({ text: proof => `${proof.slice(0, -20)}${'A'.repeat(20)}` })],
    ['unsigned', async () => ({ text: proof => proof.replace(/[^.]+$/, '') })],
    ['with a fourth part', async () => ({ text: proof => `${proof}.x` })],
    ['of 5,000 characters', async () => ({ claims: { more: 'x'.repeat(5000) } })],
    ['that is two', async () => ({ text: proof => `${proof}, ${proof}` })],
    ['that is none', async () => ({ text: () => 'x' })],
  ])('%s is refused', async (_name, change) => {
    expect(await ask(await proofOf(await change()))).toEqual(challenge('invalid_dpop_proof'))
  })

  test('with a key of another owner is refused, and so is a token that came without its proof', async () => {
    const other = await generateKeyPair('ES256')
    const foreign = await proofOf({ key: other.privateKey, header: { jwk: await exportJWK(other.publicKey) } })
    expect(await ask(foreign)).toEqual(challenge('invalid_token'))
    expect(await ask(undefined)).toEqual(challenge('invalid_dpop_proof'))
    expect(await ask(undefined, `Bearer ${token}`)).toEqual(challenge('invalid_token'))
    expect(await ask(await proofOf(), `Bearer ${token}`)).toEqual(challenge('invalid_token'))
    const ath = createHash('sha256').update(unbound).digest('base64url')
    expect(await ask(await proofOf({ claims: { ath } }), `DPoP ${unbound}`)).toEqual(challenge('invalid_token'))
    expect(await ask(undefined, `Bearer ${unbound}`)).toEqual([200, null])
    expect(decodeJwt(token)['cnf']).toEqual({ jkt: await calculateJwkThumbprint(await exportJWK(pair.publicKey)) })
  })

  test.each([
    ['a token that is none', 'DPoP x'],
    ['no token', 'DPoP'],
  ])('with %s is challenged as DPoP', async (_name, authorization) => {
    expect(await ask(await proofOf(), authorization)).toEqual(challenge('invalid_token'))
  })

  test('used twice at the token endpoint is refused there', async () => {
    const proof = await proofOf({ claims: { htm: 'POST', htu: `${world.issuer}/oauth/token`, ath: undefined } })
    const send = (dpop = proof) =>
      fetch(`${world.issuer}/oauth/token`, {
        method: 'POST',
        headers: { authorization: `Basic ${Buffer.from('youku:youku-secret').toString('base64')}`, dpop },
        body: new URLSearchParams({ grant_type: 'client_credentials' }),
      })
    expect((await send()).status).toBe(200)
    const again = await send()
    expect([again.status, await again.json()]).toMatchObject([400, { error: 'invalid_grant' }])
    const another = await proofOf({ claims: { htm: 'POST', htu: `${world.issuer}/oauth/token`, ath: undefined } })
    const answers = await Promise.all(Array.from({ length: 8 }, () => send(another)))
    const refused = answers.filter(({ status }) => status !== 200)
    expect(await Promise.all(refused.map(answer => answer.json()))).toMatchObject(
      Array(7).fill({ error: 'invalid_grant' }),
    )
  })
})
