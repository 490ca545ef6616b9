import { describe, expect, test } from 'vitest'
import { SECURITY_EVENT_TYP, SETTLEMENT_STATEMENT_TYP, USAGE_RECEIPT_TYP } from '../../sdk/index.ts'
import { createIssuerKeys } from '../../sdk/issuer-keys.ts'
import { createOpener } from '../../sdk/signed.ts'
import { codeOf, HEADER, jwk, jwks, KID, mint, NOW, pair, strangerPair } from './issuer.ts'
import { type Answer, answer, maxAge, scene } from './keys-scene.ts'

describe('purpose', () => {
  const published = (purpose: unknown) => answer(JSON.stringify({ keys: [{ ...jwk(pair.publicKey, KID), purpose }] }))

  test.each([
    ['entitlement', 'accepted'],
    [undefined, 'accepted'],
    ['status-list', 'key-purpose-mismatch'],
    ['event', 'key-purpose-mismatch'],
    ['statement', 'key-purpose-mismatch'],
    ['access', 'key-purpose-mismatch'],
    ['__proto__', 'key-purpose-mismatch'],
    ['', 'key-purpose-mismatch'],
    [['entitlement'], 'kid-unknown'],
    [null, 'kid-unknown'],
  ])('a key for %j and an entitlement token: %s', async (purpose, code) => {
    const { verify } = await scene(published(purpose))
    expect(await verify()).toBe(code)
  })

  test.each([
    [USAGE_RECEIPT_TYP, 'statement'],
    [SETTLEMENT_STATEMENT_TYP, 'statement'],
    [SECURITY_EVENT_TYP, 'event'],
    ['at+jwt', 'access'],
    ['unheard-of+jwt', 'none'],
  ])('%s wants a key for %s', async (typ, wanted) => {
    for (const purpose of ['entitlement', 'status-list', 'event', 'statement', 'access']) {
      const { server } = await scene(published(purpose))
      const now = () => NOW
      const open = createOpener({ keys: createIssuerKeys({ issuer: server.url, now }), now, typ })
      const code = await codeOf(open(mint({ iss: server.url, iat: NOW }, { ...HEADER, typ })))
      expect(code, purpose).toBe(purpose === wanted ? 'accepted' : 'key-purpose-mismatch')
    }
  })
})

describe('keeping', () => {
  test('a document that has not changed is not sent again, and is fresh again', async () => {
    const tags: (string | undefined)[] = []
    const tagged: Answer = (request, response) => {
      tags.push(request.headers['if-none-match'])
      response.writeHead(request.headers['if-none-match'] === '"v1"' ? 304 : 200, { etag: '"v1"' })
      response.end(request.headers['if-none-match'] === '"v1"' ? undefined : jwks())
    }
    const { verify, server, state } = await scene(tagged)
    for (const seconds of [0, 299, 300, 599, 600]) {
      state.now = NOW + seconds
      expect(await verify()).toBe('accepted')
    }
    expect(tags).toEqual([undefined, '"v1"', '"v1"'])
    expect(await verify('x1')).toBe('kid-unknown')
    expect(server.hits()).toBe(4)
  })

  test('"unchanged" is no answer to whoever holds nothing, and an odd entity tag is not sent back', async () => {
    const { verify, state } = await scene(answer('', {}, 304))
    expect(await verify()).toBe('keys-redirected')
    const tags: (string | undefined)[] = []
    state.answer = (request, response) => {
      tags.push(request.headers['if-none-match'])
      response.writeHead(200, { etag: 'v1", "v2' })
      response.end(jwks())
    }
    state.now += 5
    expect(await verify()).toBe('accepted')
    state.now += 300
    expect(await verify()).toBe('accepted')
    expect(tags).toEqual([undefined, undefined])
  })

  test('a connection that breaks is tried once more, and a server that only breaks them is not for ever', async () => {
    let breaks = 1
    const breaking: Answer = (_, response) => {
      if (breaks > 0) response.destroy()
      else response.end(jwks())
      breaks -= 1
    }
    const { verify, server } = await scene(breaking)
    expect(await verify()).toBe('accepted')
    expect(server.hits()).toBe(2)
    const { verify: again, server: broken } = await scene((_, response) => response.destroy())
    expect(await again()).toBe('keys-unavailable')
    expect(broken.hits()).toBe(2)
  })

  test('many verifications at once fetch once', async () => {
    const { verify, server } = await scene(answer(jwks()))
    const codes = await Promise.all(Array.from({ length: 20 }, () => verify()))
    expect(new Set(codes)).toEqual(new Set(['accepted']))
    expect(server.hits()).toBe(1)
  })

  test.each<[string, Record<string, string>, number]>([
    ['nothing said', {}, 300],
    ['max-age=120', maxAge('public, max-age=120'), 120],
    ['max-age=120 of age 50', { ...maxAge('max-age=120'), age: '50' }, 70],
    ['max-age=86400', maxAge('max-age=86400'), 300],
    ['max-age=0', maxAge('max-age=0'), 30],
    ['no-store', maxAge('no-store'), 30],
    ['s-maxage is not max-age', maxAge('s-maxage=40'), 300],
  ])('%s', async (_, headers, seconds) => {
    const { verify, server, state } = await scene(answer(jwks(), headers))
    await verify()
    state.now = NOW + seconds - 1
    expect(await verify()).toBe('accepted')
    expect(server.hits()).toBe(1)
    state.now = NOW + seconds
    expect(await verify()).toBe('accepted')
    expect(server.hits()).toBe(2)
  })

  test('unknown kids fetch at most once in 30 s', async () => {
    const { verify, server, state } = await scene(answer(jwks()))
    await verify()
    state.now += 5
    for (const kid of ['x1', 'x2', 'x3', 'x4']) expect(await verify(kid)).toBe('kid-unknown')
    expect(server.hits()).toBe(2)
    state.now += 29
    expect(await verify('x5')).toBe('kid-unknown')
    expect(server.hits()).toBe(2)
    state.now += 1
    expect(await verify('x6')).toBe('kid-unknown')
    expect(server.hits()).toBe(3)
    expect(await verify()).toBe('accepted')
  })

  test('a new key waits for the fetch that an unknown kid has started', async () => {
    const { verify, server, state } = await scene(answer(jwks()))
    await verify()
    state.answer = answer(JSON.stringify({ keys: [jwk(strangerPair.publicKey, 'k2')] }))
    const codes = await Promise.all([verify('x1'), verify('k2', strangerPair.privateKey)])
    expect(codes).toEqual(['kid-unknown', 'accepted'])
    expect(server.hits()).toBe(2)
  })

  test('an unknown kid on an empty cache fetches once, not twice', async () => {
    const { verify, server } = await scene(answer(jwks()))
    expect(await verify('x1')).toBe('kid-unknown')
    expect(await verify('x2')).toBe('kid-unknown')
    expect(server.hits()).toBe(1)
  })

  test('a new key is found while the old document is fresh, and a withdrawn one is dropped', async () => {
    const { verify, state } = await scene(answer(jwks()))
    await verify()
    state.answer = answer(JSON.stringify({ keys: [jwk(strangerPair.publicKey, 'k2')] }))
    expect(await verify('k2', strangerPair.privateKey)).toBe('accepted')
    state.now += 40
    expect(await verify()).toBe('kid-unknown')
  })

  test('a clock set back fetches anew', async () => {
    const { verify, server, state } = await scene(answer(jwks()))
    await verify()
    state.now = NOW - 10_000
    expect(await verify()).toBe('accepted')
    expect(server.hits()).toBe(2)
  })
})
