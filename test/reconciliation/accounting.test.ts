import { expect, test } from 'vitest'
import { dayOf, previousQuotaPeriod, quotaPeriodOf } from '../../functions/kernel/calendar.ts'
import { accountingPeriod } from '../../functions/reconciliation/accounting.ts'
import { daysOf } from '../../functions/reconciliation/days.ts'
import { reconcileLines } from '../../functions/reconciliation/reconcile-lines.ts'
import type { Instant, Period } from '../../schemas/primitives.ts'
import { entitlement, entitlements, event, finalsOf, linesOf, october, programme, reversal, rules } from './support.ts'

const calendar = (openFrom: string, timeZone = 'Asia/Shanghai') => ({
  ...programme,
  days: daysOf(timeZone),
  openFrom: openFrom as Period,
})

test.each<[string, string, string, string | undefined, string, string]>([
  ['2026-10', '2026-10-03T00:00:00Z', '2026-10-04T00:00:00Z', '2026-10', '2026-10', 'of occurredAt'],
  ['2026-11', '2026-10-31T16:00:00Z', '2026-11-04T00:00:00Z', '2026-10', '2026-10', 'in the programme’s time zone'],
  ['2026-10', '2026-10-31T15:59:59Z', '2026-11-04T00:00:00Z', '2026-10', '2026-10', 'still open at receipt'],
  [
    '2026-11',
    '2026-10-31T15:59:59Z',
    '2026-11-04T00:00:00Z',
    '2026-11',
    '2026-10',
    'not earlier than the oldest open one at receipt',
  ],
  ['2026-10', '2026-10-31T16:02:00Z', '2026-10-31T15:59:00Z', '2026-10', '2026-10', 'not later than that of receipt'],
  ['2026-10', '2027-05-01T00:00:00Z', '2026-10-31T15:59:00Z', '2026-10', '2026-10', 'of a future event'],
  [
    '2026-01',
    '2025-11-01T00:00:00Z',
    '2026-01-04T00:00:00Z',
    undefined,
    '2026-01',
    'not before the programme’s first one',
  ],
  [
    '2026-12',
    '2026-10-03T00:00:00Z',
    '2026-10-04T00:00:00Z',
    '2026-10',
    '2026-12',
    'that no close took: the oldest open one',
  ],
])('%s: occurred %s, received %s, open %s, now open %s (%s)', (period, occurredAt, receivedAt, oldest, openFrom) => {
  const line = {
    event: { occurredAt: occurredAt as Instant },
    receivedAt: receivedAt as Instant,
    oldestOpen: (oldest ? { '88vip': oldest } : {}) as Record<string, Period>,
  }
  expect(accountingPeriod(line, calendar(openFrom))).toBe(period)
})

test('an event whose clock was ahead over the end of a month is billed in the month of its receipt', () => {
  const [outcome] = reconcileLines(
    linesOf([{ receivedAt: '2026-10-31T15:59:00Z', events: [event('e', { occurredAt: '2026-10-31T16:02:00Z' })] }]),
    rules(),
  )
  expect(outcome).toMatchObject({ disposition: 'matched', period: '2026-10' })
  expect(outcome?.matched).toMatchObject({ originPeriod: '2026-10', day: '2026-11-01' })
})

test('a close takes what is accounted up to its period, and later ones the rest', () => {
  const lines = linesOf([
    {
      receivedAt: '2026-11-02T00:00:00Z',
      events: [
        event('oct', { occurredAt: '2026-10-30T00:00:00Z' }),
        event('nov', { occurredAt: '2026-11-01T00:00:00Z' }),
      ],
    },
    {
      receivedAt: '2026-11-03T00:00:00Z',
      oldestOpen: { '88vip': '2026-11' },
      events: [event('late', { occurredAt: '2026-10-29T00:00:00Z' })],
    },
  ])
  const first = reconcileLines(lines, rules({ through: october }))
  expect(first.map(({ id, period }) => [id, period])).toEqual([['oct', '2026-10']])
  const second = reconcileLines(
    lines,
    rules({ finals: finalsOf(first), programmes: [{ ...programme, openFrom: '2026-11' as Period }] }),
  )
  expect(second.map(({ id, period, matched }) => [id, period, matched?.originPeriod])).toEqual([
    ['nov', '2026-11', '2026-11'],
    ['late', '2026-11', '2026-10'],
  ])
})

