import fc from 'fast-check'
import type { Contract } from '../../schemas/contract.ts'
import { contractOf } from './terms.ts'

const brands = ['alibaba', 'eleme', 'xiami', 'youku']

/** A decimal with up to six digits after the point. */
export const decimal = (most: number): fc.Arbitrary<string> =>
  fc.integer({ min: 0, max: most * 1_000_000 }).map(millionths => {
    const fraction = String(millionths % 1_000_000).padStart(6, '0')
    return `${Math.floor(millionths / 1_000_000)}.${fraction}`
  })

/** Two to four brands whose shares add up to one. */
export const shares = fc
  .tuple(
    fc.subarray(brands, { minLength: 2 }),
    fc.array(fc.integer({ min: 1, max: 1_000 }), { minLength: 4, maxLength: 4 }),
  )
  .map(([funders, weights]) => {
    const total = funders.reduce((sum, _, index) => sum + (weights[index] ?? 1), 0)
    const parts = funders.map((_, index) => Math.floor(((weights[index] ?? 1) * 1_000_000) / total))
    const rest = 1_000_000 - parts.reduce((sum, part) => sum + part, 0)
    return funders.map((brand, index) => {
      const millionths = (parts[index] ?? 0) + (index === 0 ? rest : 0)
      return { brand, share: millionths === 1_000_000 ? '1' : `0.${String(millionths).padStart(6, '0')}` }
    })
  })

const price = fc.oneof(
  decimal(9).map(unitPrice => ({ unitPrice })),
  fc
    .tuple(
      fc.constantFrom('graduated', 'volume'),
      fc.uniqueArray(fc.integer({ min: 1, max: 900 }), { minLength: 1, maxLength: 3 }),
      fc.array(decimal(9), { minLength: 4, maxLength: 4 }),
    )
    .map(([mode, limits, prices]) => ({
      tiers: {
        mode,
        steps: [...limits.toSorted((a, b) => a - b), undefined].map((upTo, index) => ({
          ...(upTo !== undefined && { upTo }),
          unitPrice: prices[index] ?? '0',
        })),
      },
    })),
)

type Kind = { limits: boolean; flat: boolean }

const line = ({ flat }: Kind): fc.Arbitrary<Record<string, unknown>> =>
  fc.oneof(
    fc
      .tuple(fc.constantFrom('per-use', 'per-active-member', 'per-entitled-member'), price)
      .map(([model, priced]) => ({ benefit: 'youku-vip', model, ...priced })),
    fc.integer({ min: 0, max: 999_999 }).map(millionths => ({
      benefit: 'youku-vip',
      model: 'revenue-share',
      share: `0.${String(millionths).padStart(6, '0')}`,
    })),
    ...(flat ? [decimal(500).map(fee => ({ model: 'flat', fee }))] : []),
  )

/** Any contract between two of the brands, all of the benefit `youku-vip`. */
export const terms = (kind: Kind = { limits: true, flat: true }): fc.Arbitrary<Contract> =>
  fc
    .record({
      parties: fc.shuffledSubarray(brands, { minLength: 2, maxLength: 2 }),
      currency: fc.constantFrom('CNY', 'JPY', 'KWD', 'CLF'),
      taxRate: fc.constantFrom('0', '0.06', '0.0333', '0.195'),
      lines: fc.array(fc.tuple(line(kind), fc.option(shares, { nil: undefined })), { minLength: 1, maxLength: 4 }),
      limits: fc.option(fc.tuple(fc.integer({ min: 0, max: 5_000 }), fc.integer({ min: 0, max: 5_000 })), {
        nil: undefined,
      }),
      paymentThreshold: fc.option(decimal(3_000), { nil: undefined }),
    })
    .map(({ parties, currency, taxRate, lines, limits, paymentThreshold }) =>
      contractOf({
        payer: parties[0] ?? 'alibaba',
        payee: parties[1] ?? 'youku',
        currency,
        taxRate,
        validTo: undefined,
        lines: lines.map(([own, fundedBy], index) => ({ id: `line-${index}`, ...own, ...(fundedBy && { fundedBy }) })),
        ...(limits && kind.limits && { minimum: String(limits[0]), maximum: String(limits[0] + limits[1]) }),
        ...(paymentThreshold !== undefined && { paymentThreshold }),
      }),
    )

/** One to four contracts at once, of whichever parties and currencies. */
export const contracts: fc.Arbitrary<Contract[]> = fc
  .array(terms(), { minLength: 1, maxLength: 4 })
  .map(all => all.map((one, index) => ({ ...one, id: `contract-${index}` })))
