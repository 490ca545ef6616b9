import { describe, expect, test } from 'vitest'
import { daysOf, feeSums, paidTerms } from '../../functions/memberships/fees.ts'
import type { Membership } from '../../schemas/membership.ts'
import type { Period } from '../../schemas/primitives.ts'
import type { Plan } from '../../schemas/programme.ts'

const timeZone = 'Asia/Shanghai'
const year = { id: 'annual', term: 'P1Y', price: { amountMinor: 36500, currency: 'CNY' } } as unknown as Plan
const monthly = { ...year, id: 'monthly', term: 'P1M' } as Plan
const membership = (more: object = {}) =>
  ({
    plan: 'annual',
    state: 'active',
    cancelAtEnd: false,
    // Midnight in Shanghai: 1 October 2026 to 1 October 2027, 365 days.
    startsAt: '2026-09-30T16:00:00Z',
    endsAt: '2027-09-30T16:00:00Z',
    paid: { amountMinor: 36_500, currency: 'CNY' },
    ...more,
  }) as unknown as Membership

function feesIn(period: string, members: Membership[], plan = year) {
  const sums = feeSums({ days: daysOf(period as Period), timeZone })
  for (const one of members) sums.add(one, plan)
  return sums.all()
}
const feesOf = (...asked: Parameters<typeof feesIn>) => feesIn(...asked)[0]?.feesMinor

describe('a year of 365 days for 365.00', () => {
  test.each([
    ['2026-09', undefined],
    ['2026-10', 3100n],
    ['2026-11', 3000n],
    ['2027-02', 2800n],
    ['2027-09', 3000n],
    ['2027-10', undefined],
  ])('%s earns %s', (period, fees) => {
    expect(feesOf(period, [membership()])).toBe(fees)
  })

  test('the months of a term add up to what was paid', () => {
    const odd = membership({ paid: { amountMinor: 36_500 * 7, currency: 'CNY' } })
    const periods = Array.from({ length: 12 }, (_, index) => {
      const month = 9 + index
      return `${2026 + Math.floor(month / 12)}-${String((month % 12) + 1).padStart(2, '0')}`
    })
    expect(periods.reduce((sum, period) => sum + (feesOf(period, [odd]) ?? 0n), 0n)).toBe(255_500n)
  })

  test('a term that begins on the 16th earns the rest of its first month', () => {
    const late = membership({ startsAt: '2026-10-15T20:00:00Z', endsAt: '2027-10-15T20:00:00Z' })
    expect(feesOf('2026-10', [late])).toBe(1600n)
    expect(feesOf('2027-10', [late])).toBe(1500n)
  })

  test('days are those of the place: 16:30 UTC on the 30th is October there', () => {
    expect(feesOf('2026-09', [membership({ startsAt: '2026-09-30T15:30:00Z', endsAt: '2027-09-30T15:30:00Z' })])).toBe(
      100n,
    )
  })
})

test('a plan is rounded once, not each member', () => {
  // 10.00 for 365 days: a day is 2.7397 minor units, 31 days 84.93; three members come to 254.79.
  const one = membership({ paid: { amountMinor: 1000, currency: 'CNY' } })
  expect(feesOf('2026-10', [one])).toBe(85n)
  expect(feesIn('2026-10', [one, one, one])).toEqual([
    { plan: 'annual', currency: 'CNY', memberships: 3, feesMinor: 255n },
  ])
  // And 100 of them: 8,493.15.
  expect(
    feesOf(
      '2026-10',
      Array.from({ length: 100 }, () => one),
    ),
  ).toBe(8493n)
})

test('a trial is free: the price is spread over the days after it', () => {
  // 7 days of trial leave 358: (31 - 7) of them are in October.
  const trial = membership({ trialEndsAt: '2026-10-07T16:00:00Z', paid: { amountMinor: 35_800, currency: 'CNY' } })
  expect(feesOf('2026-10', [trial])).toBe(2400n)
  expect(feesOf('2026-11', [trial])).toBe(3000n)
  const whole = membership({ trialEndsAt: '2027-12-31T00:00:00Z' })
  expect(feesOf('2026-10', [whole])).toBe(0n)
})

describe('an end before its time', () => {
  test('refunded: nothing was earned in that term, also for fraud', () => {
    for (const endedReason of ['refunded', 'fraud']) {
      const gone = membership({ state: 'ended', endedReason, endedAt: '2026-10-20T00:00:00Z' })
      expect(feesIn('2026-10', [gone])).toEqual([{ plan: 'annual', currency: 'CNY', memberships: 1, feesMinor: 0n }])
      expect(feesIn('2026-11', [gone])).toEqual([])
    }
  })

  test('refunded after a renewal: the first term stays earned', () => {
    const gone = membership({
      endsAt: '2028-09-30T16:00:00Z',
      state: 'ended',
      endedReason: 'refunded',
      endedAt: '2027-10-05T00:00:00Z',
    })
    expect(feesOf('2027-09', [gone])).toBe(3000n)
    expect(feesOf('2027-10', [gone])).toBe(0n)
  })

  test('erased: the days it lived', () => {
    const gone = membership({ state: 'ended', endedReason: 'erased', endedAt: '2026-10-10T16:00:00Z' })
    expect(feesOf('2026-10', [gone])).toBe(1000n)
  })
})

describe('a renewal', () => {
  const january = { startsAt: '2026-01-30T16:00:00Z', plan: 'monthly', paid: { amountMinor: 2800, currency: 'CNY' } }

  test('each term is spread over its own days: 31 January to 28 February, then to 31 March', () => {
    const twice = membership({ ...january, endsAt: '2026-03-30T16:00:00Z' })
    expect(paidTerms(twice, monthly, timeZone)).toEqual([
      { from: '2026-01-30T16:00:00Z', until: '2026-02-27T16:00:00Z' },
      { from: '2026-02-27T16:00:00Z', until: '2026-03-30T16:00:00Z' },
    ])
    expect(feesOf('2026-01', [twice], monthly)).toBe(100n)
    // 27 days of the first term's 28 at 100 each, and one of the second's 31.
    expect(feesOf('2026-02', [twice], monthly)).toBe(2790n)
    expect(feesOf('2026-03', [twice], monthly)).toBe(2710n)
  })

  test('a plan whose term has changed since: one term, paid for once', () => {
    const changed = membership({ endsAt: '2027-01-14T16:00:00Z' })
    expect(paidTerms(changed, year, timeZone)).toEqual([{ from: changed.startsAt, until: changed.endsAt }])
    expect(paidTerms(changed, undefined, timeZone)).toHaveLength(1)
  })

  test('grace lives, and is not paid for', () => {
    const grace = membership({ state: 'grace', graceEndsAt: '2027-10-07T16:00:00Z' })
    expect(feesIn('2027-10', [grace])).toEqual([{ plan: 'annual', currency: 'CNY', memberships: 1, feesMinor: 0n }])
    expect(feesIn('2027-10', [membership({ graceEndsAt: '2027-10-07T16:00:00Z', cancelAtEnd: true })])).toEqual([])
  })
})

test('plans and currencies stand apart', () => {
  const dollars = membership({ paid: { amountMinor: 365, currency: 'USD' } })
  expect(feesIn('2026-10', [dollars, membership(), membership({ plan: 'family' })])).toEqual([
    { plan: 'annual', currency: 'CNY', memberships: 1, feesMinor: 3100n },
    { plan: 'annual', currency: 'USD', memberships: 1, feesMinor: 31n },
    { plan: 'family', currency: 'CNY', memberships: 1, feesMinor: 3100n },
  ])
})
