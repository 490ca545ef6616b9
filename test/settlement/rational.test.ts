import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  compare,
  exactNumber,
  multiply,
  parseDecimal,
  plus,
  round,
  whole,
} from '../../functions/settlement/rational.ts'

describe('round', () => {
  test.each([
    ['0.5', 1n],
    ['1.5', 2n],
    ['2.5', 3n],
    ['2.499999999999', 2n],
    ['0', 0n],
    ['0.49', 0n],
    ['999999999999.5', 1000000000000n],
  ])('%s rounds to %s, and its credit to the same away from zero', (text, expected) => {
    expect(round(parseDecimal(text))).toBe(expected)
    expect(round(multiply(parseDecimal(text), whole(-1)))).toBe(-expected)
  })

  test('never moves an amount by more than a half', () => {
    fc.assert(
      fc.property(fc.bigInt(-(10n ** 20n), 10n ** 20n), fc.bigInt(1n, 10n ** 12n), (numerator, denominator) => {
        const distance = round({ numerator, denominator }) * denominator - numerator
        expect(2n * (distance < 0n ? -distance : distance) <= denominator).toBe(true)
      }),
    )
  })
})

test('sums and comparisons are exact where floating point is not', () => {
  const sum = plus(parseDecimal('0.1'), parseDecimal('0.20'))
  expect(compare(sum, parseDecimal('0.3'))).toBe(0)
  expect(compare(parseDecimal('0.333333333333'), parseDecimal('0.333333333334'))).toBe(-1)
  expect(compare(parseDecimal('7'), parseDecimal('6.999'))).toBe(1)
})

test('an amount that a number cannot hold is not passed on as a wrong one', () => {
  expect(exactNumber(9007199254740991n)).toBe(9007199254740991)
  expect(() => exactNumber(9007199254740993n)).toThrow(RangeError)
})
