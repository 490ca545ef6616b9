import type { RequestListener } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { createVerifier, type KeyLimits, TokenRefused } from '../../sdk/index.ts'
import {
  AUDIENCE,
  claims,
  codeOf,
  HEADER,
  jwk,
  jwks,
  KID,
  type LoopbackServer,
  mint,
  NOW,
  pair,
  serve,
  strangerPair,
} from './issuer.ts'

type Answer = RequestListener
const answer =
  (body: string, headers: Record<string, string> = {}, status = 200): Answer =>
  (_, response) => {
    response.writeHead(status, headers)
    response.end(body)
  }
const down: Answer = answer('', {}, 503)
const maxAge = (directives: string): Record<string, string> => ({ 'cache-control': directives })

const open: LoopbackServer[] = []
afterEach(async () => {
  for (const server of open.splice(0)) await server[Symbol.asyncDispose]()
})

/** A real issuer whose answer can be changed, and a verifier whose clock can be moved. */
async function scene(first: Answer, limits: Partial<KeyLimits> = {}) {
  const state = { answer: first, now: NOW }
  const server = await serve((request, response) => state.answer(request, response))
  open.push(server)
  const verifier = createVerifier({ issuer: server.url, audience: AUDIENCE, now: () => state.now, limits })
  const verify = (kid = KID, key = pair.privateKey) => {
    const times = { iat: state.now, nbf: state.now, exp: state.now + 900 }
    const ent = [{ id: 'ent_1', bid: 'youku-vip', st: 'active', vu: state.now + 900 }]
    return codeOf(verifier.verify(mint({ ...claims(server.url), ...times, ent }, { ...HEADER, kid }, key)))
  }
  return { state, server, verify, verifier }
}

describe('fetching', () => {
  test('a server that never answers runs into the timeout', async () => {
    const { verify } = await scene(() => undefined, { timeoutMilliseconds: 50 })
    expect(await verify()).toBe('keys-timeout')
  })

  test('a server that drips runs into the timeout', async () => {
    const drip: Answer = (_, response) => {
      const timer = setInterval(() => response.write(' '), 10)
      response.on('close', () => clearInterval(timer))
    }
    const { verify } = await scene(drip, { timeoutMilliseconds: 100 })
    expect(await verify()).toBe('keys-timeout')
  })

  test('the timeout closes the connection', async () => {
    const closed = Promise.withResolvers<string>()
    const { verify } = await scene((_, response) => response.on('close', () => closed.resolve('closed')), {
      timeoutMilliseconds: 50,
    })
    expect(await verify()).toBe('keys-timeout')
    expect(await closed.promise).toBe('closed')
  })

  test('a fetch that does not heed its signal runs into the timeout', async () => {
    const deaf = createVerifier({
      issuer: 'https://tessera.example',
      audience: AUDIENCE,
      now: () => NOW,
      fetch: () => new Promise(() => undefined),
      limits: { timeoutMilliseconds: 20 },
    })
    expect(await codeOf(deaf.verify(mint(claims('https://tessera.example'))))).toBe('keys-timeout')
  })

  test.each<[string, Answer]>([
    ['that says its size', answer(jwks().padEnd(65_537))],
    [
      'that hides its size',
      (_, response) => {
        response.write(jwks())
        for (let block = 0; block < 70; block += 1) response.write(' '.repeat(1024))
        response.end()
      },
    ],
  ])('a huge document %s', async (_, huge) => {
    const { verify } = await scene(huge)
    expect(await verify()).toBe('keys-too-large')
  })

  test('64 KB are still read', async () => {
    const { verify } = await scene(answer(jwks().padEnd(65_536)))
    expect(await verify()).toBe('accepted')
  })

  test.each([301, 302, 303, 307, 308])('redirect %i is not followed', async status => {
    const target = await serve(answer(jwks()))
    open.push(target)
    const { verify } = await scene(answer('', { location: `${target.url}/.well-known/jwks.json` }, status))
    expect(await verify()).toBe('keys-redirected')
    expect(target.hits()).toBe(0)
  })

  test.each([204, 404, 500, 503])('status %i is no answer', async status => {
    const { verify } = await scene(answer(status === 204 ? '' : jwks(), {}, status))
    expect(await verify()).toBe('keys-unavailable')
  })

  test('nobody listens', async () => {
    const { verify, server } = await scene(down)
    await server[Symbol.asyncDispose]()
    expect(await verify()).toBe('keys-unavailable')
  })

  test('a missing key document is a temporary refusal', async () => {
    const { verifier, server } = await scene(down)
    const refusal = await verifier.verify(mint(claims(server.url))).catch(error => error)
    expect(refusal).toBeInstanceOf(TokenRefused)
    expect(refusal.temporary).toBe(true)
  })

  const { x: _, ...noX } = jwk(pair.publicKey, KID)
  test.each([
    ['not JSON', 'keys'],
    ['no keys member', '{}'],
    ['keys an object', '{"keys":{}}'],
    ['a member twice', `{"keys":[],"keys":${JSON.stringify([jwk(pair.publicKey, KID)])}}`],
    ['a kid twice', JSON.stringify({ keys: [jwk(pair.publicKey, KID), jwk(strangerPair.publicKey, KID)] })],
    ['a point off the curve', JSON.stringify({ keys: [{ ...noX, x: 'A'.repeat(43) }] })],
    ['65 keys', JSON.stringify({ keys: Array.from({ length: 65 }, () => ({})) })],
  ])('a bad document: %s', async (_name, body) => {
    const { verify } = await scene(answer(body))
    expect(await verify()).toBe('keys-invalid')
  })

  test.each([
    ['for encryption', { use: 'enc' }],
    ['of another algorithm', { alg: 'ES384' }],
    ['for other operations', { key_ops: ['encrypt'] }],
    ['with its private part', pair.privateKey.export({ format: 'jwk' })],
    ['of another type', { kty: 'OKP' }],
  ])('a key %s is passed over', async (_name, change) => {
    const { verify } = await scene(answer(JSON.stringify({ keys: [{ ...jwk(pair.publicKey, KID), ...change }] })))
    expect(await verify()).toBe('kid-unknown')
  })
})

describe('keeping', () => {
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

  test('while the issuer is down the last keys serve for one hour, asked for every 30 s', async () => {
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
    expect(await verify()).toBe('accepted')
  })

  test('an unknown kid while the issuer is down is a temporary refusal first', async () => {
    const { verify, state } = await scene(answer(jwks()))
    await verify()
    state.answer = down
    expect(await verify('k2')).toBe('keys-unavailable')
    expect(await verify()).toBe('accepted')
  })

  test('a clock set back fetches anew', async () => {
    const { verify, server, state } = await scene(answer(jwks()))
    await verify()
    state.now = NOW - 10_000
    expect(await verify()).toBe('accepted')
    expect(server.hits()).toBe(2)
  })
})
