import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { canonicalJson, hashOf, sha256 } from '../../functions/kernel/canonical.ts'
import { contentId, newIdFrom, randomId, systemRandom } from '../../functions/kernel/ids.ts'
import { LinkId, PairwiseSubject } from '../../schemas/ids.ts'
import { instant } from '../memberships/world.ts'

describe('ids', () => {
  it('are of their shape, unlike each other, and sort by when they were made', () => {
    const times = ['2026-10-01T00:00:00Z', '2026-10-01T00:00:00.001Z', '2030-01-01T00:00:00Z']
    const made = times.flatMap(time =>
      Array.from({ length: 50 }, () => newIdFrom(() => instant(time), systemRandom)<LinkId>('lnk')),
    )
    for (const id of made) expect(LinkId.safeParse(id).success).toBe(true)
    expect(new Set(made).size).toBe(150)
    expect(made.map(id => id.slice(0, 14))).toEqual(made.map(id => id.slice(0, 14)).sort())
  })

  it('drawn at random carry 130 bits of it', () => {
    const bytes = fc.uint8Array({ minLength: 17, maxLength: 17 })
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        const [one, other] = [randomId('sub', () => a), randomId('sub', () => b)]
        expect(PairwiseSubject.safeParse(one).success).toBe(true)
        const same = (last: Uint8Array) => Buffer.from([...last.subarray(0, 16), (last[16] ?? 0) >> 6]).toString('hex')
        expect(one === other).toBe(same(a) === same(b))
      }),
    )
  })

  it('of content are the same for the same content', () => {
    expect(contentId('bat', 'a', 'b')).toBe(contentId('bat', 'a', 'b'))
    expect(contentId('bat', 'a', 'b')).not.toBe(contentId('bat', 'ab'))
    expect(contentId('bat', 'a')).toMatch(/^bat_[0-9A-HJKMNP-TV-Z]{26}$/)
  })
})

describe('canonical JSON (RFC 8785)', () => {
  it('writes keys in order and numbers as ECMAScript does', () => {
    expect(canonicalJson({ b: [1e21, 0.1, -0], a: { '\u20ac': 'x', $: '\u000f' } })).toBe(
      '{"a":{"$":"\\u000f","€":"x"},"b":[1e+21,0.1,0]}',
    )
    expect(() => canonicalJson(undefined)).toThrow(TypeError)
    expect(sha256('abc')).toBe(createHash('sha256').update('abc').digest('hex'))
  })

  it('is the same whatever the order of keys, and another for another value', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), value => {
        const turned = Object.fromEntries(Object.entries(value).reverse())
        expect(hashOf(turned)).toBe(hashOf(value))
        expect(hashOf({ ...value, 'one more': true })).not.toBe(hashOf({ ...value, 'one more': false }))
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)))
      }),
    )
  })
})
