import { describe, expect, test } from 'vitest'
import { reconcileLines } from '../../functions/reconciliation/reconcile-lines.ts'
import { Disposition } from '../../schemas/disposition.ts'
import {
  type Batch,
  contract,
  dispositionsOf,
  entitlement,
  entitlementId,
  entitlements,
  event,
  finalsOf,
  linesOf,
  rules,
} from './support.ts'

const receivedAt = '2026-10-20T00:00:00Z'
const money = (currency: string) => ({ amount: { amountMinor: 100, currency } })
const limited = entitlement(1, { quota: { per: 'P1M', limit: 1, rollover: false } })
const outside = { occurredAt: '2026-10-02T00:00:00Z' }
const late = entitlement(1, { windows: [{ from: '2026-10-03T00:00:00Z' }] })

test.each<[Disposition, string | object, object?]>([
  ['malformed', 'x'],
  ['malformed', { ...event('e'), typo: 1 }],
  ['future', event('e', { occurredAt: '2026-10-20T00:05:00.001Z' })],
  ['matched', event('e', { occurredAt: '2026-10-20T00:05:00Z' })],
  ['too-late', event('e', { occurredAt: '2026-08-20T23:59:59.999Z' })],
  ['matched', event('e', { occurredAt: '2026-08-21T00:00:00Z' })],
  ['matched', event('e', { occurredAt: '2026-08-01T00:00:00Z' }), { contracts: [contract({ lateDays: 90 })] }],
  ['too-late', event('e', { occurredAt: '2026-10-18T00:00:00Z' }), { contracts: [contract({ lateDays: 1 })] }],
  ['unknown-entitlement', event('e', { entitlementId: entitlementId(9) })],
  ['unknown-entitlement', event('e', { entitlementId: 'x' })],
  ['unknown-entitlement', event('e'), { entitlements: entitlements(entitlement(1, { partner: 'youku' })) }],
  ['wrong-subject', event('e', { subject: 'somebody' })],
  ['wrong-subject', event('e', { benefit: 'eleme-other' })],
  ['outside-entitlement', event('e', outside), { entitlements: entitlements(late) }],
  ['matched', event('e', { occurredAt: '2026-10-03T00:00:00Z' }), { entitlements: entitlements(late) }],
  ['over-quota', event('e', { quantity: 2 }), { entitlements: entitlements(limited) }],
  ['no-contract', event('e'), { contracts: [] }],
  ['no-contract', event('e'), { contracts: [contract({ programme: 'other' })] }],
  ['no-contract', event('e'), { contracts: [contract({ lines: [{ id: 'flat', model: 'flat', fee: '1' }] })] }],
  // 2 October 16:00 UTC is 3 October in Shanghai: validTo is inclusive, in the programme's time zone.
  [
    'no-contract',
    event('e', { occurredAt: '2026-10-02T16:00:00Z' }),
    { contracts: [contract({ validTo: '2026-10-02' })] },
  ],
  ['matched', event('e', { occurredAt: '2026-10-02T15:59:59Z' }), { contracts: [contract({ validTo: '2026-10-02' })] }],
  [
    'matched',
    event('e', { occurredAt: '2026-10-02T16:00:00Z' }),
    { contracts: [contract({ validFrom: '2026-10-03' })] },
  ],
  [
    'no-contract',
    event('e', { occurredAt: '2026-10-02T15:59:59Z' }),
    { contracts: [contract({ validFrom: '2026-10-03' })] },
  ],
  ['currency-mismatch', event('e', money('USD'))],
  ['currency-mismatch', event('e', money('CNY')), { contracts: [contract(), contract({ id: 'b', currency: 'USD' })] }],
  ['matched', event('e', money('CNY'))],
  ['matched', event('e')],
])('%s, case %#', (disposition, line, change = {}) => {
  expect(dispositionsOf([line], change)).toEqual([disposition])
})

test('the largest lateDays of the contracts that cover the day decides', () => {
  const contracts = [
    contract({ lateDays: 10 }),
    contract({ id: 'b', lateDays: 30 }),
    contract({ id: 'c', lateDays: 90, validTo: '2026-01-31' }),
  ]
  const at = (occurredAt: string) => dispositionsOf([event('e', { occurredAt })], { contracts })
  expect([at('2026-09-21T00:00:00Z'), at('2026-09-18T00:00:00Z')]).toEqual([['matched'], ['too-late']])
})

describe('an event that is bad in several ways gets the first', () => {
  /** From the last step to the first: each fault is added to the ones before. */
  const faults: [Disposition, object, object?][] = [
    ['currency-mismatch', money('USD')],
    ['no-contract', {}, { contracts: [contract({ currency: 'EUR', programme: 'other' })] }],
    [
      'over-quota',
      { quantity: 2 },
      { entitlements: entitlements(entitlement(1, { ...limited, ...late, quota: limited.quota })) },
    ],
    ['outside-entitlement', outside],
    ['wrong-subject', { subject: 'somebody' }],
    ['unknown-entitlement', { entitlementId: entitlementId(9) }],
  ]
  let fields = {}
  let change = {}
  const cases = faults.map(([disposition, fault, rule = {}]) => {
    fields = { ...fields, ...fault }
    change = { ...change, ...rule }
    return [disposition, fields, change] as const
  })
  test.each(cases)('%s', (disposition, bad, rule) => {
    expect(dispositionsOf([event('e', bad)], rule)).toEqual([disposition])
    // Steps 2 to 5 come before all of them.
    expect(dispositionsOf([event('e'), event('e', bad)], rule)[1]).toBe('conflict')
    expect(dispositionsOf([event('e', bad), event('e', bad)], rule)).toEqual([disposition, 'duplicate'])
    const future = event('e', { ...bad, occurredAt: '2026-10-21T00:00:00Z' })
    const old = event('e', { ...bad, occurredAt: '2026-01-02T00:00:00Z' })
    expect(dispositionsOf([event('e'), future, old, { ...future, typo: 1 }], rule).slice(1)).toEqual([
      'future',
      'too-late',
      'malformed',
    ])
  })
  test('the faults above are all that the second pass knows', () => {
    expect([...faults.map(([name]) => name)].reverse()).toEqual(Disposition.options.slice(5, -1))
  })
})

