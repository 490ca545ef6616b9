import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { priceOf } from '../../functions/memberships/price.ts'
import { Plan } from '../../schemas/programme.ts'
import { plan } from './world.ts'

const money = (amountMinor: number) => ({ amountMinor, currency: 'CNY' })
const ruled = (...rules: [object, number][]) =>
  Plan.parse(plan({ price: money(88800), priceRules: rules.map(([when, price]) => ({ when, price: money(price) })) }))
const score = (bounds: object) => ({ attribute: 'naughtyScore', ...bounds })
const tiers = ruled([score({ atLeast: 1000 }), 8800], [score({ atLeast: 500, atMost: 900 }), 44400])

describe('the price of a plan', () => {
  it.each<[object | undefined, number]>([
    [undefined, 88800],
    [{}, 88800],
    [{ other: 2000 }, 88800],
    [{ naughtyScore: 999.5 }, 88800],
    [{ naughtyScore: 1000 }, 8800],
    [{ naughtyScore: 500 }, 44400],
    [{ naughtyScore: 900 }, 44400],
    [{ naughtyScore: 901 }, 88800],
    [{ naughtyScore: '1000' }, 88800],
    [{ naughtyScore: true }, 88800],
  ])('with %o', (attributes, price) => {
    expect(priceOf(tiers, attributes as Record<string, number>)).toEqual(money(price))
  })

  it('is that of the first rule that holds', () => {
    const first = ruled([score({ atLeast: 1 }), 1], [score({ atLeast: 1000 }), 2])
    expect(priceOf(first, { naughtyScore: 5000 })).toEqual(money(1))
  })

  it.each([
    ['student', 1],
    ['Student', 88800],
    [true, 88800],
  ])('compares %o by value and type', (value, price) => {
    expect(priceOf(ruled([{ attribute: 'kind', equals: 'student' }, 1]), { kind: value })).toEqual(money(price))
  })

  it('takes no condition from the prototype', () => {
    expect(priceOf(ruled([{ attribute: 'constructor', atLeast: 0 }, 1]), {})).toEqual(money(88800))
  })

  it('needs a condition that says something', () => {
    expect(() => ruled([{ attribute: 'x' }, 1])).toThrow(/one of atLeast, atMost and equals/)
  })

  it('is always one of the document', () => {
    const value = fc.oneof(fc.double({ noNaN: true }), fc.string(), fc.boolean())
    const condition = fc.record(
      { atLeast: fc.integer(), atMost: fc.integer(), equals: fc.integer() },
      { requiredKeys: ['atLeast'] },
    )
    fc.assert(
      fc.property(
        fc.array(condition, { maxLength: 5 }),
        fc.dictionary(fc.constantFrom('a', 'b'), value),
        (rules, has) => {
          const made = ruled(
            ...rules.map((when, n): [object, number] => [{ attribute: n % 2 ? 'a' : 'b', ...when }, n]),
          )
          const prices = [made.price, ...made.priceRules.map(({ price }) => price)]
          expect(prices).toContain(priceOf(made, has))
        },
      ),
    )
  })
})
