import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { inMinorUnits, rateContract, splitByShares } from '../../functions/settlement/rate.ts'
import { compare, multiply, parseDecimal, plus, round, whole } from '../../functions/settlement/rational.ts'
import { decimal, shares } from './properties-terms.ts'
import { contractOf, october, totalOf } from './terms.ts'

const sum = (amounts: bigint[]): bigint => amounts.reduce((total, amount) => total + amount, 0n)

describe('splits', () => {
  test('add up exactly, and no part is a minor unit or more away from its share', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n }), shares, (amount, funding) => {
        const parts = splitByShares(amount, funding)
        expect(sum(parts.map(part => part.amountMinor))).toBe(amount)
        for (const { brand, amountMinor } of parts) {
          const exact = multiply(parseDecimal(funding.find(part => part.brand === brand)?.share ?? '0'), whole(amount))
          const off = plus(whole(amountMinor), multiply(exact, whole(-1)))
          expect(compare(off, whole(1)) < 0 && compare(off, whole(-1)) > 0).toBe(true)
        }
        expect(splitByShares(amount, funding.toReversed())).toEqual(parts)
        const mirrored = splitByShares(-amount, funding).map(part => ({ ...part, amountMinor: -part.amountMinor }))
        expect(mirrored).toEqual(parts)
      }),
      { numRuns: 500 },
    )
  })
})

describe('graduated tiers', () => {
  const steps = fc
    .tuple(
      fc.uniqueArray(fc.integer({ min: 1, max: 2_000 }), { minLength: 0, maxLength: 5 }),
      fc.array(decimal(5), { minLength: 6, maxLength: 6 }),
    )
    .map(([limits, prices]) => {
      const sorted = limits.toSorted((a, b) => a - b)
      return [...sorted, undefined].map((upTo, index) => ({
        ...(upTo !== undefined && { upTo }),
        unitPrice: prices[index] ?? '0',
      }))
    })

  test('are monotone in the quantity, and one more unit costs no more than the dearest step and a rounding', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 0, max: 3_000 }), (tierSteps, quantity) => {
        const contract = contractOf({
          lines: [
            { id: 'views', benefit: 'youku-vip', model: 'per-use', tiers: { mode: 'graduated', steps: tierSteps } },
          ],
        })
        const at = (size: number) =>
          rateContract(contract, october, [totalOf({ quantity: size })])[0]?.amountMinor ?? -1n
        const [less, more] = [at(quantity), at(quantity + 1)]
        expect(more >= less).toBe(true)
        const dearest =
          tierSteps
            .map(step => inMinorUnits(step.unitPrice, 'CNY'))
            .sort(compare)
            .at(-1) ?? whole(0)
        expect(more - less <= round(dearest) + 1n).toBe(true)
      }),
      { numRuns: 500 },
    )
  })
})

describe('exact rationals', () => {
  const digits = fc
    .tuple(fc.bigInt({ min: 0n, max: 10n ** 12n - 1n }), fc.stringMatching(/^\d{1,12}$/))
    .map(([integer, fraction]) => ({
      text: `${integer}.${fraction}`,
      scaled: BigInt(`${integer}${fraction.padEnd(12, '0')}`),
    }))

  test('agree with integers of 10^-24', () => {
    fc.assert(
      fc.property(digits, digits, (a, b) => {
        const unit = 10n ** 24n
        const value = ({ numerator, denominator }: ReturnType<typeof whole>) => (numerator * unit) / denominator
        const [x, y] = [parseDecimal(a.text), parseDecimal(b.text)]
        expect(value(multiply(x, y))).toBe(a.scaled * b.scaled)
        expect(value(plus(x, y))).toBe((a.scaled + b.scaled) * 10n ** 12n)
        expect(Math.sign(compare(x, y))).toBe(a.scaled < b.scaled ? -1 : a.scaled > b.scaled ? 1 : 0)
        const product = a.scaled * b.scaled
        const half = product % unit >= unit / 2n ? 1n : 0n
        expect(round(multiply(x, y))).toBe(product / unit + half)
        expect(round(multiply(multiply(x, y), whole(-1)))).toBe(-(product / unit + half))
      }),
      { numRuns: 1_000 },
    )
  })

  test.each([
    ['JPY', 0],
    ['CNY', 2],
    ['KWD', 3],
    ['CLF', 4],
  ])('%s has %i digits: a price is that many tens of its minor unit', (currency, exponent) => {
    fc.assert(
      fc.property(digits, ({ text, scaled }) => {
        const expected = (2n * scaled * 10n ** BigInt(exponent) + 10n ** 12n) / (2n * 10n ** 12n)
        expect(round(inMinorUnits(text, currency))).toBe(expected)
        const lines = [{ id: 'fee', model: 'flat', fee: text }]
        expect(rateContract(contractOf({ currency, lines }), october, [])[0]?.amountMinor).toBe(expected)
      }),
      { numRuns: 200 },
    )
  })
})
