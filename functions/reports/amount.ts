import { minorUnitDigits } from '../../schemas/money.ts'

/** Minor units as a decimal in major units, exactly: -5 CNY is `-0.05`, 5 JPY is `5`. */
export function majorAmount(amountMinor: number, currency: string): string {
  const digits = minorUnitDigits(currency)
  if (digits === 0) return String(amountMinor)
  const text = String(Math.abs(amountMinor)).padStart(digits + 1, '0')
  return `${amountMinor < 0 ? '-' : ''}${text.slice(0, -digits)}.${text.slice(-digits)}`
}
