import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { rateContract, splitByShares } from '../../functions/settlement/rate.ts'
import { ContractDocument } from '../../schemas/contract.ts'
import { contractOf, october, totalOf } from './terms.ts'

const views = { id: 'views', benefit: 'youku-vip', model: 'per-use' }
const graduated = {
  mode: 'graduated',
  steps: [{ upTo: 10, unitPrice: '0.05' }, { upTo: 20, unitPrice: '0.03' }, { unitPrice: '0.01' }],
}
const volume = { ...graduated, mode: 'volume' }

type Case = [string, Record<string, unknown>, Parameters<typeof totalOf>[0], number, string?]
const cases: Case[] = [
  ['per-use: 7 × 0.05', { ...views, unitPrice: '0.05' }, { quantity: 7 }, 35],
  ['per-use without usage', { ...views, unitPrice: '0.05' }, {}, 0],
  ['per-use: 3 × 0.005 = 1.5 fen, once rounded', { ...views, unitPrice: '0.005' }, { quantity: 3 }, 2],
  ['per-use: 1 × 0.004 = 0.4 fen', { ...views, unitPrice: '0.004' }, { quantity: 1 }, 0],
  ['per-use, more taken back than used', { ...views, unitPrice: '0.005' }, { quantity: -3 }, -2],
  ['graduated, in the first step', { ...views, tiers: graduated }, { quantity: 4 }, 20],
  ['graduated, at the bound', { ...views, tiers: graduated }, { quantity: 10 }, 50],
  ['graduated, one past the bound', { ...views, tiers: graduated }, { quantity: 11 }, 53],
  ['graduated, in the last step', { ...views, tiers: graduated }, { quantity: 25 }, 85],
  ['graduated, taken back', { ...views, tiers: graduated }, { quantity: -11 }, -53],
  ['volume, at the bound', { ...views, tiers: volume }, { quantity: 10 }, 50],
  ['volume, one past the bound', { ...views, tiers: volume }, { quantity: 11 }, 33],
  ['volume, in the last step', { ...views, tiers: volume }, { quantity: 25 }, 25],
  [
    'per-active-member',
    { ...views, model: 'per-active-member', unitPrice: '6.5' },
    { quantity: 9, activeMembers: 3 },
    1950,
  ],
  ['per-active-member, tiers', { ...views, model: 'per-active-member', tiers: graduated }, { activeMembers: 12 }, 56],
  ['per-entitled-member', { ...views, model: 'per-entitled-member', unitPrice: '2' }, { entitledMembers: 4 }, 800],
  [
    'revenue-share: 8 % of 42.19',
    { ...views, model: 'revenue-share', share: '0.08' },
    { quantity: 1, amountMinor: 4219 },
    338,
  ],
  ['revenue-share in the middle: 0.5 × 3', { ...views, model: 'revenue-share', share: '0.5' }, { amountMinor: 3 }, 2],
  ['flat fee', { id: 'fee', model: 'flat', fee: '1000' }, {}, 100_000],
  ['flat fee by its other name', { id: 'fee', model: 'flat', unitPrice: '0.015' }, {}, 2],
  ['yen have no minor unit', { ...views, unitPrice: '5' }, { quantity: 3 }, 15, 'JPY'],
  ['dinars have three digits', { ...views, unitPrice: '0.0015' }, { quantity: 3 }, 5, 'KWD'],
]

