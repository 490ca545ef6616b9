import { type Money, minorUnitDigits } from '../../schemas/money.ts'
import type { Instant, LocalizedText } from '../../schemas/primitives.ts'
import { en } from './messages/en.ts'
import { zhCN } from './messages/zh-CN.ts'

/** The English texts with their literals widened: what every language must have. */
export type Shape<T> = T extends string
  ? string
  : T extends (...values: infer Values) => string
    ? (...values: Values) => string
    : { readonly [Key in keyof T]: Shape<T[Key]> }
export type Messages = Shape<typeof en>
export type NoticeCode = keyof Messages['notices']

export const languages = ['zh-CN', 'en'] as const
export type Language = (typeof languages)[number]

export const messagesOf: Record<Language, Messages> = { 'zh-CN': zhCN, en }
/** Each language in its own words. */
export const languageNames: Record<Language, string> = { 'zh-CN': '中文', en: 'English' }

export const asLanguage = (text: string | null | undefined): Language | undefined =>
  languages.find(language => language === text)

/** The language a browser prefers (RFC 9110 section 12.5.4); English unless Chinese stands before it. */
export function preferredLanguage(acceptLanguage: string | undefined): Language {
  const ranges = (acceptLanguage ?? '')
    .slice(0, 500)
    .split(',')
    .map(range => {
      const [tag = '', ...parameters] = range.trim().toLowerCase().split(';')
      const weight = parameters.map(parameter => /^\s*q=([\d.]+)$/.exec(parameter)?.[1]).find(Boolean)
      return { tag, weight: weight === undefined ? 1 : Number(weight) }
    })
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => b.weight - a.weight)
  const known = ranges.find(({ tag }) => /^(zh|en)(-|$)/.test(tag))
  return known?.tag.startsWith('zh') ? 'zh-CN' : 'en'
}

/** The text of a document in a language, else in one close to it, else whatever there is. */
export function localized(text: LocalizedText | string, language: Language): string {
  if (typeof text === 'string') return text
  const base = language.slice(0, 2)
  const near = Object.keys(text).find(tag => tag.startsWith(base))
  return text[language] ?? text[near ?? 'en'] ?? text['en'] ?? Object.values(text)[0] ?? ''
}

/** A day as people of the place read it. */
export const dateIn = (language: Language, instant: Instant, timeZone: string): string =>
  new Intl.DateTimeFormat(language, { dateStyle: 'long', timeZone }).format(new Date(instant))

export function moneyIn(language: Language, { amountMinor, currency }: Money): string {
  const digits = minorUnitDigits(currency)
  const options = { style: 'currency', currency, minimumFractionDigits: digits, maximumFractionDigits: digits } as const
  // As a decimal string, so that no amount passes through a binary fraction.
  const padded = String(amountMinor).padStart(digits + 1, '0')
  const decimal = digits === 0 ? padded : `${padded.slice(0, -digits)}.${padded.slice(-digits)}`
  return new Intl.NumberFormat(language, options).format(decimal as `${number}`)
}

const unitOf = { Y: 'year', M: 'month', W: 'week', D: 'day' } as const

/** An ISO 8601 duration of whole days in words: `P30D` is "30 days". */
export function durationIn(language: Language, duration: string): string {
  const parts = [...duration.matchAll(/(\d+)([YMWD])/g)].map(([, count, letter]) => {
    const unit = unitOf[letter as keyof typeof unitOf]
    return new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'long' }).format(Number(count))
  })
  return new Intl.ListFormat(language, { type: 'unit' }).format(parts)
}

/** A wait in whole minutes, at least one. */
export const minutesIn = (language: Language, seconds: number): string =>
  new Intl.NumberFormat(language, { style: 'unit', unit: 'minute', unitDisplay: 'long' }).format(
    Math.max(1, Math.ceil(seconds / 60)),
  )
