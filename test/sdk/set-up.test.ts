import { describe, expect, test } from 'vitest'
import { createEventVerifier, createVerifier, type VerifierOptions } from '../../sdk/index.ts'
import { parseStrictJson } from '../../sdk/strict-json.ts'
import { createTestIssuer } from '../../sdk/testing/index.ts'
import { NOW } from './issuer.ts'

const issuer = createTestIssuer({ now: () => NOW })
const parties = { issuer: issuer.issuer, audience: issuer.audience }
/** A partner without TypeScript gives what it likes. */
const make = (options: Record<string, unknown>) =>
  createVerifier({ ...parties, fetch: issuer.fetch, now: () => NOW, ...(options as Partial<VerifierOptions>) })

describe('limits', () => {
  const names = [
    ...['timeoutMilliseconds', 'maxBytes', 'maxAgeSeconds', 'cooldownSeconds', 'staleSeconds', 'statusMaxBytes'],
    ...['statusMaxInflatedBytes', 'statusMaxAgeSeconds', 'statusCooldownSeconds', 'statusMaxLists'],
  ]

  test.each(names)('%s is a whole number within bounds, or left to its default', async name => {
    for (const wrong of [Number.NaN, Number.POSITIVE_INFINITY, -1, 1.5, 1e12, '5', null, {}]) {
      for (const checkStatus of [true, false]) {
        const wronged = () => make({ checkStatus, limits: { [name]: wrong } })
        expect(wronged, String(wrong)).toThrow(RangeError)
        expect(wronged).toThrow(`limits.${name} must be a whole number from `)
      }
    }
    const verifier = make({ checkStatus: true, limits: { [name]: undefined } })
    await expect(verifier.verify(issuer.mint())).resolves.toMatchObject({ status: 'valid' })
  })

  test('staleSeconds alone may be 0', () => {
    expect(() => make({ limits: { staleSeconds: 0 } })).not.toThrow()
    expect(() => make({ limits: { cooldownSeconds: 0 } })).toThrow(RangeError)
  })

  test('hold for the other verifiers too', () => {
    expect(() => createEventVerifier({ ...parties, limits: { maxBytes: Number.NaN } })).toThrow('limits.maxBytes')
    expect(() => createEventVerifier({ ...parties, maxTokenBytes: 0.5 })).toThrow('maxTokenBytes must be')
  })
})

describe('options that would be passed over', () => {
  test('onStaleStatus wants checkStatus', () => {
    for (const onStaleStatus of ['fail-open', 'fail-closed', () => 'fail-open'])
      for (const checkStatus of [undefined, false]) {
        expect(() => make({ onStaleStatus, checkStatus })).toThrow('onStaleStatus needs checkStatus: true')
        expect(() => make({ onStaleStatus, checkStatus })).toThrow(TypeError)
      }
    expect(() => make({ onStaleStatus: 'fail-open', checkStatus: true })).not.toThrow()
  })

  test.each(['Fail-Open', 'fail-open\n', ['fail-open'], '', null, true])('onStaleStatus is not %j', onStaleStatus => {
    expect(() => make({ onStaleStatus, checkStatus: true })).toThrow(TypeError)
  })

  test.each(['Accept', '', 'reject', null, true])('highS is not %j', highS => {
    expect(() => make({ highS })).toThrow("highS must be 'accept' or 'refuse'")
    expect(() => createEventVerifier({ ...parties, highS: highS as 'accept' })).toThrow(TypeError)
  })
})

test('a clock of milliseconds is a fault of the set-up, and no token is blamed for it', async () => {
  const verifying = make({ now: () => NOW * 1000 }).verify(issuer.mint())
  await expect(verifying).rejects.toThrow(new TypeError('now() must answer epoch seconds, not milliseconds'))
})

test.each([1, 'text', null])('a polluted Object.prototype (%j) hides no repeated member and adds none', pollution => {
  const prototype: Record<string, unknown> = Object.prototype as never
  prototype['zz'] = pollution
  try {
    expect(() => parseStrictJson('{"aud":1,"aud":2}', 8)).toThrow()
    expect(() => parseStrictJson('{"a":{"aud":"x","aud":"y"},"b":[{}]}', 8)).toThrow()
    expect(parseStrictJson('{"aud":{"b":"c"}}', 8)).toEqual(parseStrictJson(' {"aud":{"\\u0062":"c"}}', 8))
  } finally {
    delete prototype['zz']
  }
})
