import { expect, test } from 'vitest'
import { reconcileLines } from '../../functions/reconciliation/reconcile-lines.ts'
import type { Period } from '../../schemas/primitives.ts'
import {
  contract,
  dispositionsOf,
  entitlement,
  entitlementId,
  entitlements,
  event,
  finalsOf,
  linesOf,
  programme,
  reversal,
  rules,
  subjectOf,
} from './support.ts'

const two = { entitlements: entitlements(entitlement(1), entitlement(2)) }
const ofSecond = { entitlementId: entitlementId(2), subject: subjectOf(2) }

test.each<[string, object[], string[], object?]>([
  ['takes a matched event back', [event('a'), reversal('r', 'a')], ['matched', 'matched']],
  ['may stand before it in the file', [reversal('r', 'a'), event('a')], ['matched', 'matched']],
  ['names no event', [event('a'), reversal('r', 'b')], ['matched', 'unknown-entitlement']],
  [
    'names an event that is not matched',
    [event('a', { subject: 'x' }), reversal('r', 'a')],
    ['wrong-subject', 'unknown-entitlement'],
  ],
  [
    'only the first takes back',
    [reversal('r2', 'a', { occurredAt: '2026-10-05T00:00:00Z' }), event('a'), reversal('r1', 'a')],
    ['unknown-entitlement', 'matched', 'matched'],
  ],
  [
    'does not take a reversal back',
    [event('a'), reversal('r', 'a'), reversal('s', 'r')],
    ['matched', 'matched', 'unknown-entitlement'],
  ],
  ['of another entitlement', [event('a'), reversal('r', 'a', ofSecond)], ['matched', 'unknown-entitlement'], two],
  [
    'has the subject of the entitlement',
    [event('a'), reversal('r', 'a', { subject: 'x' })],
    ['matched', 'wrong-subject'],
  ],
  [
    'has the benefit of the entitlement',
    [event('a'), reversal('r', 'a', { benefit: 'x' })],
    ['matched', 'wrong-subject'],
  ],
  ['of no entitlement', [event('a'), reversal('r', 'a', { entitlementId: 'x' })], ['matched', 'unknown-entitlement']],
  ['in the future', [event('a'), reversal('r', 'a', { occurredAt: '2026-10-21T00:00:00Z' })], ['matched', 'future']],
  ['too late', [event('a'), reversal('r', 'a', { occurredAt: '2026-01-05T00:00:00Z' })], ['matched', 'too-late']],
  ['twice', [event('a'), reversal('r', 'a'), reversal('r', 'a')], ['matched', 'matched', 'duplicate']],
  ['with an id that was used', [event('a'), reversal('a', 'a')], ['matched', 'conflict']],
  [
    'need not be inside the entitlement',
    [event('a'), reversal('r', 'a')],
    ['matched', 'matched'],
    {
      entitlements: entitlements(
        entitlement(1, { windows: [{ from: '2026-10-01T00:00:00Z', until: '2026-10-04T00:00:00Z' }] }),
      ),
    },
  ],
  [
    'needs no contract of its own day',
    [event('a'), reversal('r', 'a')],
    ['matched', 'matched'],
    { contracts: [contract({ validTo: '2026-10-03' })] },
  ],
])('a reversal %s', (_, lines, dispositions, change = {}) => {
  expect(dispositionsOf(lines, change)).toEqual(dispositions)
})

test('a reversal of another partner names nothing', () => {
  const outcomes = reconcileLines(
    linesOf([{ events: [reversal('r', 'a')] }], 'youku'),
    rules({ entitlements: entitlements(entitlement(1, { partner: 'youku' })) }),
  )
  expect(outcomes[0]?.disposition).toBe('unknown-entitlement')
})

test('a reversal takes exactly the quantity and amount of its event back, in the period that the event is of', () => {
  const amount = { amountMinor: 4200, currency: 'CNY' }
  const closed = reconcileLines(
    linesOf([{ events: [event('a', { quantity: 3, amount }), event('b', { amount: { ...amount, amountMinor: 0 } })] }]),
    rules(),
  )
  const november = linesOf([
    { events: [event('a', { quantity: 3, amount }), event('b', { amount: { ...amount, amountMinor: 0 } })] },
    {
      receivedAt: '2026-11-05T00:00:00Z',
      oldestOpen: { '88vip': '2026-11' },
      events: [
        reversal('r', 'a', { occurredAt: '2026-11-04T00:00:00Z', quantity: 1 }),
        reversal('s', 'b', { occurredAt: '2026-11-04T00:00:00Z', amount }),
      ],
    },
  ])
  const open = { finals: finalsOf(closed), programmes: [{ ...programme, openFrom: '2026-11' as Period }] }
  const [first, second, ...more] = reconcileLines(november, rules(open))
  expect(more).toEqual([])
  expect(first).toMatchObject({ id: 'r', disposition: 'matched', period: '2026-11' })
  expect(first?.matched).toEqual({
    ...closed[0]?.matched,
    type: 'reversal',
    occurredAt: '2026-11-04T00:00:00Z',
    quantity: -3,
    amountMinor: -4200,
  })
  expect(second?.matched).toMatchObject({ originPeriod: '2026-10', quantity: -1, amountMinor: 0 })
  // Once it is final, nobody can take the event back again.
  const again = [
    ...november,
    ...linesOf([
      { events: [] },
      { events: [] },
      { receivedAt: '2026-11-06T00:00:00Z', events: [reversal('t', 'a', { occurredAt: '2026-11-05T00:00:00Z' })] },
    ]),
  ]
  const finals = finalsOf([...closed, ...(first ? [first] : [])])
  expect(reconcileLines(again, rules({ ...open, finals })).map(({ id, disposition }) => [id, disposition])).toEqual([
    ['s', 'matched'],
    ['t', 'unknown-entitlement'],
  ])
})
