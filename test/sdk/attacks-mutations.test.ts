import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { signBytes } from '../../sdk/testing/signing.ts'
import { kitFor, outcome, scene } from './attack-scene.ts'

describe('a valid token with one character', () => {
  const { issuer } = scene()
  const verify = kitFor('entitlement', issuer)
  const token = issuer.mint()
  const place = fc.nat({ max: token.length })
  const character = fc.oneof(
    fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=. \n'),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  )
  const refused = async (changed: string) => expect(await outcome(verify(changed))).not.toBe('accepted')

  test('passes untouched', async () => expect(await outcome(verify(token))).toBe('accepted'))

  test('changed is refused', async () => {
    const changes = fc.asyncProperty(place, character, async (at, other) => {
      fc.pre(at < token.length && token[at] !== other)
      await refused(token.slice(0, at) + other + token.slice(at + 1))
    })
    await fc.assert(changes, { numRuns: 1500 })
  })

  test('put in is refused', async () => {
    const insertions = fc.asyncProperty(place, character, async (at, more) => {
      await refused(token.slice(0, at) + more + token.slice(at))
    })
    await fc.assert(insertions, { numRuns: 1500 })
  })

  test('left out is refused, wherever it stood', async () => {
    for (let at = 0; at < token.length; at += 1) await refused(token.slice(0, at) + token.slice(at + 1))
  })

  test('of one segment exchanged for that of another good token is refused', async () => {
    const other = issuer.mint({ seq: 43 }).split('.')
    const own = token.split('.')
    for (const at of [1, 2]) await refused(own.with(at, other[at] ?? '').join('.'))
  })
})

/** What a signature proves is who wrote it, not that it is sane: the kit may refuse, and must not fall over. */
describe('anything at all, rightly signed, is judged', () => {
  const { issuer } = scene()
  const genuine = issuer.genuine('entitlement')
  const verify = kitFor('entitlement', issuer)
  const anyJson = fc.jsonValue({ maxDepth: 4 })

  test('as a payload', async () => {
    const payload = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      anyJson.map(value => JSON.stringify(value)),
    )
    const judged = fc.asyncProperty(payload, async bytes => {
      const token = signBytes(JSON.stringify(genuine.header), bytes, genuine.key.privateKey)
      expect(await outcome(verify(token))).not.toBe('accepted')
    })
    await fc.assert(judged, { numRuns: 500 })
  })

  test('as a header', async () => {
    const judged = fc.asyncProperty(anyJson, async header => {
      const token = signBytes(JSON.stringify(header), JSON.stringify(genuine.claims), genuine.key.privateKey)
      expect(await outcome(verify(token))).not.toBe('accepted')
    })
    await fc.assert(judged, { numRuns: 500 })
  })

  test('as any one claim', async () => {
    const name = fc.constantFrom('iss', 'sub', 'aud', 'iat', 'nbf', 'exp', 'jti', 'ver', 'lnk', 'seq', 'ent', 'status')
    const judged = fc.asyncProperty(name, anyJson, async (claim, value) => {
      const code = await outcome(verify(issuer.mint({ [claim]: value })))
      const free = ['sub', 'jti', 'lnk'].includes(claim) && typeof value === 'string' && value !== ''
      const counted = claim === 'seq' && Number.isSafeInteger(value)
      // A token may have been good for long already.
      const begun = claim === 'nbf' && Number.isSafeInteger(value) && Number(value) > 0
      const unchanged = claim === 'ver' && value === '1'
      if (!free && !counted && !begun && !unchanged) expect(code).not.toBe('accepted')
    })
    await fc.assert(judged, { numRuns: 1000 })
  })

  test('as any one claim of a status list', async () => {
    const name = fc.constantFrom('iss', 'sub', 'iat', 'exp', 'status_list')
    let list = 5000
    const judged = fc.asyncProperty(name, anyJson, async (claim, value) => {
      list += 1
      const uri = issuer.listUri(list)
      issuer.publish(uri, () => issuer.sign('status-list', { sub: uri, [claim]: value }))
      const code = await outcome(verify(issuer.mint({ status: { status_list: { idx: 1, uri } } })))
      expect(code).toMatch(/^status-/)
    })
    await fc.assert(judged, { numRuns: 200 })
  })
})
