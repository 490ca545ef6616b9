import { describe, expect, test } from 'vitest'
import { allocate, economicsOf } from '../../functions/finance/economics.ts'
import type { PlanFees } from '../../functions/memberships/fees.ts'
import type { UsageTotal } from '../../schemas/disposition.ts'
import type { Statement } from '../../schemas/settlement.ts'
import { cellsOf, monthWorld, october, twoMonths } from './month-world.ts'

describe('allocate', () => {
  test.each([
    [100n, [1, 1, 1], [34n, 33n, 33n]],
    [-100n, [1, 1, 1], [-34n, -33n, -33n]],
    [7n, [2, 5], [2n, 5n]],
    [10n, [1, 2], [3n, 7n]],
    [10n, [0, 0], [0n, 0n]],
    [0n, [3, 4], [0n, 0n]],
    [5n, [], []],
  ])('%s by %j', (amount, weights, expected) => {
    expect(allocate(amount, weights)).toEqual(expected)
  })

  test('always adds up to the whole', () => {
    for (let amount = -40; amount <= 40; amount++)
      for (const weights of [
        [3, 1, 7],
        [5, 5, 5, 5],
        [1, 0, 2],
      ])
        expect(allocate(BigInt(amount), weights).reduce((sum, part) => sum + part, 0n)).toBe(BigInt(amount))
  })
})

const line = (benefit: string | undefined, amountMinor: number) => ({ ...(benefit && { benefit }), amountMinor })
const statement = (debtor: string, creditor: string, lines: object[], currency = 'CNY') =>
  ({ debtor, creditor, currency, lines }) as unknown as Statement
const total = (benefit: string, activeMembers: number, contract = 'c', originPeriod = october) =>
  ({ benefit, activeMembers, contract, originPeriod }) as UsageTotal
const plan = (id: string, memberships: number, feesMinor: bigint, currency = 'CNY'): PlanFees => ({
  plan: id,
  currency,
  memberships,
  feesMinor,
})
const given = { period: october, brand: 'alibaba', benefits: ['video', 'food'], currency: 'CNY', isOver: true }

describe('economicsOf', () => {
  test('cost is what the brand owes less what it is owed, and nothing of others', () => {
    const [cny] = economicsOf({
      ...given,
      statements: [
        statement('alibaba', 'youku', [line('video', 900), line(undefined, 50)]),
        statement('youku', 'alibaba', [line('video', 200)]),
        statement('eleme', 'youku', [line('video', 5000)]),
      ],
      usage: [total('video', 3), total('video', 2, 'other'), total('video', 9, 'c', '2026-09' as never)],
      fees: [plan('annual', 2, 1000n), plan('monthly', 1, 500n)],
    })
    expect(cny).toMatchObject({ feesMinor: 1500n, costMinor: 750n, marginMinor: 750n, members: 3 })
    expect(cny?.plans).toEqual([
      { plan: 'annual', members: 2, feesMinor: 1000n, costMinor: 500n, marginMinor: 500n, isLoss: false },
      { plan: 'monthly', members: 1, feesMinor: 500n, costMinor: 250n, marginMinor: 250n, isLoss: false },
    ])
    expect(cny?.benefits).toEqual([
      { benefit: 'video', costMinor: 700n, activeMembers: 3, warning: undefined },
      { benefit: undefined, costMinor: 50n, activeMembers: 0, warning: undefined },
      { benefit: 'food', costMinor: 0n, activeMembers: 0, warning: undefined },
    ])
  })

  test.each([
    ['less than a member pays', 999n, 10, undefined],
    // Ten members pay 10,000: a user who costs exactly the average is no loss, one unit more is.
    ['as much as a member pays', 5000n, 5, undefined],
    ['more than a member pays', 5001n, 5, 'member'],
    ['all that members pay', 10_000n, 10, 'all-fees'],
    ['a credit', -3n, 1, undefined],
  ])('warns of a benefit that costs %s', (_name, cost, active, warning) => {
    const [cny] = economicsOf({
      ...given,
      statements: [statement('alibaba', 'youku', [line('video', Number(cost))])],
      usage: [total('video', active)],
      fees: [plan('annual', 10, 10_000n)],
    })
    expect(cny?.benefits.find(({ benefit }) => benefit === 'video')?.warning).toBe(warning)
  })

  test('a minimum is topped up to at the end of the month: before that it is no cost', () => {
    const statements = [
      statement('alibaba', 'youku', [line('video', 900), { ...line(undefined, 50_000), model: 'minimum-top-up' }]),
    ]
    const asked = { ...given, statements, usage: [], fees: [plan('annual', 1, 1000n)] }
    const costs = [true, false].map(isOver => economicsOf({ ...asked, isOver })[0]?.costMinor)
    expect(costs).toEqual([50_900n, 900n])
  })

  test('currencies stand apart, and where nobody pays in one, its cost is compared with nothing', () => {
    const all = economicsOf({
      ...given,
      statements: [statement('alibaba', 'fliggy', [line('stay', 40)], 'USD')],
      usage: [],
      fees: [plan('annual', 1, 100n)],
    })
    expect(all.map(({ currency, costMinor, feesMinor }) => [currency, costMinor, feesMinor])).toEqual([
      ['CNY', 0n, 100n],
      ['USD', 40n, 0n],
    ])
    expect(all[1]?.benefits).toEqual([{ benefit: 'stay', costMinor: 40n, activeMembers: 0, warning: 'no-fees' }])
    expect(all.map(({ hasFees }) => hasFees)).toEqual([true, false])
  })
})

test('the page names what makes a loss, in words and in both languages', { timeout: 120_000 }, async () => {
  const world = await monthWorld()
  await twoMonths(world)
  const page = await world.html('/finance/periods/88vip/2026-10')
  const rows = cellsOf(page, 'Programme economics')
  // 888.00 a year and member, after a free week of 7 days: 3 × 88,800 × 20 / 358 days from 12 to 31 October.
  expect(rows.find(([name]) => name === '88VIP')).toEqual([
    '88VIP',
    'Programme',
    'Loss',
    'CNY',
    '3',
    'CN¥148.83',
    'CN¥303.20',
    '-CN¥154.37',
    'CN¥101.07',
    '203.7%',
  ])
  expect(page).toContain(
    'The plan Annual membership makes a loss: its benefits cost CN¥154.37 more than its members pay.',
  )
  expect(page).not.toContain('The month is not over')
  // November has a minimum that only its end tops up to.
  const open = await world.html('/finance/periods/88vip/2026-11')
  expect(open).toContain('The month is not over: fees are those of the whole month')
  const whole = cellsOf(open, 'Programme economics').find(([name]) => name === '88VIP')
  // 3 × 88,800 × 30 / 358 days.
  expect(whole?.[5]).toBe('CN¥223.24')
  const chinese = await world.html('/finance/periods/88vip/2026-10', { language: 'zh-CN' })
  expect(chinese).toContain('套餐「年度会员」亏损：其权益成本比会员所付多 ¥154.37。')
})
