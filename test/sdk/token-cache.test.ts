import { describe, expect, test } from 'vitest'
import { createVerifier, type VerifiedEntitlements, type VerifierOptions } from '../../sdk/index.ts'
import { AUDIENCE, claims, codeOf, HEADER, jwk, KID, mint, NOW, pair, strangerPair } from './issuer.ts'

const ISSUER = 'https://tessera.example'

/** An issuer whose keys and clock can be changed; `remembers` tells a token that was not verified anew. */
function scene(options: Partial<VerifierOptions> = {}) {
  const state = { now: NOW, keys: [jwk(pair.publicKey, KID)] }
  const verifier = createVerifier({
    issuer: ISSUER,
    audience: AUDIENCE,
    now: () => state.now,
    fetch: async () => new Response(JSON.stringify({ keys: state.keys })),
    ...options,
  })
  const verify = (token: string) => verifier.verify(token)
  // Remembered means answered with the same object, so that the test sees what costs nothing.
  const remembers = async (token: string) => {
    const first = await verify(token)
    return (await verify(token)) === first
  }
  return { state, verify, remembers }
}

const token = (change: Record<string, unknown> = {}) => mint({ ...claims(ISSUER), ...change })
const unended = (validUntil: number) => [{ id: 'ent_1', bid: 'youku-vip', st: 'active', vu: validUntil }]

describe('a remembered token', () => {
  test('is answered as it was', async () => {
    const { verify, remembers } = scene()
    const first = token()
    expect(await remembers(first)).toBe(true)
    expect((await verify(first)).tokenId).toBe('tok_01')
    expect(Object.isFrozen(await verify(first))).toBe(true)
  })

  test('dies at its exp, and is not believed before its time when the clock is set back', async () => {
    const { state, verify } = scene()
    const first = token()
    await verify(first)
    state.now = NOW + 899
    expect(await codeOf(verify(first))).toBe('accepted')
    state.now = NOW + 900
    expect(await codeOf(verify(first))).toBe('token-expired')
    expect(await codeOf(verify(first))).toBe('token-expired')
    state.now = NOW - 61
    expect(await codeOf(verify(first))).toBe('token-not-yet-valid')
    state.now = NOW - 60
    expect(await codeOf(verify(first))).toBe('accepted')
  })

  test('loses the entitlements that end meanwhile', async () => {
    const { state, verify } = scene()
    const first = token({
      ent: [...unended(NOW + 10), { id: 'ent_2', bid: 'youku-gifts', st: 'ending', vu: NOW + 20 }],
    })
    const ids = ({ entitlements }: VerifiedEntitlements) => entitlements.map(({ id }) => id)
    expect(ids(await verify(first))).toEqual(['ent_1', 'ent_2'])
    state.now = NOW + 10
    expect(ids(await verify(first))).toEqual(['ent_2'])
    state.now = NOW + 5
    expect(ids(await verify(first))).toEqual(['ent_1', 'ent_2'])
    state.now = NOW + 20
    expect(await codeOf(verify(first))).toBe('entitlements-ended')
  })

  test('is refused when its key is no longer published, and under another key of the same name', async () => {
    const { state, verify } = scene()
    const first = token()
    await verify(first)
    state.keys = []
    state.now += 299
    expect(await codeOf(verify(first))).toBe('accepted')
    state.now += 1
    expect(await codeOf(verify(first))).toBe('kid-unknown')
    state.keys = [jwk(strangerPair.publicKey, KID)]
    state.now += 300
    expect(await codeOf(verify(first))).toBe('signature-invalid')
  })

  test('is verified anew when its key is replaced by another of the same name', async () => {
    const { state, verify } = scene()
    const first = token()
    await verify(first)
    state.keys = [jwk(strangerPair.publicKey, KID)]
    state.now += 300
    expect(await codeOf(verify(first))).toBe('signature-invalid')
    expect(await codeOf(verify(mint(claims(ISSUER), HEADER, strangerPair.privateKey)))).toBe('accepted')
  })

  test('is refused when its key turns out to be for another purpose', async () => {
    const { state, verify } = scene()
    const first = token()
    await verify(first)
    state.keys = [{ ...jwk(pair.publicKey, KID), purpose: 'access' }]
    state.now += 300
    expect(await codeOf(verify(first))).toBe('key-purpose-mismatch')
  })

  test('stays remembered when its key document is fetched anew', async () => {
    const { state, verify } = scene()
    const first = token()
    const before = await verify(first)
    state.now += 300
    expect(await verify(first)).toBe(before)
  })

  test('is that very text: another with the same signature is another token', async () => {
    const { verify } = scene()
    const first = token()
    await verify(first)
    const [head, , signature] = first.split('.')
    const forged = [head, token({ sub: 'somebody-else' }).split('.')[1], signature].join('.')
    expect(await codeOf(verify(forged))).toBe('signature-invalid')
    expect(await codeOf(verify(`${first}\n`))).toBe('token-whitespace')
    expect(await codeOf(verify(first.slice(1)))).not.toBe('accepted')
    expect(await codeOf(verify(first))).toBe('accepted')
  })

  test('a broken clock opens nothing', async () => {
    const { state, verify } = scene()
    const first = token()
    await verify(first)
    state.now = Number.NaN
    await expect(verify(first)).rejects.toThrow(TypeError)
  })
})

describe('the memory', () => {
  test('is off when told so', async () => {
    expect(await scene({ cache: false }).remembers(token())).toBe(false)
    expect(await scene({ cache: { maxTokens: 0 } }).remembers(token())).toBe(false)
    expect(await scene({ cache: true }).remembers(token())).toBe(true)
  })

  test('is bounded, and the oldest goes first', async () => {
    const { verify } = scene({ cache: { maxTokens: 2 } })
    const [first, second, third] = [token({ jti: 'a' }), token({ jti: 'b' }), token({ jti: 'c' })]
    const answers = await Promise.all([first, second].map(verify))
    expect(await Promise.all([first, second].map(verify))).toEqual(answers)
    await verify(third)
    expect(await verify(second)).toBe(answers[1])
    expect(await verify(first)).not.toBe(answers[0])
  })

  test('holds nothing that was refused', async () => {
    const { verify } = scene({ cache: { maxTokens: 1 } })
    const good = token()
    const answer = await verify(good)
    for (const bad of [token({ aud: 'eleme' }), mint(claims(ISSUER), HEADER, strangerPair.privateKey), '', 'a.b.c']) {
      expect(await codeOf(verify(bad))).not.toBe('accepted')
      expect(await codeOf(verify(bad))).not.toBe('accepted')
    }
    expect(await verify(good)).toBe(answer)
  })

  test.each([-1, 1.5, Number.NaN])('of %d tokens is refused at set-up', maxTokens => {
    expect(() => scene({ cache: { maxTokens } })).toThrow(TypeError)
  })
})
