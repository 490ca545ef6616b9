import fc from 'fast-check'
import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createVerifier, TokenRefused, type Verifier } from '../../sdk/index.ts'
import {
  AUDIENCE,
  b64u,
  claims,
  codeOf,
  HEADER,
  type LoopbackServer,
  mint,
  NOW,
  pair,
  serveJwks,
  withS,
} from './issuer.ts'

let server: LoopbackServer
let verifier: Verifier

beforeAll(async () => {
  server = await serveJwks()
  verifier = createVerifier({ issuer: server.url, audience: AUDIENCE, now: () => NOW })
})
afterAll(() => server[Symbol.asyncDispose]())

describe('a genuine token', () => {
  test('gives its entitlements', async () => {
    const entitled = await verifier.verify(mint(claims(server.url)))
    expect(entitled).toMatchObject({
      subject: 'pairwise-7Qp',
      linkId: 'lnk_01',
      sequence: 42,
      tokenId: 'tok_01',
      issuedAt: NOW,
      expiresAt: NOW + 900,
      status: 'unchecked',
    })
    expect(entitled.entitlements).toEqual([
      { id: 'ent_1', benefit: 'youku-vip', state: 'active', validUntil: NOW + 86_400, limits: { streams: 2 } },
      { id: 'ent_2', benefit: 'youku-gifts', state: 'ending', validUntil: NOW + 3600, limits: {}, remaining: 3 },
    ])
    expect(entitled.has('youku-vip')).toBe(true)
    expect(entitled.has('eleme-5off')).toBe(false)
    expect(entitled.entitlement('youku-gifts')?.remaining).toBe(3)
  })

  test('may come from jose, without status, with claims nobody knows', async () => {
    const { status: _, ...rest } = claims(server.url)
    const token = await new SignJWT({ ...rest, later: true }).setProtectedHeader(HEADER).sign(pair.privateKey)
    expect(await verifier.verify(spelled(token, 'low'))).toMatchObject({ tokenId: 'tok_01', status: 'unchecked' })
  })

  test('leaves ended entitlements out', async () => {
    const ent = [
      { id: 'ent_1', bid: 'youku-vip', st: 'ending', vu: NOW },
      { id: 'ent_2', bid: 'youku-gifts', st: 'active', vu: NOW + 1 },
    ]
    const entitled = await verifier.verify(mint({ ...claims(server.url), ent }))
    expect(entitled.entitlements.map(one => one.id)).toEqual(['ent_2'])
    expect(entitled.has('youku-vip')).toBe(false)
  })

  test.each([
    ['iat and nbf 60 s ahead', { iat: NOW + 60, nbf: NOW + 60 }],
    ['one second to live', { iat: NOW - 899, nbf: NOW - 899, exp: NOW + 1 }],
    ['a life of 3600 s', { exp: NOW + 3600 }],
    ['seq 0', { seq: 0 }],
    ['eight levels deep', { deep: [[[[[[[0]]]]]]] }],
  ])('passes at the edge: %s', async (_, change) => {
    expect(await codeOf(verifier.verify(mint({ ...claims(server.url), ...change })))).toBe('accepted')
  })

  test('passes at 8192 bytes and not beyond', async () => {
    const sized = (fill: number) => mint({ ...claims(server.url), fill: 'x'.repeat(fill) })
    const fill = Math.floor(((8192 - sized(0).length) / 4) * 3)
    const lengths = [-3, -2, -1, 0, 1, 2, 3, 4].map(step => sized(fill + step))
    for (const token of lengths) {
      expect(await codeOf(verifier.verify(token))).toBe(token.length <= 8192 ? 'accepted' : 'token-too-large')
    }
    // Base64url has no length of 4n + 1, so the limit itself may not be a possible length.
    expect(lengths.some(token => token.length > 8190 && token.length <= 8192)).toBe(true)
    expect(lengths.some(token => token.length > 8192)).toBe(true)
  })

  test('passes with s in the lower half only, unless high-S is to be accepted', async () => {
    const token = mint(claims(server.url))
    const options = { issuer: server.url, audience: AUDIENCE, now: () => NOW }
    const lenient = createVerifier({ ...options, highS: 'accept' })
    expect(await codeOf(verifier.verify(spelled(token, 'low')))).toBe('accepted')
    expect(await codeOf(verifier.verify(spelled(token, 'high')))).toBe('signature-high-s')
    expect(await codeOf(lenient.verify(spelled(token, 'low')))).toBe('accepted')
    expect(await codeOf(lenient.verify(spelled(token, 'high')))).toBe('accepted')
  })
})

/** The same token with s in the wanted half of the group order. */
function spelled(token: string, half: 'low' | 'high'): string {
  const [head, payload, signature = ''] = token.split('.')
  return `${head}.${payload}.${b64u(withS(Buffer.from(signature, 'base64url'), half))}`
}

test('a token with any one character changed is refused', async () => {
  const token = mint(claims(server.url))
  const character = fc.oneof(
    fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  )
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: token.length - 1 }), character, async (at, other) => {
      fc.pre(token[at] !== other)
      const changed = token.slice(0, at) + other + token.slice(at + 1)
      expect(await codeOf(verifier.verify(changed))).not.toBe('accepted')
    }),
    { numRuns: 1000 },
  )
})

test('a token with any one character left out or put in is refused', async () => {
  const token = mint(claims(server.url))
  for (let at = 0; at < token.length; at += 1) {
    const shorter = token.slice(0, at) + token.slice(at + 1)
    const longer = `${token.slice(0, at)}A${token.slice(at)}`
    expect(await codeOf(verifier.verify(shorter))).not.toBe('accepted')
    expect(await codeOf(verifier.verify(longer))).not.toBe('accepted')
  }
})

describe('set-up', () => {
  const make = (issuer: string, audience = AUDIENCE) => createVerifier({ issuer, audience })

  test.each([
    'http://tessera.example',
    'http://localhost.attacker.example',
    'http://127.0.0.1.attacker.example',
    'http://10.0.0.1',
    'ftp://localhost',
    'https://user:secret@tessera.example',
    'https://tessera.example?x=1',
    'https://tessera.example#x',
    ' https://tessera.example',
    'tessera.example',
    '',
  ])('refuses the issuer %j', issuer => {
    expect(() => make(issuer)).toThrow(TypeError)
  })

  test.each(['https://tessera.example/path', 'http://localhost:8787', 'http://[::1]:1', 'http://127.0.0.1:1'])(
    'takes the issuer %j',
    issuer => {
      expect(() => make(issuer)).not.toThrow()
    },
  )

  test('refuses an empty audience', () => {
    expect(() => make('https://tessera.example', '')).toThrow(TypeError)
  })

  test('a broken clock opens nothing', async () => {
    const broken = createVerifier({ issuer: server.url, audience: AUDIENCE, now: () => Number.NaN })
    await expect(broken.verify(mint(claims(server.url)))).rejects.toThrow(TypeError)
  })

  test('a refusal names its code and repeats nothing of the token', async () => {
    const refusal = await verifier.verify(mint({ ...claims(server.url), aud: 'secret-partner' })).catch(error => error)
    expect(refusal).toBeInstanceOf(TokenRefused)
    expect(refusal).toMatchObject({ name: 'TokenRefused', code: 'audience-mismatch', temporary: false })
    expect(`${refusal.message}${refusal.stack}`).not.toMatch(/secret-partner|pairwise/)
  })
})