describe('a line', () => {
  test.each(cases)('%s', (_name, line, total, amountMinor, currency = 'CNY') => {
    const [rated] = rateContract(contractOf({ lines: [line], currency }), october, [totalOf(total)])
    expect(rated?.amountMinor).toBe(BigInt(amountMinor))
    expect(rated).toMatchObject({ debtor: 'alibaba', creditor: 'youku', currency, originPeriod: '2026-10' })
  })

  test('shows what it counted', () => {
    const lines = [
      { ...views, unitPrice: '1' },
      { ...views, id: 'active', model: 'per-active-member', unitPrice: '1' },
      { ...views, id: 'entitled', model: 'per-entitled-member', unitPrice: '1' },
      { ...views, id: 'share', model: 'revenue-share', share: '0.1' },
    ]
    const total = totalOf({ quantity: 9, activeMembers: 3, entitledMembers: 5, amountMinor: 700 })
    const meters = rateContract(contractOf({ lines }), october, [total]).map(
      ({ line, quantity, members, amountBaseMinor }) => ({ line, quantity, members, amountBaseMinor }),
    )
    expect(meters).toEqual([
      { line: 'views', quantity: 9n, members: undefined, amountBaseMinor: undefined },
      { line: 'active', quantity: 9n, members: 3n, amountBaseMinor: undefined },
      { line: 'entitled', quantity: 9n, members: 5n, amountBaseMinor: undefined },
      { line: 'share', quantity: 9n, members: undefined, amountBaseMinor: 700n },
    ])
  })

  test('counts neither another period, contract nor benefit', () => {
    const others = [
      totalOf({ quantity: 5, originPeriod: '2026-09' }),
      totalOf({ quantity: 5, contract: 'youku-2025' }),
      totalOf({ quantity: 5, benefit: 'youku-gold' }),
    ]
    const [rated] = rateContract(contractOf({ lines: [{ ...views, unitPrice: '1' }] }), october, others)
    expect(rated).toMatchObject({ quantity: 0n, amountMinor: 0n })
  })
})

describe('funding', () => {
  const funded = (...parts: [string, string][]) => ({
    ...views,
    unitPrice: '0.01',
    fundedBy: parts.map(([brand, share]) => ({ brand, share })),
  })
  const owed = (line: Record<string, unknown>, quantity: number) =>
    rateContract(contractOf({ lines: [line] }), october, [totalOf({ quantity })]).map(({ debtor, amountMinor }) => [
      debtor,
      amountMinor,
    ])

  test("the payee's part is owed by nobody", () => {
    expect(owed(funded(['alibaba', '0.6'], ['youku', '0.4']), 1001)).toEqual([['alibaba', 601n]])
  })
  test('a third brand owes its part', () => {
    expect(owed(funded(['alibaba', '0.5'], ['zfunder', '0.5']), 101)).toEqual([
      ['alibaba', 51n],
      ['zfunder', 50n],
    ])
  })
  test('of equal remainders the brand that sorts first gets the unit', () => {
    expect(owed(funded(['zfunder', '0.5'], ['alibaba', '0.5']), 1)).toEqual([
      ['alibaba', 1n],
      ['zfunder', 0n],
    ])
  })
  test('a credit is split as its charge', () => {
    expect(owed(funded(['alibaba', '0.75'], ['zfunder', '0.25']), -9999)).toEqual([
      ['alibaba', -7499n],
      ['zfunder', -2500n],
    ])
  })

  const shares = fc
    .array(fc.integer({ min: 0, max: 1_000_000 }), { minLength: 0, maxLength: 8 })
    .map(cuts => [0, ...cuts.toSorted((a, b) => a - b), 1_000_000])
    .map(cuts => cuts.slice(1).map((cut, index) => cut - (cuts[index] ?? 0)))
  const decimal = (millionths: number) =>
    `${Math.floor(millionths / 1_000_000)}.${String(millionths % 1_000_000).padStart(6, '0')}`

  test('parts add up to the whole, and each is less than one unit off its exact share', () => {
    fc.assert(
      fc.property(fc.bigInt(-(10n ** 15n), 10n ** 15n), shares, (amount, millionths) => {
        const parts = splitByShares(
          amount,
          millionths.map((share, index) => ({ brand: `b${index}`, share: decimal(share) })),
        )
        expect(parts.reduce((sum, part) => sum + part.amountMinor, 0n)).toBe(amount)
        for (const { brand, amountMinor } of parts) {
          const off = amountMinor * 1_000_000n - amount * BigInt(millionths[Number(brand.slice(1))] ?? 0)
          expect(off < 1_000_000n && off > -1_000_000n).toBe(true)
        }
      }),
    )
  })
})