test('what is final uses the quota first, and what is accounted earlier before what is accounted later', () => {
  const yearly = { entitlements: entitlements(entitlement(1, { quota: { per: 'P1Y', limit: 1, rollover: false } })) }
  const lines = linesOf([
    { receivedAt: '2026-11-02T00:00:00Z', events: [event('oct', { occurredAt: '2026-10-30T00:00:00Z' })] },
    {
      receivedAt: '2026-11-03T00:00:00Z',
      oldestOpen: { '88vip': '2026-11' },
      events: [event('late', { occurredAt: '2026-10-01T00:00:00Z' })],
    },
  ])
  const provisional = reconcileLines(lines, rules(yearly))
  expect(provisional.map(({ id, disposition }) => [id, disposition])).toEqual([
    ['oct', 'matched'],
    ['late', 'over-quota'],
  ])
  const first = reconcileLines(lines, rules({ ...yearly, through: october }))
  const second = reconcileLines(
    lines,
    rules({ ...yearly, finals: finalsOf(first), programmes: [{ ...programme, openFrom: '2026-11' as Period }] }),
  )
  expect([...first, ...second]).toEqual(provisional)
})

test('a late event does not use the rest that the following period carried over and used', () => {
  const carrying = {
    entitlements: entitlements(
      entitlement(1, { quota: { per: 'P1M', limit: 1, rollover: true }, windows: [{ from: '2026-10-01T00:00:00Z' }] }),
    ),
  }
  const lines = linesOf([
    {
      receivedAt: '2026-11-20T00:00:00Z',
      events: [event('a', { occurredAt: '2026-11-02T00:00:00Z' }), event('b', { occurredAt: '2026-11-03T00:00:00Z' })],
    },
    {
      receivedAt: '2026-12-03T00:00:00Z',
      oldestOpen: { '88vip': '2026-12' },
      events: [event('late', { occurredAt: '2026-10-29T00:00:00Z' })],
    },
  ])
  expect(reconcileLines(lines, rules(carrying)).map(({ disposition }) => disposition)).toEqual([
    'matched',
    'matched',
    'over-quota',
  ])
  expect(reconcileLines(lines.toSpliced(1, 1), rules(carrying)).map(({ disposition }) => disposition)).toEqual([
    'matched',
    'matched',
  ])
})

test.each(['Asia/Shanghai', 'Europe/Berlin', 'America/St_Johns', 'Asia/Kathmandu', 'Pacific/Apia', 'Africa/Monrovia'])(
  'days of %s are remembered as they are',
  timeZone => {
    const days = daysOf(timeZone)
    for (const per of ['P1D', 'P1M', 'P1Y'] as const) {
      const instant = '2026-03-31T23:30:00Z' as Instant
      const period = quotaPeriodOf(instant, per, timeZone)
      expect(days.quotaPeriodOf(instant, per)).toBe(period)
      for (let again = 0; again < 2; again++)
        expect(days.previousQuotaPeriod(period, per)).toBe(previousQuotaPeriod(period, per))
    }
    for (let at = Date.UTC(1969, 0, 1); at < Date.UTC(2030, 0, 1); at += 86_400_000 * 11 + 1_234_567) {
      const instant = new Date(at).toISOString() as Instant
      expect(days.dayOf(instant)).toBe(dayOf(instant, timeZone))
      expect(days.dayOf(instant)).toBe(dayOf(instant, timeZone))
    }
  },
)

test('the earlier accounting period uses the quota first, whatever the order of the batches', () => {
  const yearly = { entitlements: entitlements(entitlement(1, { quota: { per: 'P1Y', limit: 1, rollover: false } })) }
  const lines = linesOf([
    { receivedAt: '2026-11-02T00:00:00Z', events: [event('nov', { occurredAt: '2026-11-01T00:00:00Z' })] },
    { receivedAt: '2026-11-03T00:00:00Z', events: [event('oct', { occurredAt: '2026-10-30T00:00:00Z' })] },
  ])
  expect(reconcileLines(lines, rules(yearly)).map(({ id, disposition }) => [id, disposition])).toEqual([
    ['nov', 'over-quota'],
    ['oct', 'matched'],
  ])
})

test('what a final reversal gave back can be used in a later period', () => {
  const yearly = { entitlements: entitlements(entitlement(1, { quota: { per: 'P1Y', limit: 1, rollover: false } })) }
  const lines = linesOf([
    { events: [event('a'), reversal('r', 'a')] },
    {
      receivedAt: '2026-11-03T00:00:00Z',
      oldestOpen: { '88vip': '2026-11' },
      events: [event('b', { occurredAt: '2026-11-01T00:00:00Z' }), event('c', { occurredAt: '2026-11-02T00:00:00Z' })],
    },
  ])
  const first = reconcileLines(lines, rules({ ...yearly, through: october }))
  const programmes = [{ ...programme, openFrom: '2026-11' as Period }]
  const second = reconcileLines(lines, rules({ ...yearly, finals: finalsOf(first), programmes }))
  expect(second.map(({ id, disposition }) => [id, disposition])).toEqual([
    ['b', 'matched'],
    ['c', 'over-quota'],
  ])
})
