import { describe, expect, test } from 'vitest'
import { createVerifier, TokenRefused } from '../../sdk/index.ts'
import { AUDIENCE, claims, codeOf, jwk, jwks, KID, mint, NOW, pair, serve, strangerPair } from './issuer.ts'
import { type Answer, answer, down, open, scene } from './keys-scene.ts'

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

  const { kty, crv, x, y } = jwk(pair.publicKey, KID)
  const shortJwk = (kid: string) => ({ kty, crv, x, y, kid })
  test.each([
    ['not JSON', 'keys'],
    ['no keys member', '{}'],
    ['keys an object', '{"keys":{}}'],
    ['a member twice', `{"keys":[],"keys":${JSON.stringify([jwk(pair.publicKey, KID)])}}`],
    ['a kid twice', JSON.stringify({ keys: [jwk(pair.publicKey, KID), jwk(strangerPair.publicKey, KID)] })],
    ['257 keys', JSON.stringify({ keys: Array.from({ length: 257 }, (_, at) => shortJwk(`k${at}`)) })],
  ])('a bad document: %s', async (_name, body) => {
    const { verify } = await scene(answer(body))
    expect(await verify()).toBe('keys-invalid')
  })

  test('256 keys of ours, and any number of others, are read', async () => {
    const keys = [...Array.from({ length: 255 }, (_, at) => shortJwk(`k${at}`)), shortJwk(KID)]
    const others = Array.from({ length: 500 }, (_, at) => ({ kty: 'OKP', kid: `o${at}` }))
    const { verify } = await scene(answer(JSON.stringify({ keys: [...others, ...keys] })))
    expect(await verify()).toBe('accepted')
    expect(await verify('k17')).toBe('accepted')
    expect(await verify('o17')).toBe('kid-unknown')
  })

  test.each([
    ['off the curve', { x: 'A'.repeat(43) }],
    ['with another alphabet', { x: '+'.repeat(43) }],
    ['with spare bits', { y: `${'A'.repeat(42)}B` }],
    ['with a short coordinate', { x: 'AAAA' }],
    ['without a coordinate', { x: undefined }],
    ['that is no object', undefined],
  ])('a key %s does not put the others out of use', async (_name, change) => {
    const bad = change === undefined ? 7 : { ...shortJwk('bad'), ...change }
    const { verify } = await scene(answer(JSON.stringify({ keys: [bad, shortJwk(KID)] })))
    expect(await verify()).toBe('accepted')
    expect(await verify('bad')).toBe('kid-unknown')
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
