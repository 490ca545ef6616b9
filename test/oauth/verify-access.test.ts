import { createPublicKey, generateKeyPairSync } from 'node:crypto'
import { decodeJwt, type JWTHeaderParameters, SignJWT } from 'jose'
import { beforeAll, expect, test } from 'vitest'
import { instantOf } from '../../functions/kernel/clock.ts'
import { Refusal } from '../../functions/kernel/refusal.ts'
import { accessVerifier } from '../../functions/oauth/verify-access.ts'
import { askToken, basic, type OAuthParts, oauthParts } from './server.ts'

const issuer = 'https://tessera.example'
let parts: OAuthParts
let real: string
let nowSeconds: number
beforeAll(async () => {
  parts = await oauthParts(issuer)
  const { body } = await askToken(parts, basic('youku', 'youku-secret'))
  real = body['access_token'] as string
  nowSeconds = Math.floor(Date.now() / 1000)
})

const verifierAt = (offsetSeconds = 0) =>
  accessVerifier({ issuer, keys: parts.keys, wallNow: () => instantOf((nowSeconds + offsetSeconds) * 1000) })

/** A token of the gateway's own key: good unless header or claims say otherwise. */
async function token(claims: Record<string, unknown> = {}, header: Partial<JWTHeaderParameters> = {}): Promise<string> {
  const { kid, privateKey } = await parts.keys.current('access')
  return new SignJWT({
    iss: issuer,
    aud: issuer,
    sub: 'youku',
    client_id: 'youku',
    brand: 'youku',
    jti: 'j',
    iat: nowSeconds,
    exp: nowSeconds + 600,
    scope: 'usage:write',
    ...claims,
  })
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid, ...header })
    .sign(privateKey)
}

const refused = async (verify: (token: string) => Promise<unknown>, bad: string) => {
  const thrown = await verify(bad).then(
    () => undefined,
    error => error,
  )
  expect(thrown).toBeInstanceOf(Refusal)
  expect(thrown).toMatchObject({
    code: 'unauthenticated',
    headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
  })
}

test('a token is checked without any table call once the keys are known, the first time as well as again', async () => {
  const verify = verifierAt()
  await parts.keys.publicKeysFor('access')
  parts.calls.length = 0
  const caller = {
    client: 'youku',
    brand: 'youku',
    partner: 'youku',
    scopes: ['entitlements:read', 'usage:write'],
  }
  expect(await verify(real)).toEqual(caller)
  expect(await verify(real)).toEqual(caller)
  expect(await verify(await token())).toEqual({ client: 'youku', brand: 'youku', scopes: ['usage:write'] })
  await refused(verify, await token({ aud: 'x' }))
  expect(parts.calls).toEqual([])
})

test('a token lives until its expiry and at most five seconds more, remembered or not', async () => {
  let offset = 0
  const moving = accessVerifier({
    issuer,
    keys: parts.keys,
    wallNow: () => instantOf((nowSeconds + offset) * 1000),
  })
  const held = await token()
  for (const verify of [verifierAt(604), moving]) await verify(held)
  offset = 605
  await refused(moving, held)
  await refused(verifierAt(605), held)
})

test('whoever came with a proof is told of an expired token by a DPoP challenge', async () => {
  const thumbprint = 'x'.repeat(43)
  const bound = await token({ cnf: { jkt: thumbprint } })
  const proven = { proof: undefined, method: 'GET', path: '/who' }
  await expect(verifierAt(700)(bound, proven)).rejects.toMatchObject({
    code: 'unauthenticated',
    message: expect.stringContaining('has expired; get a new one'),
    headers: { 'www-authenticate': 'DPoP error="invalid_token", algs="ES256 Ed25519 PS256"' },
  })
})

test('a token of a key that was withdrawn is refused although it was remembered', async () => {
  let trusted = await parts.keys.publicKeysFor('access')
  const keys = { publicKeysFor: async () => trusted }
  const verify = accessVerifier({ issuer, keys, wallNow: () => instantOf(nowSeconds * 1000) })
  await verify(real)
  trusted = []
  await refused(verify, real)
})

