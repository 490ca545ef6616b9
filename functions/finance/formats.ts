import type { Day, Period } from '../../schemas/primitives.ts'
import type { SignedMoney } from '../../schemas/settlement.ts'
import type { Language } from '../portal/language.ts'
import { majorAmount } from '../reports/amount.ts'

/** An amount that may be a credit, exact to the minor unit: `-¥0.05`. */
export function moneyIn(language: Language, { amountMinor, currency }: SignedMoney): string {
  const decimal = majorAmount(amountMinor, currency)
  const digits = decimal.split('.')[1]?.length ?? 0
  const options = { style: 'currency', currency, minimumFractionDigits: digits, maximumFractionDigits: digits } as const
  // As a decimal string, so that no amount passes through a binary fraction.
  return new Intl.NumberFormat(language, options).format(decimal as `${number}`)
}

/** A difference: with its sign, also where it is more. */
export function changeIn(language: Language, { amountMinor, currency }: SignedMoney): string {
  const text = moneyIn(language, { amountMinor, currency })
  return amountMinor > 0 ? `+${text}` : text
}

export const numberIn = (language: Language, value: number | bigint): string =>
  new Intl.NumberFormat(language).format(value)

/** Of a share or a change in per mille, as a percentage with at most one digit after the point. */
export const percentIn = (language: Language, perMille: number, signed = false): string =>
  new Intl.NumberFormat(language, {
    style: 'percent',
    maximumFractionDigits: 1,
    ...(signed && { signDisplay: 'exceptZero' as const }),
  }).format(perMille / 1000)

/** Parts of a thousand, rounded half away from zero; undefined where there is nothing to compare with. */
export function perMilleOf(part: number, whole: number): number | undefined {
  if (whole === 0) return undefined
  const [a, b] = [BigInt(part) * 2000n, BigInt(Math.abs(whole))]
  const half = a < 0n ? -b : b
  return Number((a + half) / (2n * b))
}

/** `2026-10` as people read it. */
export const periodIn = (language: Language, period: Period): string =>
  new Intl.DateTimeFormat(language, { year: 'numeric', month: 'long', timeZone: 'UTC' }).format(
    new Date(`${period}-01T00:00:00Z`),
  )

/** A day without its year, for axes and rows of a month. */
export const dayIn = (language: Language, day: Day): string =>
  new Intl.DateTimeFormat(language, { month: 'short', day: 'numeric', timeZone: 'UTC' }).format(
    new Date(`${day}T00:00:00Z`),
  )

export const dateIn = (language: Language, day: Day): string =>
  new Intl.DateTimeFormat(language, { dateStyle: 'long', timeZone: 'UTC' }).format(new Date(`${day}T00:00:00Z`))

/** An instant of the programme's place, to the minute. */
export const momentIn = (language: Language, at: string, timeZone: string): string =>
  new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short', timeZone }).format(new Date(at))
