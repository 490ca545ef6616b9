import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { amountExample, typedAmount } from '../../functions/finance/typed-amount.ts'
import { majorAmount } from '../../functions/reports/amount.ts'

const good: [string, string, number][] = [
  ['1234.5', 'CNY', 123_450],
  ['1,234.50', 'CNY', 123_450],
  [' 1 234.50 ', 'CNY', 123_450],
  ["1'234", 'CNY', 123_400],
  ['1\u00a0234\u00a0567', 'CNY', 123_456_700],
  ['１，２３４．５０', 'CNY', 123_450],
  ['￥１２', 'CNY', 1_200],
  ['¥12', 'CNY', 1_200],
  ['12元', 'CNY', 1_200],
  ['cny 12', 'CNY', 1_200],
  ['12.', 'CNY', 1_200],
  ['0.01', 'CNY', 1],
  ['007', 'CNY', 700],
  ['1,234', 'JPY', 1_234],
  ['1.234', 'KWD', 1_234],
  ['1.2345', 'CLF', 12_345],
  ['100,000,000,000', 'CNY', 10_000_000_000_000],
]
const bad: [string, string, string][] = [
  ['', 'CNY', 'missing'],
  ['  ', 'CNY', 'missing'],
  ['1,50', 'CNY', 'grouping'],
  ['1.234,50', 'CNY', 'grouping'],
  ['1,2345', 'CNY', 'grouping'],
  ['1.2.3', 'CNY', 'grouping'],
  ['1.234', 'CNY', 'decimals'],
  ['1.0', 'JPY', 'decimals'],
  ['0', 'CNY', 'nothing'],
  ['0.00', 'CNY', 'nothing'],
  ['-5', 'CNY', 'nothing'],
  ['−5', 'CNY', 'nothing'],
  ['$5', 'CNY', 'other-currency'],
  ['USD 5', 'CNY', 'other-currency'],
  ['1e3', 'CNY', 'other-currency'],
  ['0x10', 'CNY', 'other-currency'],
  ['一百', 'CNY', 'unreadable'],
  ['.5', 'CNY', 'unreadable'],
  ['+5', 'CNY', 'unreadable'],
  ['١٢', 'CNY', 'unreadable'],
  ['Infinity', 'CNY', 'unreadable'],
  ['<b>', 'CNY', 'unreadable'],
  ['100,000,000,000.01', 'CNY', 'too-large'],
  ['9'.repeat(30), 'CNY', 'too-large'],
  ['9'.repeat(100_000), 'CNY', 'too-large'],
]

describe('amounts as people type them', () => {
  test.each(good)('%s %s', (text, currency, amountMinor) => {
    expect(typedAmount(text, currency)).toEqual({ amountMinor })
  })

  test.each(bad)('%s %s is refused', (text, currency, fault) => {
    expect(typedAmount(text, currency)).toEqual({ fault })
  })

  test('the example is an amount', () => {
    for (const currency of ['CNY', 'JPY', 'KWD', 'CLF'])
      expect(typedAmount(amountExample(currency), currency)).toHaveProperty('amountMinor')
  })

  const minor = fc.integer({ min: 1, max: 10_000_000_000_000 })
  const currency = fc.constantFrom('CNY', 'JPY', 'KWD', 'CLF', 'USD')
  test('whatever is written exactly is read exactly, grouped and full-width too', () => {
    fc.assert(
      fc.property(minor, currency, fc.boolean(), fc.boolean(), (amountMinor, of, isGrouped, isWide) => {
        const [whole = '', decimals] = majorAmount(amountMinor, of).split('.')
        const grouped = isGrouped ? whole.replace(/\B(?=(\d{3})+$)/g, ',') : whole
        const plain = decimals === undefined ? grouped : `${grouped}.${decimals}`
        const wide = plain.replace(/[0-9.,]/g, sign => String.fromCharCode(sign.charCodeAt(0) + 0xfee0))
        expect(typedAmount(isWide ? wide : plain, of)).toEqual({ amountMinor })
      }),
    )
  })

  test('nothing that anybody types is read as another amount, or throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."0159.,' -¥$eE１．"), maxLength: 12 }), currency, (text, of) => {
        const read = typedAmount(text, of)
        if (!('amountMinor' in read)) return
        const digits = text.normalize('NFKC').replace(/[^\d.]/g, '')
        expect(Number(majorAmount(read.amountMinor, of))).toBeCloseTo(Number(digits), 4)
      }),
    )
  })
})
