import { describe, expect, test } from 'vitest'
import { type LineRules, reconcileLines } from '../../functions/reconciliation/reconcile-lines.ts'
import { dispositionsOf, entitlement, entitlements, event, linesOf, programme, reversal, rules } from './support.ts'

const withQuota = (per: string, limit: number, change: object = {}) => ({
  entitlements: entitlements(entitlement(1, { quota: { per, limit, rollover: false }, ...change })),
})
const rollover = (per: string, limit: number, change: object = {}) =>
  withQuota(per, limit, { quota: { per, limit, rollover: true }, ...change })

/** M for matched, o for over-quota, u for unknown-entitlement, in the order of the lines. */
function letters(events: object[], change: Partial<LineRules>): string {
  const names: Record<string, string> = { matched: 'M', 'over-quota': 'o', 'unknown-entitlement': 'u' }
  return dispositionsOf(events, change)
    .map(name => names[name] ?? name)
    .join('')
}
const use = (occurredAt: string, quantity = 1, id = `e-${occurredAt}-${quantity}`) =>
  event(id, { occurredAt, quantity })

describe('quota periods are those of the programme’s calendar', () => {
  test('days', () => {
    // 16:00 UTC is midnight in Shanghai.
    const uses = ['2026-10-02T15:00:00Z', '2026-10-02T15:59:59Z', '2026-10-02T16:00:00Z', '2026-10-03T15:59:59Z'].map(
      at => use(at),
    )
    expect(letters(uses, withQuota('P1D', 1))).toBe('MoMo')
  })
  test('months', () => {
    const uses = ['2026-09-01T00:00:00Z', '2026-09-30T15:59:59Z', '2026-09-30T16:00:00Z', '2026-10-19T00:00:00Z'].map(
      at => use(at),
    )
    expect(letters(uses, withQuota('P1M', 1))).toBe('MoMo')
  })
  test('years', () => {
    const uses = ['2026-09-01T00:00:00Z', '2026-10-01T00:00:00Z', '2026-10-02T00:00:00Z'].map(at => use(at))
    expect(letters(uses, withQuota('P1Y', 2))).toBe('MMo')
  })
  test('a day of 25 hours is one day', () => {
    // Clocks in Berlin go back on 25 October 2026, which lasts from 22:00 UTC of the day before to 23:00 UTC.
    const berlin = {
      ...withQuota('P1D', 1, { timeZone: 'Europe/Berlin' }),
      programmes: [{ ...programme, timeZone: 'Europe/Berlin', openFrom: programme.firstPeriod }],
    }
    const uses = ['2026-10-24T21:59:59Z', '2026-10-24T22:00:00Z', '2026-10-25T22:59:59Z', '2026-10-25T23:00:00Z']
    const lines = linesOf([{ receivedAt: '2026-10-27T00:00:00Z', events: uses.map(at => use(at)) }])
    const outcomes = reconcileLines(lines, rules(berlin))
    expect(outcomes.map(({ disposition }) => disposition)).toEqual(['matched', 'matched', 'over-quota', 'matched'])
  })
})

test('events use up the limit in the order of (occurredAt, id), whatever the order of the lines', () => {
  const uses = [
    use('2026-10-04T00:00:00Z'),
    use('2026-10-02T00:00:00Z', 1, 'b'),
    use('2026-10-02T00:00:00.000Z', 1, 'a'),
    use('2026-10-01T00:00:00Z'),
  ]
  expect(letters(uses, withQuota('P1M', 2))).toBe('ooMM')
})

test('an event that does not fit whole is over, and a later smaller one may still fit', () => {
  const uses = [
    use('2026-10-01T00:00:00Z', 3),
    use('2026-10-02T00:00:00Z', 2),
    use('2026-10-03T00:00:00Z', 1),
    use('2026-10-04T00:00:00Z', 1),
  ]
  expect(letters(uses, withQuota('P1M', 4))).toBe('MoMo')
})

test('what no contract covers used the quota all the same; what was outside did not', () => {
  const quota = withQuota('P1M', 1, { windows: [{ from: '2026-10-02T00:00:00Z' }] })
  const uses = [use('2026-10-01T00:00:00Z'), use('2026-10-03T00:00:00Z'), use('2026-10-04T00:00:00Z')]
  expect(dispositionsOf(uses, quota)).toEqual(['outside-entitlement', 'matched', 'over-quota'])
  expect(dispositionsOf(uses, { ...quota, contracts: [] })).toEqual([
    'outside-entitlement',
    'no-contract',
    'over-quota',
  ])
})

