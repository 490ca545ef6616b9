import { expect, test } from 'vitest'
import { reconcileLines } from '../../functions/reconciliation/reconcile-lines.ts'
import type { Period } from '../../schemas/primitives.ts'
import {
  contract,
  entitlement,
  entitlements,
  event,
  finalsOf,
  linesOf,
  october,
  programme,
  reversal,
  rules,
  subjectOf,
} from './support.ts'
import { totalsOf } from './usage-sums.ts'

const people = entitlements(
  entitlement(1),
  entitlement(2),
  entitlement(3, { windows: [{ from: '2026-10-20T16:00:00Z', until: '2026-11-15T00:00:00Z' }] }),
)
const of = (number: number, change: object = {}) => ({
  entitlementId: entitlement(number).id,
  subject: subjectOf(number),
  ...change,
})
const yuan = (amountMinor: number) => ({ amount: { amountMinor, currency: 'CNY' } })
const other = contract({
  id: 'other',
  payee: 'b',
  lines: [
    { id: 'a', model: 'per-use', benefit: 'eleme-vip', unitPrice: '1' },
    { id: 'flat', model: 'flat', fee: '7' },
  ],
})

const octoberLines = [
  {
    events: [
      event('a', { quantity: 2, ...yuan(100) }),
      event('b', yuan(50)),
      event('c', of(2)),
      event('d', of(2)),
      reversal('r', 'c', of(2)),
      reversal('s', 'b'),
      'x',
    ],
  },
]
const row = { contract: 'eleme-2026', benefit: 'eleme-5off', originPeriod: '2026-10' }

test('sums, members and sales of the period; a row of zeros for what nobody used', async () => {
  const lines = linesOf(octoberLines)
  const outcomes = reconcileLines(lines, rules({ entitlements: people }))
  const totals = await totalsOf({
    period: october,
    contracts: [other, contract()],
    entitlements: people.values(),
    outcomes,
    earlier: [],
  })
  expect(totals).toEqual([
    { ...row, quantity: 3, amountMinor: 100, activeMembers: 2, entitledMembers: 3, sales: 1 },
    {
      ...row,
      contract: 'other',
      benefit: 'eleme-vip',
      quantity: 0,
      amountMinor: 0,
      activeMembers: 0,
      entitledMembers: 0,
      sales: 0,
    },
  ])
})

test('an earlier period that is touched comes whole, and only then', async () => {
  const first = reconcileLines(linesOf(octoberLines), rules({ entitlements: people }))
  const novemberOf = (events: object[]) => {
    const lines = linesOf([
      ...octoberLines,
      { receivedAt: '2026-11-20T00:00:00Z', oldestOpen: { '88vip': '2026-11' }, events },
    ])
    const period = '2026-11' as Period
    const outcomes = reconcileLines(
      lines,
      rules({ entitlements: people, finals: finalsOf(first), programmes: [{ ...programme, openFrom: period }] }),
    )
    return totalsOf({
      period,
      contracts: [contract()],
      entitlements: people.values(),
      outcomes,
      earlier: first,
    })
  }
  const november = { ...row, originPeriod: '2026-11', amountMinor: 0, entitledMembers: 3, sales: 0 }
  expect(await novemberOf([event('n', { occurredAt: '2026-11-02T00:00:00Z' })])).toEqual([
    { ...november, quantity: 1, activeMembers: 1 },
  ])
  expect(
    await novemberOf([
      event('late', of(3, { occurredAt: '2026-10-25T00:00:00Z', ...yuan(9) })),
      reversal('t', 'a', { occurredAt: '2026-11-02T00:00:00Z' }),
    ]),
  ).toEqual([
    { ...row, quantity: 2, amountMinor: 9, activeMembers: 2, entitledMembers: 3, sales: 1 },
    { ...november, quantity: 0, activeMembers: 0 },
  ])
})

test('members count as entitled where a window meets the days of the contract in the period', async () => {
  const entitledIn = async (terms: object, period = '2026-10') => {
    const inputs = { period: period as Period, contracts: [contract(terms)], outcomes: [], earlier: [] }
    const [total] = await totalsOf({
      ...inputs,
      entitlements: [entitlement(3, { windows: [{ from: '2026-10-19T16:00:00Z', until: '2026-10-20T16:00:00Z' }] })],
    })
    return total?.entitledMembers
  }
  expect(await entitledIn({})).toBe(1)
  expect(await entitledIn({ validFrom: '2026-10-20', validTo: '2026-10-20' })).toBe(1)
  expect(await entitledIn({ validTo: '2026-10-19' })).toBe(0)
  expect(await entitledIn({ validFrom: '2026-10-21' })).toBe(0)
  expect(await entitledIn({}, '2026-11')).toBe(0)
  expect(await entitledIn({ validTo: '2026-09-30' })).toBeUndefined()
})

test('one subject with two entitlements is one member', async () => {
  const both = entitlements(entitlement(1), entitlement(2, { subject: subjectOf(1) }))
  const outcomes = reconcileLines(
    linesOf([{ events: [event('a'), event('b', { entitlementId: entitlement(2).id })] }]),
    rules({ entitlements: both }),
  )
  const [total] = await totalsOf({
    period: october,
    contracts: [contract()],
    entitlements: both.values(),
    outcomes,
    earlier: [],
  })
  expect(total).toMatchObject({ quantity: 2, activeMembers: 1, entitledMembers: 1 })
})

test('a sum that is no exact integer any more is an error, not a wrong bill', async () => {
  const [one] = reconcileLines(linesOf([{ events: [event('a', yuan(10_000_000_000_000))] }]), rules())
  const outcomes = Array.from({ length: 901 }, () => one).flatMap(outcome => outcome ?? [])
  const inputs = { period: october, contracts: [contract()], entitlements: [], earlier: [] }
  await expect(totalsOf({ ...inputs, outcomes })).rejects.toThrow('exact integers')
  const [total] = await totalsOf({ ...inputs, outcomes: outcomes.slice(1) })
  expect(total?.amountMinor).toBe(9_000_000_000_000_000)
})
