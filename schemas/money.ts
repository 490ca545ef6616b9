import * as z from 'zod'

/**
 * ISO 4217 minor units that are not 2. CLDR (`Intl`) gives the digits people print, which differ from the standard's
 * for a few currencies, so the exceptions are listed here.
 */
const minorUnitExceptions: Record<string, number> = {
  BIF: 0,
  CLP: 0,
  DJF: 0,
  GNF: 0,
  ISK: 0,
  JPY: 0,
  KMF: 0,
  KRW: 0,
  PYG: 0,
  RWF: 0,
  UGX: 0,
  UYI: 0,
  VND: 0,
  VUV: 0,
  XAF: 0,
  XOF: 0,
  XPF: 0,
  BHD: 3,
  IQD: 3,
  JOD: 3,
  KWD: 3,
  LYD: 3,
  OMR: 3,
  TND: 3,
  CLF: 4,
  UYW: 4,
}
/** Codes of the standard that the runtime does not list: units of account, and what is new or rare. */
const unlisted = ['BOV', 'CHE', 'CHW', 'CLF', 'COU', 'MXV', 'USN', 'UYI', 'UYW', 'VED', 'XAD']
/** For these the standard has no minor unit: an amount of them has no integer to be written as. */
const withoutMinorUnit = new Set(['XDR', 'XSU', 'XUA', 'XAU', 'XAG', 'XPD', 'XPT', 'XXX', 'XTS'])
const known = new Set([...Intl.supportedValuesOf('currency'), ...unlisted].filter(code => !withoutMinorUnit.has(code)))

/** Digits after the point in the currency's minor unit (ISO 4217): CNY 2, JPY 0, KWD 3. */
export const minorUnitDigits = (currency: string): number => minorUnitExceptions[currency] ?? 2

export const Currency = z
  .string()
  .refine(code => known.has(code), 'an ISO 4217 currency code such as CNY')
  .meta({ id: 'Currency', example: 'CNY' })

/** An amount in the currency's minor unit, never negative. */
export const Money = z
  .strictObject({ amountMinor: z.int().min(0), currency: Currency })
  .meta({ id: 'Money', example: { amountMinor: 4200, currency: 'CNY' } })
export type Money = z.infer<typeof Money>
