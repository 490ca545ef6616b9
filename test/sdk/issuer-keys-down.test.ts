import { describe, expect, test } from 'vitest'
import { createVerifier } from '../../sdk/index.ts'
import { createTestIssuer } from '../../sdk/testing/index.ts'
import { codeOf, jwks, NOW } from './issuer.ts'
import { answer, down, scene } from './keys-scene.ts'

/** An issuer that can be silenced: each exchange then takes five seconds of the clock before it comes to nothing. */
function silenceable() {
  const state = { now: NOW, silent: false, fetches: 0 }
  const issuer = createTestIssuer({ now: () => state.now })
  const verifier = createVerifier({
    issuer: issuer.issuer,
    audience: issuer.audience,
    now: () => state.now,
    fetch: async (url, init) => {
      state.fetches += 1
      if (!state.silent) return await issuer.fetch(url, init)
      state.now += 5
      throw new Error('nobody answers')
    },
  })
  const verify = (kid?: string) => codeOf(verifier.verify(issuer.mint({}, kid === undefined ? {} : { kid })))
  return { state, verify }
}

describe('while the issuer is down', () => {
  test('the last keys serve for one hour, asked for every 30 s', async () => {
    const { verify, server, state } = await scene(answer(jwks()))
    await verify()
    state.answer = down
    state.now = NOW + 300
    expect(await verify()).toBe('accepted')
    expect(await verify()).toBe('accepted')
    expect(server.hits()).toBe(2)
    state.now += 30
    expect(await verify()).toBe('accepted')
    expect(server.hits()).toBe(3)
    state.now = NOW + 300 + 3599
    expect(await verify()).toBe('accepted')
    state.now += 1
    expect(await verify()).toBe('keys-unavailable')
    state.answer = answer(jwks())
    state.now += 4
    expect(await verify()).toBe('accepted')
  })

  test('with no keys at all it is asked every 5 s, and every token is refused for the same reason meanwhile', async () => {
    const { verify, server, state } = await scene(down)
    for (let times = 0; times < 200; times += 1) expect(await verify()).toBe('keys-unavailable')
    expect(server.hits()).toBe(1)
    state.now += 4
    expect(await verify()).toBe('keys-unavailable')
    expect(server.hits()).toBe(1)
    state.now += 1
    expect(await verify()).toBe('keys-unavailable')
    expect(server.hits()).toBe(2)
    state.answer = answer(jwks())
    state.now += 5
    expect(await verify()).toBe('accepted')
  })

  test('a shorter cooldown holds with no keys too', async () => {
    const { verify, state } = await scene(down, { cooldownSeconds: 2 })
    expect(await verify()).toBe('keys-unavailable')
    state.answer = answer(jwks())
    state.now += 1
    expect(await verify()).toBe('keys-unavailable')
    state.now += 1
    expect(await verify()).toBe('accepted')
  })

  test('a pause begins when the attempt has ended', async () => {
    const { state, verify } = silenceable()
    state.silent = true
    expect(await verify()).toBe('keys-unavailable')
    expect(await verify()).toBe('keys-unavailable')
    state.now += 4
    expect(await verify()).toBe('keys-unavailable')
    expect(state.fetches).toBe(1)
    state.now += 1
    expect(await verify()).toBe('keys-unavailable')
    expect(state.fetches).toBe(2)
  })

  test('refusals during a pause name the cause, each on its own', async () => {
    const { verifier, server, state } = await scene(down)
    const token = createTestIssuer({ issuer: server.url, now: () => state.now }).mint()
    const [first, second] = [1, 2].map(() => verifier.verify(token).catch((error: unknown) => error))
    const later = await verifier.verify(token).catch((error: unknown) => error)
    expect(await first).toMatchObject({ code: 'keys-unavailable', temporary: true })
    expect(await second).toMatchObject({ code: 'keys-unavailable', cause: { fault: 'unavailable' } })
    const cooled = await verifier.verify(token).catch((error: unknown) => error)
    expect(cooled).toMatchObject({ code: 'keys-unavailable', cause: { fault: 'unavailable' } })
    expect(cooled).not.toBe(later)
    expect(server.hits()).toBe(1)
  })

  test('an unknown kid is a temporary refusal until the issuer can be asked', async () => {
    const { verify, server, state } = await scene(answer(jwks()))
    await verify()
    state.answer = down
    for (const kid of ['k2', 'k2', 'k3']) expect(await verify(kid)).toBe('keys-unavailable')
    expect(await verify()).toBe('accepted')
    state.now += 29
    expect(await verify('k2')).toBe('keys-unavailable')
    expect(server.hits()).toBe(2)
    state.now += 1
    state.answer = answer(jwks())
    expect(await verify('k2')).toBe('kid-unknown')
    expect(await verify('k3')).toBe('kid-unknown')
    expect(server.hits()).toBe(3)
  })

  test('an unknown kid is a temporary refusal also once the document has run out, for one fetch', async () => {
    const { state, verify } = silenceable()
    expect(await verify()).toBe('accepted')
    state.silent = true
    state.now += 300
    expect(await verify('made-up')).toBe('keys-unavailable')
    expect(state.fetches).toBe(2)
    expect(state.now).toBe(NOW + 305)
    expect(await verify('made-up')).toBe('keys-unavailable')
    expect(await verify()).toBe('accepted')
    expect(state.fetches).toBe(2)
  })

  test('an unknown kid at the end of the document is looked for once, with an issuer that answers too', async () => {
    const { state, verify } = silenceable()
    expect(await verify()).toBe('accepted')
    state.now += 300
    expect(await verify('made-up')).toBe('kid-unknown')
    expect(state.fetches).toBe(2)
  })
})
