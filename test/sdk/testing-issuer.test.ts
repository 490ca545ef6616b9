import { describe, expect, test } from 'vitest'
import { StatusListClaims } from '../../schemas/status-list.ts'
import { EntitlementTokenClaims, tokenTypes } from '../../schemas/token.ts'
import { createVerifier, TokenRefused } from '../../sdk/index.ts'
import { createTestIssuer, type TestIssuer, TOKEN_KINDS } from '../../sdk/testing/index.ts'

const NOW = 1_790_000_000
const https = (): TestIssuer => createTestIssuer({ issuer: 'https://tessera.example', now: () => NOW })
const payloadOf = (token: string) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())

const codeOf = (verification: Promise<unknown>): Promise<string> =>
  verification.then(
    () => 'accepted',
    error => (error instanceof TokenRefused ? error.code : Promise.reject(error)),
  )

describe('what it signs is what the gateway signs', () => {
  test('types', () => {
    const types = Object.values(TOKEN_KINDS).map(({ typ }) => typ)
    expect(new Set(types)).toEqual(new Set(Object.values(tokenTypes)))
  })

  test('entitlement tokens and status lists fit the gateway’s own schemas', () => {
    const issuer = https()
    expect(EntitlementTokenClaims.parse(payloadOf(issuer.mint()))).toMatchObject({ aud: 'youku', ver: '1' })
    expect(StatusListClaims.parse(payloadOf(issuer.sign('status-list')))).toMatchObject({ iat: NOW })
  })

  test('every token is in low-S form and has an id of its own', () => {
    const issuer = https()
    const tokens = Array.from({ length: 50 }, () => issuer.mint())
    const halves = tokens.map(token => Buffer.from(token.split('.')[2] ?? '', 'base64url')[32] ?? 0xff)
    expect(halves.filter(byte => byte > 0x7f)).toEqual([])
    expect(new Set(tokens.map(token => payloadOf(token).jti)).size).toBe(tokens.length)
  })
})

describe('a bit', () => {
  test('revokes, suspends and resumes, each in its own list', async () => {
    const clock = { now: NOW }
    const issuer = createTestIssuer({ issuer: 'https://tessera.example', now: () => clock.now, ttlSeconds: 3600 })
    const { fetch, now, audience } = issuer
    const verifier = createVerifier({ issuer: issuer.issuer, audience, fetch, now, checkStatus: true })
    const tokenAt = (idx: number, list: number) =>
      issuer.mint({ status: { status_list: { idx, uri: issuer.listUri(list) } } })
    const [first, second] = [tokenAt(5, 1), tokenAt(5, 2)]
    issuer.setStatus({ index: 6, list: 2 }, 'valid')
    const outcomes = async () => [await codeOf(verifier.verify(first)), await codeOf(verifier.verify(second))]
    expect(await outcomes()).toEqual(['accepted', 'accepted'])
    for (const [status, code] of [
      ['suspended', 'token-suspended'],
      ['valid', 'accepted'],
      ['invalid', 'token-revoked'],
    ] as const) {
      issuer.setStatus({ index: 5, list: 2 }, status)
      clock.now += 61
      expect(await outcomes()).toEqual(['accepted', code])
    }
  })
})

describe('keys', () => {
  const kids = (issuer: TestIssuer) => issuer.jwks().keys.map(({ kid }) => kid)

  test('are one a purpose, and fresh for each issuer', () => {
    const [one, other] = [https(), https()]
    expect(new Set([...kids(one), ...kids(other)]).size).toBe(10)
    expect(one.jwks().keys.map(({ purpose }) => purpose)).toEqual([
      'entitlement',
      'status-list',
      'event',
      'statement',
      'access',
    ])
  })

  test('that are published are the same everywhere, for ever', () => {
    const published = () => kids(createTestIssuer({ keys: 'published' }))
    expect(published()).toEqual(published())
    expect(published()[0]).toBe('rHlOeZS29mjDYBlTgA0F5KV79lLFi4Fg4hBpsxoieuo')
  })

  test.each(['https://tessera.example', 'https://localhost'])('that are published are refused to %s', issuer => {
    expect(() => createTestIssuer({ issuer, keys: 'published' })).toThrow(TypeError)
  })

  test.each(['http://10.0.0.1', 'http://localhost@attacker.example', 'tessera.example'])('none for %s', issuer => {
    expect(() => createTestIssuer({ issuer })).toThrow(TypeError)
  })
})

describe('on the network', () => {
  test('an issuer that has no address takes the one it listens at', async () => {
    const issuer = createTestIssuer()
    const listening = await issuer.listen()
    try {
      expect(issuer.issuer).toBe(listening.url)
      const verifier = createVerifier({ issuer: listening.url, audience: 'youku', checkStatus: true })
      expect((await verifier.verify(issuer.mint())).has('youku-vip')).toBe(true)
    } finally {
      await listening.close()
      await listening.close()
    }
    await expect(fetch(listening.url)).rejects.toThrow()
  })

  test('an issuer with a path keeps it', async () => {
    const issuer = createTestIssuer({ issuer: 'http://localhost:1/tenants/a' })
    const listening = await issuer.listen()
    try {
      expect(issuer.issuer).toBe('http://localhost:1/tenants/a')
      expect((await fetch(`${listening.url}/tenants/a/.well-known/jwks.json`)).status).toBe(200)
      expect((await fetch(`${listening.url}/.well-known/jwks.json`)).status).toBe(404)
    } finally {
      await listening.close()
    }
  })
})