describe('duplicate and conflict', () => {
  test('content is compared as canonical JSON', () => {
    const same =
      '{"occurredAt":"2026-10-03T04:00:00Z", "subject":"sub_00000000000000000000000001","quantity" : 1,"benefit":"eleme-5off","id":"\\u0065","entitlementId":"ent_00000000000000000000000001"}'
    expect(dispositionsOf([event('e', { quantity: 1 }), same])).toEqual(['matched', 'duplicate'])
    // A default that is written out is another content.
    expect(dispositionsOf([event('e'), event('e', { quantity: 1 })])).toEqual(['matched', 'conflict'])
  })

  test('a conflicting line is an earlier line too', () => {
    const other = event('e', { quantity: 2 })
    expect(dispositionsOf([event('e'), other, other, event('e')])).toEqual([
      'matched',
      'conflict',
      'duplicate',
      'duplicate',
    ])
  })

  test('a line refused as future or too late may be sent again', () => {
    const batches: Batch[] = [
      { receivedAt, events: [event('e', { occurredAt: '2026-10-20T01:00:00Z' })] },
      { receivedAt: '2026-10-20T02:00:00Z', events: [event('e', { occurredAt: '2026-10-20T01:00:00Z' })] },
    ]
    expect(reconcileLines(linesOf(batches), rules()).map(({ disposition }) => disposition)).toEqual([
      'future',
      'matched',
    ])
    const tooLate = event('e', { occurredAt: '2026-01-02T00:00:00Z' })
    expect(dispositionsOf([tooLate, event('e')])).toEqual(['too-late', 'matched'])
  })

  test('the order is that of the batches, not of the events', () => {
    const first = event('e', { occurredAt: '2026-10-09T00:00:00Z' })
    expect(dispositionsOf([first, event('e', { occurredAt: '2026-10-01T00:00:00Z' })])).toEqual(['matched', 'conflict'])
  })

  test('what a close made final stays, whatever the contracts say today', () => {
    const batches: Batch[] = [
      { receivedAt: '2026-10-20T00:00:00Z', events: [event('e', { occurredAt: '2026-09-01T00:00:00Z' })] },
      { receivedAt: '2026-10-21T00:00:00Z', events: [event('e', { occurredAt: '2026-09-01T00:00:00Z' })] },
    ]
    const [tooLate] = reconcileLines(linesOf(batches), rules({ contracts: [contract({ lateDays: 10 })] }))
    expect(tooLate?.disposition).toBe('too-late')
    const finals = finalsOf(tooLate ? [tooLate] : [])
    expect(
      reconcileLines(linesOf(batches), rules({ finals })).map(({ line, sequence, disposition }) => [
        sequence,
        line,
        disposition,
      ]),
    ).toEqual([[2, 1, 'matched']])
  })
})

test('lines without a known entitlement belong to no programme, all others to that of theirs', () => {
  const outcomes = reconcileLines(
    linesOf([
      {
        events: [
          'x',
          event('a', { entitlementId: 'x' }),
          event('b', { subject: 'x' }),
          event('b', { subject: 'x' }),
          event('c', { occurredAt: '2027-01-01T00:00:00Z' }),
        ],
      },
    ]),
    rules(),
  )
  expect(outcomes.map(({ disposition, programme, period, id }) => [disposition, programme, period, id])).toEqual([
    ['malformed', undefined, undefined, undefined],
    ['unknown-entitlement', undefined, undefined, 'a'],
    ['wrong-subject', '88vip', '2026-10', 'b'],
    ['duplicate', '88vip', '2026-10', 'b'],
    ['future', '88vip', '2026-10', 'c'],
  ])
})

test('a matched line tells what rating needs', () => {
  const [outcome] = reconcileLines(
    linesOf([{ events: [event('e', { quantity: 3, occurredAt: '2026-10-03T17:00:00Z', ...money('CNY') })] }]),
    rules({ contracts: [contract({ id: 'z' }), contract({ id: 'a' })] }),
  )
  expect(outcome?.matched).toEqual({
    entitlement: entitlementId(1),
    benefit: 'eleme-5off',
    subject: 'sub_00000000000000000000000001',
    plan: 'annual',
    type: 'use',
    occurredAt: '2026-10-03T17:00:00Z',
    originPeriod: '2026-10',
    quantity: 3,
    amountMinor: 100,
    day: '2026-10-04',
    contracts: ['a', 'z'],
  })
})
