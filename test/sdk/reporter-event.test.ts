import { describe, expect, test } from 'vitest'
import { UsageEvent } from '../../schemas/usage.ts'
import { CHAIN_START, createUsageReporter, type ReceiptChain } from '../../sdk/index.ts'
import { followChain } from '../../sdk/reporter-chain.ts'
import { readUsageEvent } from '../../sdk/reporter-event.ts'
import { use } from './reporter-world.ts'

describe('an event', () => {
  test('is frozen as it was reported, and equal events are equal bytes', () => {
    const amount = { amountMinor: 4200, currency: 'CNY' }
    const event = { ...use('e-1'), amount }
    const line = readUsageEvent(event)
    amount.amountMinor = 1
    expect(line.event).toMatchObject({ amount: { amountMinor: 4200 } })
    const turned = Object.fromEntries(
      Object.entries({ ...event, amount: { currency: 'CNY', amountMinor: 4200 } }).reverse(),
    )
    expect(readUsageEvent(turned).bytes).toEqual(line.bytes)
    expect(line.bytes.toString().endsWith('}\n')).toBe(true)
  })

  test.each<[string, unknown]>([
    ['', null],
    ['', [use('e-1')]],
    ['/id', { ...use('e-1'), id: undefined }],
    ['/id', use('with space')],
    ['/id', use('')],
    ['/id', use('x'.repeat(129))],
    ['/entitlementId', use('e-1', { entitlementId: '' })],
    ['/benefit', use('e-1', { benefit: 'Youku VIP' })],
    ['/subject', use('e-1', { subject: '\ud800' })],
    ['/occurredAt', use('e-1', { occurredAt: '2026-10-03T04:11:09+08:00' })],
    ['/occurredAt', use('e-1', { occurredAt: '2026-02-30T00:00:00Z' })],
    ['/occurredAt', use('e-1', { occurredAt: '2026-10-03' })],
    ['/quantity', use('e-1', { quantity: 0 })],
    ['/quantity', use('e-1', { quantity: 1.5 })],
    ['/quantity', use('e-1', { quantity: Number.NaN })],
    ['/quantity', { ...use('e-1'), quantity: '3' }],
    ['/quanttiy', { ...use('e-1'), quanttiy: 3 }],
    ['/a~1b~0', { ...use('e-1'), 'a/b~': 3 }],
    ['/type', { ...use('e-1'), type: 'refund' }],
    ['/reverses', use('e-1', { type: 'reversal' })],
    ['/reverses', use('e-1', { reverses: 'e-0' })],
    ['/amount', { ...use('e-1'), amount: 5 }],
    ['/amount/currency', { ...use('e-1'), amount: { amountMinor: 5 } }],
    ['/amount/amountMinor', use('e-1', { amount: { amountMinor: -1, currency: 'CNY' } })],
    ['/amount/tax', { ...use('e-1'), amount: { amountMinor: 5, currency: 'CNY', tax: 1 } }],
  ])('%s is named: %j', (field, event) => {
    expect(() => readUsageEvent(event)).toThrow(expect.objectContaining({ field, name: 'UsageEventInvalid' }))
    expect(UsageEvent.safeParse(event).success).toBe(false)
  })

  test.each<UsageEvent | object>([
    use('e-1'),
    use('~!é'.slice(0, 2), { type: 'use', quantity: 1_000_000_000, occurredAt: '2024-02-29T23:59:59.999Z' }),
    use('e-2', { type: 'reversal', reverses: 'e-1', redemptionId: 'till-7-000042', tokenId: 'tok_1' }),
    use('e-3', { subject: '成员'.repeat(64), amount: { amountMinor: 10_000_000_000_000, currency: 'JPY' } }),
  ])('the gateway takes what the kit takes, word for word: %j', event => {
    const { event: read, bytes, quantity } = readUsageEvent(event)
    expect(read).toEqual(event)
    expect(UsageEvent.parse(JSON.parse(bytes.toString()))).toEqual({ type: 'use', quantity: 1, ...event })
    expect(quantity).toBe(UsageEvent.parse(event).quantity)
  })

  test('has the fields that the gateway knows, and no other', () => {
    const all = { type: 'use', reverses: 'x', quantity: 1, amount: {}, redemptionId: 'x', tokenId: 'x' }
    for (const field of Object.keys(UsageEvent.shape)) expect(Object.keys({ ...use('e-1'), ...all })).toContain(field)
    expect(Object.keys(UsageEvent.shape)).toHaveLength(Object.keys({ ...use('e-1'), ...all }).length)
  })
})

describe('a receipt in the chain', () => {
  const hash = (digit: string) => digit.repeat(64)
  const receipt = (sequence: number, own: string, previous: string, issuedAt = 1000) => ({
    ...{ batchId: 'bat_1', digest: hash('d'), lines: 1, malformed: 0, quantity: 1, token: '' },
    ...{ sequence, hash: hash(own), previousHash: hash(previous), issuedAt },
  })
  const known = { sequence: 5, hash: hash('5'), issuedAt: 1000 }

  test.each<[string, ReceiptChain | undefined, ReturnType<typeof receipt>, string]>([
    ['the next one', known, receipt(6, '6', '5'), 'follows to 6'],
    ['the next one of another past', known, receipt(6, '6', '4'), 'fork at 6'],
    ['one too many', known, receipt(7, '7', '6'), 'gap at 7'],
    ['the same again', known, receipt(5, '5', '4'), 'follows to 5'],
    ['another in its place', known, receipt(5, 'e', '4'), 'fork at 5'],
    ['an old one again', known, receipt(3, '3', '2', 900), 'follows to 5'],
    ['a lower one that is younger: the chain was rolled back', known, receipt(3, 'e', '2', 2000), 'fork at 3'],
    ['any first one', undefined, receipt(9, '9', '8'), 'follows to 9'],
    ['the very first', CHAIN_START, receipt(1, '1', '0'), 'follows to 1'],
    ['a first one with a past', undefined, receipt(1, '1', 'e'), 'fork at 1'],
    ['not the first', CHAIN_START, receipt(2, '2', '1'), 'gap at 2'],
  ])('%s', (_, before, next, expected) => {
    const { chain, broken } = followChain(before, next)
    expect(`${broken === undefined ? 'follows to' : `${broken.code} at`} ${chain.sequence}`).toBe(expected)
  })
})

test.each([
  { issuer: 'http://tessera.example' },
  { audience: '' },
  { maxEvents: 10_001 },
  { maxEvents: 0 },
  { maxBytes: 6_000_000 },
  { flushAfterMilliseconds: -1 },
  { retry: { attempts: 0 } },
  { requestTimeoutMilliseconds: 0.5 },
  { chain: { sequence: 3, hash: '' } },
  { chain: { sequence: -1, hash: '0'.repeat(64) } },
])('options that cannot be right are refused at set-up: %j', wrong => {
  const right = { issuer: 'https://tessera.example', audience: 'youku', credentials: { token: async () => '' } }
  expect(() => createUsageReporter({ ...right, ...wrong })).toThrow()
})
