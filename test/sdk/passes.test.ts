import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createPassDesk, createVerifier, type PassClaims, type Verifier } from '../../sdk/index.ts'
import { AUDIENCE, claims, codeOf, HEADER, type LoopbackServer, mint, NOW, serveJwks, strangerPair } from './issuer.ts'

let server: LoopbackServer
let now = NOW
let verifier: Verifier
beforeAll(async () => {
  server = await serveJwks()
  verifier = createVerifier({ issuer: server.url, audience: AUDIENCE, now: () => now })
})
afterAll(() => server[Symbol.asyncDispose]())

const pass = (jti: string, change: object = {}) => mint({ ...claims(server.url), jti, exp: NOW + 60, ...change })

describe('a pass is accepted once', () => {
  test('it says what the member may use', async () => {
    const entitled = await createPassDesk({ verifier }).accept(pass('pass-1'))
    expect(entitled.tokenId).toBe('pass-1')
    expect(entitled.entitlement('youku-gifts')?.remaining).toBe(3)
  })

  test('and never again at this till, also where it was signed anew under its id', async () => {
    const desk = createPassDesk({ verifier })
    await desk.accept(pass('pass-1'))
    expect(await codeOf(desk.accept(pass('pass-1')))).toBe('pass-replayed')
    expect(await codeOf(desk.accept(pass('pass-1', { exp: NOW + 59 })))).toBe('pass-replayed')
    expect(await codeOf(desk.accept(pass('pass-2')))).toBe('accepted')
  })

  test.each([
    ['in memory', undefined],
    ['in a store that takes its time', slowStore()],
  ])('of twenty scans at once one is accepted: %s', async (_, shared) => {
    // A verifier of each till, which has never seen the token.
    const desks = Array.from({ length: 4 }, () =>
      createVerifier({ issuer: server.url, audience: AUDIENCE, now: () => NOW }),
    ).map(own => createPassDesk({ verifier: own, claims: shared }))
    const [first] = desks
    const token = pass('pass-3')
    const scans = Array.from({ length: 20 }, (_unused, scan) => (shared ? desks[scan % 4] : first)?.accept(token))
    const codes = await Promise.all(scans.map(scan => codeOf(scan ?? Promise.reject(new Error('no desk')))))
    expect(codes.toSorted()).toEqual(['accepted', ...Array.from({ length: 19 }, () => 'pass-replayed')])
  })
})

/** One set-if-absent of a store that answers in any order. */
function slowStore(): PassClaims {
  const held = new Set<string>()
  return {
    async claim(passId) {
      await new Promise(done => setTimeout(done, Math.random() * 5))
      const isFirst = !held.has(passId)
      held.add(passId)
      return isFirst
    },
  }
}

describe('what is no pass is refused and not claimed', () => {
  const refusals = (): [string, string, object][] => [
    ['pass-too-long', mint({ ...claims(server.url), jti: 'pass-9' }), {}],
    ['pass-too-long', pass('pass-9', { exp: NOW + 66 }), {}],
    ['token-expired', pass('pass-9', { iat: NOW - 60, nbf: NOW - 60, exp: NOW }), {}],
    ['audience-mismatch', pass('pass-9', { aud: 'eleme' }), {}],
    ['signature-invalid', mint({ ...claims(server.url), jti: 'pass-9' }, HEADER, strangerPair.privateKey), {}],
    ['segment-count', 'https://weixin.example/pay?x', {}],
  ]

  test('by its code', async () => {
    const claimed: string[] = []
    const desk = createPassDesk({ verifier, claims: { claim: passId => claimed.push(passId) > 0 } })
    for (const [code, token] of refusals()) expect(await codeOf(desk.accept(token))).toBe(code)
    expect(claimed).toEqual([])
    expect(await codeOf(desk.accept(pass('pass-9', { exp: NOW + 65 })))).toBe('accepted')
    expect(claimed).toEqual(['pass-9'])
  })

  test('claims are told the id, the end and the pass', async () => {
    const asked: unknown[] = []
    const desk = createPassDesk({ verifier, claims: { claim: (...told) => asked.push(told) > 0 } })
    const token = pass('pass-10')
    await desk.accept(token)
    expect(asked).toEqual([['pass-10', NOW + 60, token]])
  })

  test('a store that fails, or answers neither yes nor no, accepts nothing', async () => {
    const failing = createPassDesk({ verifier, claims: { claim: () => Promise.reject(new Error('store away')) } })
    await expect(failing.accept(pass('pass-11'))).rejects.toThrow('store away')
    const vague = createPassDesk({ verifier, claims: { claim: () => 'OK' as unknown as boolean } })
    await expect(vague.accept(pass('pass-11'))).rejects.toThrow(TypeError)
  })
})

describe('the memory of one till', () => {
  test('holds every pass that could still be shown, and forgets the dead', async () => {
    now = NOW
    const fake = (jti: string, exp: number) => JSON.stringify({ jti, exp })
    // Signatures are not the matter here: the verifier is one that believes what it reads.
    const one = await verifier.verify(pass('any'))
    const desk = createPassDesk({
      verifier: {
        async verify(text) {
          const { jti, exp } = JSON.parse(text) as { jti: string; exp: number }
          return { ...one, tokenId: jti, issuedAt: exp - 60, expiresAt: exp }
        },
      },
    })
    for (let shown = 0; shown < 10_000; shown++) await desk.accept(fake(`p-${shown}`, NOW + 60))
    await expect(desk.accept(fake('p-more', NOW + 184))).rejects.toThrow(RangeError)
    expect(await codeOf(desk.accept(fake('p-0', NOW + 60)))).toBe('pass-replayed')
    expect(await codeOf(desk.accept(fake('p-later', NOW + 185)))).toBe('accepted')
    expect(await codeOf(desk.accept(fake('p-later', NOW + 185)))).toBe('pass-replayed')
  })
})

test('wrong options are told at once', () => {
  expect(() => createPassDesk({ verifier: {} as Verifier })).toThrow(TypeError)
  expect(() => createPassDesk({ verifier, claims: {} as PassClaims })).toThrow(TypeError)
})
