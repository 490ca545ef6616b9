import { expect, test } from 'vitest'
import { type LineRules, reconcileLines } from '../../functions/reconciliation/reconcile-lines.ts'
import type { Period } from '../../schemas/primitives.ts'
import {
  dispositionsOf,
  entitlement,
  entitlements,
  event,
  finalsOf,
  linesOf,
  programme,
  reversal,
  rules,
} from './support.ts'

/** One redemption, captured in September for so many, of an entitlement with so many a month. */
const captured = (quantity: number, limit: number, heldAt = '2026-09-10T00:00:00Z'): Partial<LineRules> => ({
  entitlements: entitlements(
    entitlement(1, {
      quota: { per: 'P1M', limit, rollover: false },
      captured: [{ id: 'r-1', heldAt, quantity }],
    }),
  ),
})
const use = (id: string, day: string, change: object = {}) =>
  event(id, { occurredAt: `2026-10-${day}T00:00:00Z`, ...change })
const named = (id: string, day: string, quantity = 1) => use(id, day, { redemptionId: 'r-1', quantity })
const [M, o] = ['matched', 'over-quota']

test('a redemption of one serves the first of those that name it; the others are events as any other', () => {
  const lines = [named('c', '05'), named('b', '04'), named('a', '03'), use('plain', '02')]
  // a takes September's; the plain one comes before b and c in October.
  expect(dispositionsOf(lines, captured(1, 1))).toEqual([o, o, M, M])
  expect(dispositionsOf(lines, captured(3, 3))).toEqual([M, M, M, M])
})

test('one of more than was captured has no right to come first', () => {
  const lines = [use('a', '02'), use('b', '03'), named('greedy', '05', 4)]
  expect(dispositionsOf(lines, captured(1, 4, '2026-10-01T00:00:00Z'))).toEqual([M, M, o])
  // Nor to the quota of the month in which it was held.
  expect(dispositionsOf(lines, captured(1, 4))).toEqual([M, M, o])
  expect(dispositionsOf(lines, captured(4, 4))).toEqual([M, M, M])
})

test('several share what was captured as far as each fits whole', () => {
  const lines = [named('a', '02', 2), named('b', '03', 2), named('c', '04', 1), use('plain', '01', { quantity: 3 })]
  expect(dispositionsOf(lines, captured(3, 3))).toEqual([M, o, M, M])
})

test('what a reversal gave back serves the next one that names it', () => {
  const back = reversal('r', 'a', { occurredAt: '2026-10-04T00:00:00Z' })
  const lines = (taken: object) => [named('a', '02'), taken, named('b', '05'), use('plain', '01')]
  expect(dispositionsOf(lines(back), captured(1, 1))).toEqual([M, M, M, M])
  expect(dispositionsOf(lines({ ...back, redemptionId: 'r-1' }), captured(1, 1))).toEqual([M, M, M, M])
  const early = reversal('r', 'a', { occurredAt: '2026-10-04T00:00:00Z', reverses: 'none' })
  expect(dispositionsOf(lines(early), captured(1, 1))).toEqual([M, 'unknown-entitlement', o, M])
})

test('one that does not match takes nothing of it', () => {
  const stranger = { ...named('a', '02'), subject: 'somebody' }
  expect(dispositionsOf([stranger, named('b', '03'), use('plain', '01')], captured(1, 1))).toEqual([
    'wrong-subject',
    M,
    M,
  ])
})

test('what a close made final counts against it, until it is taken back', () => {
  const terms = captured(1, 1)
  const october = [{ events: [named('a', '02')] }]
  const first = reconcileLines(linesOf(october), rules(terms))
  const november = {
    ...terms,
    finals: finalsOf(first),
    programmes: [{ ...programme, openFrom: '2026-11' as Period }],
  }
  const received = { receivedAt: '2026-11-10T00:00:00Z', oldestOpen: { '88vip': '2026-11' } }
  const judged = (...events: object[]) =>
    reconcileLines(linesOf([...october, { ...received, events }]), rules(november)).map(
      ({ disposition }) => disposition,
    )
  const plain = use('plain', '01')
  expect(first.map(({ disposition }) => disposition)).toEqual([M])
  expect(judged(named('b', '05'), plain)).toEqual([o, M])
  expect(judged(reversal('r', 'a', { occurredAt: '2026-10-04T00:00:00Z' }), named('b', '05'), plain)).toEqual([M, M, M])
})
