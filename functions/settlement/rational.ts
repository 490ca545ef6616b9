/** An exact fraction; the denominator is positive. */
export type Rational = { numerator: bigint; denominator: bigint }

export const whole = (value: number | bigint): Rational => ({ numerator: BigInt(value), denominator: 1n })
export const zero: Rational = whole(0)

/** A decimal string such as `6.5`, exactly. */
export function parseDecimal(text: string): Rational {
  const [integer = '0', fraction = ''] = text.split('.')
  return { numerator: BigInt(integer + fraction), denominator: 10n ** BigInt(fraction.length) }
}

export const multiply = (a: Rational, b: Rational): Rational => ({
  numerator: a.numerator * b.numerator,
  denominator: a.denominator * b.denominator,
})

export const plus = (a: Rational, b: Rational): Rational =>
  a.denominator === b.denominator
    ? { numerator: a.numerator + b.numerator, denominator: a.denominator }
    : {
        numerator: a.numerator * b.denominator + b.numerator * a.denominator,
        denominator: a.denominator * b.denominator,
      }

/** Negative, zero or positive, as a sort function wants it. */
export function compare(a: Rational, b: Rational): number {
  const difference = a.numerator * b.denominator - b.numerator * a.denominator
  return difference < 0n ? -1 : difference > 0n ? 1 : 0
}

/** To the nearest integer; a half goes away from zero, so that a credit mirrors its charge. */
export function round({ numerator, denominator }: Rational): bigint {
  const size = numerator < 0n ? -numerator : numerator
  const rounded = (2n * size + denominator) / (2n * denominator)
  return numerator < 0n ? -rounded : rounded
}

/** Beyond 2^53 a number would be a wrong amount. */
export class AmountTooLarge extends RangeError {}

/** A bigint as the integer that JSON and the database carry. @throws AmountTooLarge */
export function exactNumber(value: bigint): number {
  const number = Number(value)
  if (!Number.isSafeInteger(number)) throw new AmountTooLarge(`${value} is too large for an amount`)
  return number
}