const memberSubject = 'sub_01K00000000000000000000000'
const segment = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const at = (offset: number) => nowSeconds + offset
test.each<[string, () => Promise<string>]>([
  ['of another issuer', () => token({ iss: 'https://else.example' })],
  ['for another audience', () => token({ aud: 'https://else.example' })],
  ['for two audiences', () => token({ aud: [issuer, 'https://else.example'] })],
  ['expired', () => token({ iat: at(-700), exp: at(-100) })],
  ['from the future', () => token({ iat: at(60), exp: at(600) })],
  ['with a longer life than we give', () => token({ exp: at(86_400) })],
  ['with an absurd expiry', () => token({ exp: 1e300 })],
  ['without expiry', () => token({ exp: undefined })],
  ['without client', () => token({ client_id: undefined })],
  ['of a person', () => token({ sub: 'lin' })],
  ['without brand', () => token({ brand: undefined })],
  ['bound to nothing that is a key', () => token({ cnf: { jkt: 'x' } })],
  ['of a machine with the scope of a link', () => token({ scope: 'link' })],
  ['of a member with the scope of a machine', () => token({ sub: memberSubject })],
  ['of a member with both', () => token({ sub: memberSubject, scope: 'link usage:write' })],
  ['of a member without a partner', () => token({ sub: memberSubject, scope: 'link', partner: undefined })],
  ['of type JWT', () => token({}, { typ: 'JWT' })],
  ['of type entitlement', () => token({}, { typ: 'benefit-entitlement+jwt' })],
  ['without a key id', () => token({}, { kid: undefined } as unknown as JWTHeaderParameters)],
  ['with an unknown key id', () => token({}, { kid: 'x' })],
  ['with a key in its header', () => token({}, { jwk: { kty: 'EC' } } as unknown as JWTHeaderParameters)],
  ['signed for another purpose', async () => parts.keys.sign('entitlement', 'at+jwt', decodeJwt(real))],
  [
    'signed by another key under our key id',
    async () => {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const { kid } = await parts.keys.current('access')
      return new SignJWT(decodeJwt(real)).setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid }).sign(privateKey)
    },
  ],
  [
    'signed with HS256 and the public key as secret',
    async () => {
      const { kid, privateKey } = await parts.keys.current('access')
      const secret = createPublicKey(privateKey).export({ type: 'spki', format: 'pem' })
      return new SignJWT(decodeJwt(real))
        .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', kid })
        .sign(Buffer.from(secret))
    },
  ],
  ['unsigned', async () => `${segment({ alg: 'none', typ: 'at+jwt' })}.${real.split('.')[1]}.`],
  ['with other claims under its signature', async () => real.replace(/\.[^.]+\./, `.${segment({ sub: 'alibaba' })}.`)],
  ['with a trailing newline', async () => `${real}\n`],
  ['with padding', async () => `${real}==`],
  ['with a non-canonical last character', async () => `${real.slice(0, -1)}${nextCharacter(real.slice(-1))}`],
  ['with a fourth part', async () => `${real}.x`],
  ['of 5,000 characters', async () => token({ padding: 'x'.repeat(5000) })],
  ['that is no token', async () => 'x'],
  ['that is empty', async () => ''],
])('a token %s is refused', async (_name, make) => {
  const verify = verifierAt()
  await verify(real)
  await refused(verify, await make())
})

/** 64 bytes leave four unused bits in the last character: the next one decodes to the same bytes in lenient decoders. */
const nextCharacter = (character: string) => String.fromCharCode(character.charCodeAt(0) + 1)

test.each([
  ['no header', undefined, 401, 'Bearer'],
  ['another scheme', basic('youku', 'youku-secret')['authorization'], 401, 'Bearer error="invalid_token"'],
  ['an empty token', 'Bearer ', 401, 'Bearer error="invalid_token"'],
  ['a bad token', 'Bearer x.y.z', 401, 'Bearer error="invalid_token"'],
])('an operation answers 401 to %s', async (_name, authorization, status, challenge) => {
  const response = await parts.app.request('/who', { headers: authorization === undefined ? {} : { authorization } })
  expect([response.status, response.headers.get('www-authenticate')]).toEqual([status, challenge])
  expect(await response.json()).toMatchObject({ code: 'unauthenticated' })
})

test('the scheme is read in any case, and a public route needs no token', async () => {
  expect((await parts.app.request('/who', { headers: { authorization: `bearer ${real}` } })).status).toBe(200)
  expect((await parts.app.request('/.well-known/oauth-authorization-server')).status).toBe(200)
})

test('an https issuer has its own token endpoint as audience', async () => {
  const { body, response } = await askToken(parts, basic('youku', 'youku-secret'))
  expect([response.status, body['expires_in']]).toEqual([200, 600])
})