describe('minimum and maximum', () => {
  const line = { ...views, unitPrice: '1' }
  const rated = (terms: object, quantity: number, own: Record<string, unknown> = line) =>
    rateContract(contractOf({ lines: [own], ...terms }), october, [totalOf({ quantity })]).map(
      ({ line: id, model, debtor, amountMinor }) => [id, model, debtor, amountMinor],
    )

  test.each([
    [0, ['minimum-top-up', 'minimum-top-up', 'alibaba', 1000n]],
    [9, ['minimum-top-up', 'minimum-top-up', 'alibaba', 100n]],
    [10, undefined],
    [20, undefined],
    [21, ['maximum-cut', 'maximum-cut', 'alibaba', -100n]],
  ])('%i uses', (quantity, limit) => {
    expect(rated({ minimum: '10', maximum: '20' }, quantity)[1]).toEqual(limit)
  })

  test('hold for what the payer owes after funding', () => {
    const own = {
      ...line,
      fundedBy: [
        { brand: 'alibaba', share: '0.5' },
        { brand: 'zfunder', share: '0.5' },
      ],
    }
    expect(rated({ minimum: '10' }, 12, own)).toEqual([
      ['views', 'per-use', 'alibaba', 600n],
      ['views', 'per-use', 'zfunder', 600n],
      ['minimum-top-up', 'minimum-top-up', 'alibaba', 400n],
    ])
  })

  test('their names are taken: no line of a contract may have them', () => {
    const document = { ...contractOf({ lines: [{ ...line, id: 'views' }] }), version: undefined, appliedAt: undefined }
    const { version: _version, appliedAt: _appliedAt, ...plain } = document
    expect(ContractDocument.safeParse(plain).success).toBe(true)
    const named = { ...plain, lines: [{ ...line, id: 'maximum-cut' }] }
    expect(ContractDocument.safeParse(named).error?.issues[0]?.path).toEqual(['lines', 0, 'id'])
  })
})

describe('properties', () => {
  const price = fc
    .integer({ min: 0, max: 99_999_999 })
    .map(value => `${Math.floor(value / 10_000)}.${String(value % 10_000).padStart(4, '0')}`)
  const tiers = fc
    .tuple(
      fc.uniqueArray(fc.integer({ min: 1, max: 1000 }), { maxLength: 5 }),
      fc.array(price, { minLength: 6, maxLength: 6 }),
    )
    .map(([bounds, prices]) => [
      ...bounds.toSorted((a, b) => a - b).map((upTo, index) => ({ upTo, unitPrice: prices[index] ?? '0' })),
      { unitPrice: prices[5] ?? '0' },
    ])
  const amountOf = (line: Record<string, unknown>, quantity: number) =>
    rateContract(contractOf({ lines: [line] }), october, [totalOf({ quantity })])[0]?.amountMinor ?? 0n

  test('graduated tiers never cost less for more', () => {
    fc.assert(
      fc.property(tiers, fc.nat(2000), fc.nat(50), (steps, quantity, more) => {
        const line = { ...views, tiers: { mode: 'graduated', steps } }
        expect(amountOf(line, quantity + more) >= amountOf(line, quantity)).toBe(true)
      }),
    )
  })

  test('graduated tiers of one price cost what the plain price costs', () => {
    fc.assert(
      fc.property(tiers, price, fc.nat(3000), (steps, unitPrice, quantity) => {
        const same = { mode: 'graduated', steps: steps.map(step => ({ ...step, unitPrice })) }
        expect(amountOf({ ...views, tiers: same }, quantity)).toBe(amountOf({ ...views, unitPrice }, quantity))
      }),
    )
  })

  test('a line is rounded once: within half a unit of the exact amount, however many uses', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 ** 9 }), fc.nat(1_000_000), (billionths, quantity) => {
        const unitPrice = `${Math.floor(billionths / 10 ** 9)}.${String(billionths % 10 ** 9).padStart(9, '0')}`
        // Minor units times 10^7: the price has nine digits after the point, two of which are minor units.
        const off = amountOf({ ...views, unitPrice }, quantity) * 10n ** 7n - BigInt(billionths) * BigInt(quantity)
        expect(2n * (off < 0n ? -off : off) <= 10n ** 7n).toBe(true)
      }),
    )
  })
})