test('each entitlement has its own quota', () => {
  const both = {
    entitlements: entitlements(
      entitlement(1, { quota: { per: 'P1M', limit: 1, rollover: false } }),
      entitlement(2, { quota: { per: 'P1M', limit: 1, rollover: false } }),
    ),
  }
  const second = event('z', { entitlementId: entitlement(2).id, subject: entitlement(2).subject })
  expect(letters([event('a'), second, event('b')], both)).toBe('MMo')
})

const captured = (heldAt: string) => {
  const redemption = { id: 'r-1', heldAt, quantity: 1 }
  return {
    entitlements: entitlements(
      entitlement(1, { quota: { per: 'P1M', limit: 1, rollover: false }, captured: [redemption] }),
    ),
  }
}

test('captured redemptions come first', () => {
  const uses = [use('2026-10-01T00:00:00Z'), event('till', { redemptionId: 'r-1', occurredAt: '2026-10-05T00:00:00Z' })]
  expect(letters(uses, withQuota('P1M', 1))).toBe('Mo')
  expect(letters(uses, captured('2026-10-04T00:00:00Z'))).toBe('oM')
})

test('and use the quota of the period in which they were held', () => {
  const uses = [use('2026-10-01T00:00:00Z'), event('till', { redemptionId: 'r-1', occurredAt: '2026-10-05T00:00:00Z' })]
  expect(letters(uses, captured('2026-09-30T00:00:00Z'))).toBe('MM')
})

describe('rollover', () => {
  const september = (count: number) =>
    Array.from({ length: count }, (_, index) => use(`2026-09-0${index + 1}T00:00:00Z`))
  const october = (count: number) => Array.from({ length: count }, (_, index) => use(`2026-10-0${index + 1}T00:00:00Z`))
  test('carries the unused rest one period on', () => {
    expect(letters([...september(1), ...october(6)], rollover('P1M', 3))).toBe('MMMMMMo')
    expect(letters([...september(3), ...october(4)], rollover('P1M', 3))).toBe('MMMMMMo')
    expect(letters([...september(1), ...october(6)], withQuota('P1M', 3))).toBe('MMMMooo')
  })
  test('and no further', () => {
    const days = (day: string, count: number) =>
      Array.from({ length: count }, (_, index) => use(`2026-10-${day}T0${index}:00:00Z`))
    expect(letters(days('10', 5), rollover('P1D', 2, { windows: [{ from: '2026-10-01T00:00:00Z' }] }))).toBe('MMMMo')
  })
  test('not from a period in which the entitlement was never live; a part of one counts as one', () => {
    const from = (at: string) => rollover('P1M', 2, { windows: [{ from: at }] })
    expect(letters(october(5), from('2026-09-30T16:00:00Z'))).toBe('MMooo')
    expect(letters(october(5), from('2026-09-30T15:59:59Z'))).toBe('MMMMo')
  })
})

describe('reversals and quota', () => {
  test('give back from their own place on', () => {
    const lines = [
      use('2026-10-01T00:00:00Z', 1, 'a'),
      use('2026-10-02T00:00:00Z', 1, 'b'),
      reversal('r', 'a', { occurredAt: '2026-10-03T00:00:00Z' }),
      use('2026-10-04T00:00:00Z', 1, 'c'),
      use('2026-10-05T00:00:00Z', 1, 'd'),
    ]
    expect(letters(lines, withQuota('P1M', 1))).toBe('MoMMo')
  })
  test('never before the event that they take back', () => {
    const lines = [
      reversal('r', 'b', { occurredAt: '2026-10-01T00:00:00Z' }),
      use('2026-10-02T00:00:00Z', 1, 'a'),
      use('2026-10-03T00:00:00Z', 1, 'b'),
      use('2026-10-04T00:00:00Z', 1, 'c'),
    ]
    expect(letters(lines, withQuota('P1M', 2))).toBe('MMMM')
    // The event did not fit itself: there is nothing to take back.
    expect(letters(lines, withQuota('P1M', 1))).toBe('uMoo')
  })
  test('to the quota period of that event, with the quantity of that event', () => {
    const lines = [
      use('2026-09-01T00:00:00Z', 2, 'a'),
      reversal('r', 'a', { occurredAt: '2026-10-01T00:00:00Z', quantity: 9 }),
      use('2026-09-02T00:00:00Z', 1, 'b'),
      use('2026-10-02T00:00:00Z', 2, 'c'),
      use('2026-10-03T00:00:00Z', 1, 'd'),
    ]
    expect(letters(lines, withQuota('P1M', 2))).toBe('MMoMo')
  })
})
