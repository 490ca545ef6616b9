import { createPublicKey } from 'node:crypto'
import { beforeAll, describe, expect, test } from 'vitest'
import { createTestIssuer, forgeries, type Genuine, type Members, TOKEN_KINDS } from '../../sdk/testing/index.ts'
import { signChanged } from '../../sdk/testing/kinds.ts'
import { type GatewayWorld, gatewayWorld, issuer } from '../support/gateway.ts'

/**
 * The corpus of the partner kit at the gateway's own door: tokens that the gateway signed for something else, and access
 * tokens spoiled in every named way, under the gateway's own keys wherever that makes them more convincing.
 */
let world: GatewayWorld
beforeAll(async () => {
  world = await gatewayWorld()
})

const seconds = () => Math.floor(Date.now() / 1000)

/** A genuine access token of this gateway, in parts. */
async function genuineAccess(): Promise<Genuine> {
  const { kid, privateKey } = await world.services.keys.current('access')
  const claims = {
    iss: issuer,
    aud: issuer,
    sub: 'youku',
    client_id: 'youku',
    brand: 'youku',
    partner: 'youku',
    jti: 'attack',
    iat: seconds(),
    exp: seconds() + 600,
    scope: 'entitlements:read',
  }
  return {
    header: { alg: 'ES256', typ: TOKEN_KINDS.access.typ, kid },
    claims,
    key: { kid, privateKey, publicKey: createPublicKey(privateKey) },
  }
}

/** Asks for the caller's links: 200 with a good token. The text goes into the header as it is. */
async function ask(token: string): Promise<Response> {
  const headers = { authorization: `Bearer ${token}` }
  return world.request({ method: 'GET', path: '/v1/links?account=nobody', headers, body: undefined })
}

async function expectRefused(token: string): Promise<void> {
  const answer = await ask(token)
  expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Bearer error="invalid_token"'])
  expect(await answer.json()).toMatchObject({ code: 'unauthenticated' })
  world.confidential.add(token)
}

/** Characters that no HTTP header can carry: fetch itself refuses them before a server is asked. */
const sendable = (token: string): boolean => {
  try {
    new Headers({ authorization: `Bearer ${token}` })
    return true
  } catch {
    return false
  }
}

test('the genuine token is good', async () => {
  expect((await ask(signChanged(await genuineAccess()))).status).toBe(200)
})

/**
 * Spellings that pass: all but the last need a signature of the gateway's own access key under a text that the gateway
 * does not write, and the gateway is the only reader. The last is anybody's to make out of a token that is theirs already;
 * the authorization server's library signs either half of s, so both must pass.
 */
const UNFORGEABLE: readonly string[] = [
  'payload-not-utf8',
  'unpaired-surrogate',
  'number-beyond-double',
  'duplicate-claim',
  'duplicate-claim-escaped',
  'duplicate-nested',
  'duplicate-proto',
  'duplicate-alg',
  'duplicate-typ',
  'deep-payload',
  'signature-high-s',
]

/** White space at the ends is no part of a header's value (RFC 9110 section 5.5): such a token arrives whole. */
const offered = forgeries.filter(({ name }) => !['trailing-newline', 'trailing-crlf', 'leading-space'].includes(name))

describe('an access token spoiled', () => {
  test.each(offered.filter(({ name }) => !UNFORGEABLE.includes(name)))('$name: $what', async ({ forge }) => {
    const token = forge(await genuineAccess())
    if (sendable(token)) await expectRefused(token)
  })

  test.each(offered.filter(({ name }) => UNFORGEABLE.includes(name)))('passes as itself: $name', async ({ forge }) => {
    expect((await ask(forge(await genuineAccess()))).status).toBe(200)
  })
})

describe('another token of the gateway', () => {
  const kinds = ['entitlement', 'status-list', 'event', 'receipt', 'statement'] as const
  const claimsOf = (kind: keyof typeof TOKEN_KINDS): Members =>
    createTestIssuer({ issuer, audience: 'youku' }).genuine(kind).claims

  test.each(kinds)('%s, as the gateway signs it', async kind => {
    const { typ, purpose } = TOKEN_KINDS[kind]
    await expectRefused(await world.services.keys.sign(purpose, typ, claimsOf(kind)))
  })

  test.each(kinds)('%s, with the claims of an access token', async kind => {
    const { typ, purpose } = TOKEN_KINDS[kind]
    const { claims } = await genuineAccess()
    await expectRefused(await world.services.keys.sign(purpose, typ, claims))
  })

  test.each(['entitlement', 'status-list', 'event', 'statement'] as const)(
    'an access token under the %s key',
    async purpose => {
      const { claims } = await genuineAccess()
      await expectRefused(await world.services.keys.sign(purpose, TOKEN_KINDS.access.typ, claims))
    },
  )

  test.each(kinds)('%s claims under the access key and typ', async kind => {
    const genuine = await genuineAccess()
    await expectRefused(signChanged({ ...genuine, claims: claimsOf(kind) }))
  })
})

describe('an access token with', () => {
  const rows: readonly (readonly [string, () => Members])[] = [
    ['no iss', () => ({ iss: undefined })],
    ['another iss', () => ({ iss: 'https://attacker.example' })],
    ['iss with a slash more', () => ({ iss: `${issuer}/` })],
    ['iss in an array', () => ({ iss: [issuer] })],
    ['no aud', () => ({ aud: undefined })],
    ['aud a partner', () => ({ aud: 'youku' })],
    ['aud an array', () => ({ aud: [issuer] })],
    ['aud an array of two', () => ({ aud: [issuer, 'https://else.example'] })],
    ['no sub', () => ({ sub: undefined })],
    ['the sub of another', () => ({ sub: 'alibaba' })],
    ['no client_id', () => ({ client_id: undefined })],
    ['no jti', () => ({ jti: undefined })],
    ['no iat', () => ({ iat: undefined })],
    ['iat a string', () => ({ iat: String(seconds()) })],
    ['iat ahead', () => ({ iat: seconds() + 60, exp: seconds() + 600 })],
    ['iat 1e300', () => ({ iat: 1e300 })],
    ['no exp', () => ({ exp: undefined })],
    ['exp a string', () => ({ exp: String(seconds() + 600) })],
    ['exp 1e300', () => ({ exp: 1e300 })],
    ['exp a fraction', () => ({ exp: seconds() + 600.5 })],
    ['exp in the past', () => ({ iat: seconds() - 700, exp: seconds() - 100 })],
    ['exp before iat', () => ({ exp: seconds() - 1 })],
    ['too long a life', () => ({ exp: seconds() + 86_400 })],
    ['a binding to a key', () => ({ cnf: { jkt: 'x' } })],
    ['scope an array', () => ({ scope: ['entitlements:read'] })],
    ['no brand', () => ({ brand: undefined })],
    ['a brand that is a path', () => ({ brand: '../alibaba' })],
  ]
  test.each(rows)('%s', async (_, change) => {
    await expectRefused(signChanged(await genuineAccess(), change()))
  })
})

test('no refused token stands in a log', () => {
  const text = world.lines.join('\n')
  expect([...world.confidential].filter(token => token.length > 20 && text.includes(token))).toEqual([])
})
