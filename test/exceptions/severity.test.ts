import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isMember, linesOfMembers, membersOf } from '../../functions/exceptions/members.ts'
import { severityOf } from '../../functions/exceptions/severity.ts'
import type { Instant } from '../../schemas/primitives.ts'

const openedAt = '2026-10-01T00:00:00Z' as Instant
const fresh = {
  programme: '88vip' as string | undefined,
  amounts: [] as { amountMinor: number; currency: string }[],
  currency: 'CNY',
  quantity: 1,
  count: 1,
  openedAt,
  deadline: '2026-10-31T00:00:00Z' as Instant,
  state: 'open' as 'open' | 'resolved',
}
const at = (now: string, more: Partial<typeof fresh> = {}) => severityOf({ ...fresh, ...more }, now as Instant)
const cny = (amountMinor: number) => ({ amounts: [{ amountMinor, currency: 'CNY' }] })

describe('severity', () => {
  test.each<[Partial<typeof fresh>, string]>([
    [cny(99_999), 'low'],
    [cny(100_000), 'medium'],
    [cny(999_999), 'medium'],
    [cny(1_000_000), 'high'],
    // An amount tells more than how often; one of another currency tells nothing.
    [{ ...cny(1), quantity: 5_000 }, 'low'],
    [{ amounts: [{ amountMinor: 1_000_000, currency: 'USD' }] }, 'low'],
    [{ quantity: 99 }, 'low'],
    [{ quantity: 100 }, 'medium'],
    [{ quantity: 1_000 }, 'high'],
    // Malformed lines have no quantity.
    [{ quantity: 0, count: 1_000 }, 'high'],
    [{ currency: 'JPY', amounts: [{ amountMinor: 1_000, currency: 'JPY' }] }, 'medium'],
  ])('of %j is %s', (more, expected) => {
    expect(at('2026-10-01T00:00:00Z', more)).toBe(expected)
  })

  test('rises with age, and not once it is resolved', () => {
    expect(at('2026-10-15T23:59:59Z')).toBe('low')
    expect(at('2026-10-16T00:00:00Z')).toBe('medium')
    expect(at('2026-10-16T00:00:00Z', cny(100_000))).toBe('high')
    expect(at('2026-10-31T00:00:00Z')).toBe('high')
    expect(at('2027-10-31T00:00:00Z', { state: 'resolved' })).toBe('low')
    // Nobody decides about one of no programme.
    expect(severityOf({ ...fresh, programme: undefined }, '2027-10-31T00:00:00Z' as Instant)).toBe('low')
  })
})

test('the lines of an exception are kept as they were', () => {
  const lines = fc.uniqueArray(fc.integer({ min: 1, max: 10_000 }), { minLength: 1 })
  fc.assert(
    fc.property(lines, fc.integer({ min: 1, max: 11_000 }), (members, other) => {
      const bits = membersOf(members)
      expect(linesOfMembers(bits)).toEqual(members.toSorted((a, b) => a - b))
      expect(isMember(bits, other)).toBe(members.includes(other))
      expect(bits.byteLength).toBeLessThanOrEqual(1250)
    }),
  )
})
