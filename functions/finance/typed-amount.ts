import { minorUnitDigits } from '../../schemas/money.ts'

/** Why what was typed is no amount; the page says what to type instead. */
export type AmountFault =
  | 'missing'
  | 'unreadable'
  | 'grouping'
  | 'decimals'
  | 'other-currency'
  | 'nothing'
  | 'too-large'
export type TypedAmount = { amountMinor: number } | { fault: AmountFault }

/** What `ResolveRequest` takes at most. */
const mostMinor = 10_000_000_000_000n
const longest = 100
/** Signs that people write for these currencies; ￥ becomes ¥ by normalization. */
const signs: Record<string, string[]> = {
  CNY: ['¥', '元', 'RMB', '人民币'],
  JPY: ['¥', '円'],
  USD: ['$', 'US$'],
  EUR: ['€'],
  GBP: ['£'],
}
const plain = /^\d+(\.\d*)?$/
const grouped = /^\d{1,3}([,' ]\d{3})+(\.\d*)?$/

/**
 * An amount in major units as people type it, as minor units of the currency (ISO 4217), exactly: `1,234.50`,
 * `１２３４．５` and `¥1 234.5` are 123450 CNY. A comma only groups thousands: `1,50` and `1.234,50` are refused, as are
 * more decimals than the currency has, since nobody can tell what was meant.
 */
export function typedAmount(text: string, currency: string): TypedAmount {
  // Full-width digits and signs become plain ones; every kind of space becomes one.
  const typed = text
    .slice(0, longest + 1)
    .normalize('NFKC')
    .replace(/\s+/g, ' ')
    .trim()
  if (typed === '') return { fault: 'missing' }
  if (typed.length > longest) return { fault: 'too-large' }
  const bare = withoutCurrency(typed, currency)
  if (/^[-−(]/.test(bare)) return { fault: 'nothing' }
  if (/[A-Z¥$€£元円]/i.test(bare)) return { fault: /\d/.test(bare) ? 'other-currency' : 'unreadable' }
  if (!/^[\d.,' ]+$/.test(bare) || !/^\d/.test(bare)) return { fault: 'unreadable' }
  if (!plain.test(bare) && !grouped.test(bare)) return { fault: 'grouping' }
  const [whole = '', decimals = ''] = bare.replace(/[,' ]/g, '').split('.')
  const digits = minorUnitDigits(currency)
  if (decimals.length > digits) return { fault: 'decimals' }
  const minor = BigInt(whole + decimals.padEnd(digits, '0'))
  if (minor === 0n) return { fault: 'nothing' }
  return minor > mostMinor ? { fault: 'too-large' } : { amountMinor: Number(minor) }
}

/** Without the currency's own code or sign, before or after the figures. */
function withoutCurrency(typed: string, currency: string): string {
  for (const sign of [currency, ...(signs[currency] ?? [])]) {
    const upper = typed.toUpperCase()
    if (upper.startsWith(sign)) return typed.slice(sign.length).trim()
    if (upper.endsWith(sign)) return typed.slice(0, -sign.length).trim()
  }
  return typed
}

/** How an amount of the currency is written: `1,234.50`, in yen `1,234`. */
export function amountExample(currency: string): string {
  const digits = minorUnitDigits(currency)
  return digits === 0 ? '1,234' : `1,234.${'5'.padEnd(digits, '0')}`
}
