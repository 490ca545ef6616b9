import fc from 'fast-check'
import { expect, test } from 'vitest'
import { shardOf } from '../../functions/kernel/canonical.ts'
import { countsOf } from '../../functions/reconciliation/reconcile.ts'
import { reconcileLines } from '../../functions/reconciliation/reconcile-lines.ts'
import type { ReceivedLine } from '../../functions/usage/read.ts'
import type { Period } from '../../schemas/primitives.ts'
import {
  contract,
  entitlement,
  entitlementId,
  entitlements,
  finalsOf,
  linesOf,
  programme,
  rules,
  subjectOf,
} from './support.ts'

const few = entitlements(
  entitlement(1, { quota: { per: 'P1M', limit: 3, rollover: true } }),
  entitlement(2, {
    quota: { per: 'P1D', limit: 2, rollover: false },
    windows: [{ from: '2026-09-10T00:00:00Z', until: '2026-10-10T00:00:00Z' }],
  }),
  entitlement(3, { quota: { per: 'P1Y', limit: 4, rollover: false } }),
  entitlement(4, { partner: 'youku' }),
)
const contracts = [
  contract({ validTo: '2026-10-05', lateDays: 30 }),
  contract({ id: 'other', payee: 'brand', lateDays: 40 }),
]
const terms = { entitlements: few, contracts: contracts.slice(0, 1) }

const day = fc.integer({ min: 0, max: 59 }).map(days => new Date(Date.UTC(2026, 7, 25 + days)).toISOString())
const line = fc.oneof(
  { weight: 1, arbitrary: fc.constantFrom<string | object>('x', {}, { id: 'e1' }) },
  {
    weight: 20,
    arbitrary: fc
      .record({
        id: fc.integer({ min: 1, max: 30 }).map(number => `e${number}`),
        of: fc.integer({ min: 1, max: 5 }),
        occurredAt: day,
        quantity: fc.integer({ min: 1, max: 3 }),
        currency: fc.constantFrom('CNY', 'CNY', 'CNY', 'USD', undefined),
        reverses: fc.option(
          fc.integer({ min: 1, max: 30 }).map(number => `e${number}`),
          { nil: undefined, freq: 3 },
        ),
      })
      .map(({ of, currency, reverses, ...fields }) => ({
        ...fields,
        entitlementId: entitlementId(of),
        subject: subjectOf(of),
        benefit: 'eleme-5off',
        ...(currency && { amount: { amountMinor: 100, currency } }),
        ...(reverses && { type: 'reversal', reverses }),
      })),
  },
)
const events = fc.array(line, { minLength: 1, maxLength: 60 })
const receivedAt = '2026-10-20T00:00:00Z'

/** What stays of an outcome when the line stands elsewhere: its place among all lines. */
const placed = (lines: ReceivedLine[], change: object = {}) =>
  reconcileLines(lines, rules({ ...terms, ...change })).map(({ sequence: _, line: __, ...outcome }) => outcome)

/** The same events in batches of another size. */
function batched(all: (object | string)[], size: number): ReceivedLine[] {
  const batches = Array.from({ length: Math.ceil(all.length / size) }, (_, index) => ({
    receivedAt,
    events: all.slice(index * size, (index + 1) * size),
  }))
  return linesOf(batches)
}

test('every line gets exactly one disposition, and the counts add up', () => {
  fc.assert(
    fc.property(events, all => {
      const outcomes = reconcileLines(batched(all, 7), rules(terms))
      expect(outcomes.map(({ sequence, line }) => (sequence - 1) * 7 + line)).toEqual(all.map((_, index) => index + 1))
      expect(Object.values(countsOf(outcomes)).reduce((sum, count) => sum + count, 0)).toBe(all.length)
    }),
  )
})

test('neither the number of shards nor the size of the batches changes a disposition', () => {
  fc.assert(
    fc.property(events, fc.integer({ min: 1, max: 20 }), (all, size) => {
      const one = placed(batched(all, 60))
      for (const shards of [3, 16]) expect(placed(batched(all, 60), { shards })).toEqual(one)
      expect(placed(batched(all, size))).toEqual(one)
    }),
  )
})

test('events of different ids may arrive in any order', () => {
  const unique = events.map(all => [
    ...new Map(
      all.map((item, index) => [typeof item === 'object' && 'id' in item ? item.id : `x${index}`, item]),
    ).values(),
  ])
  fc.assert(
    fc.property(
      unique.chain(all => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
      ([all, shuffled]) => {
        const byEvent = (list: (object | string)[]) => {
          const outcomes = placed(batched(list, 11))
          return new Map(list.map((item, index) => [item, outcomes[index]]))
        }
        const before = byEvent(all)
        for (const [item, outcome] of byEvent(shuffled)) expect(outcome).toEqual(before.get(item))
      },
    ),
  )
})

test('running again over what is final gives nothing new', () => {
  fc.assert(
    fc.property(events, all => {
      const lines = batched(all, 9)
      const outcomes = reconcileLines(lines, rules(terms))
      const known = outcomes.filter(({ programme: of }) => of !== undefined)
      const again = reconcileLines(
        lines,
        rules({ ...terms, finals: finalsOf(known), programmes: [{ ...programme, openFrom: '2026-11' as Period }] }),
      )
      expect(again).toEqual(outcomes.filter(({ programme: of }) => of === undefined))
    }),
  )
})

test('no quota is ever exceeded, reversals counted', () => {
  fc.assert(
    fc.property(events, all => {
      const used = reconcileLines(batched(all, 9), rules(terms))
        .flatMap(({ matched }) => (matched?.entitlement === entitlementId(3) ? [matched.quantity] : []))
        .reduce((sum, quantity) => sum + quantity, 0)
      expect(used).toBeGreaterThanOrEqual(0)
      expect(used).toBeLessThanOrEqual(4)
    }),
  )
})

test('shards are spread evenly and stay what they are', () => {
  const counts = new Array(16).fill(0)
  for (let id = 0; id < 16_000; id++) counts[shardOf(`e${id}`, 16)]++
  expect(Math.min(...counts)).toBeGreaterThan(800)
  expect([shardOf('e-1', 16), shardOf('e-1', 1)]).toEqual([shardOf('e-1', 16), 0])
})
