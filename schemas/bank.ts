import * as z from 'zod'

/** ISO 13616: country, two check digits, up to 30 letters and digits, without spaces; the check digits must be right. */
export const Iban = z
  .string()
  .regex(/^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$/, 'an IBAN without spaces, such as DE89370400440532013000')
  .refine(hasLength, 'too long or too short for its country')
  .refine(hasCheckDigits, 'the check digits are wrong')
  .meta({ id: 'Iban', example: 'DE89370400440532013000' })

/** How long IBANs are in the countries and territories of SEPA (EPC409-09; SWIFT's registry of IBANs). */
const sepaLengths: Readonly<Record<string, number>> = {
  AD: 24,
  AL: 28,
  AT: 20,
  BE: 16,
  BG: 22,
  CH: 21,
  CY: 28,
  CZ: 24,
  DE: 22,
  DK: 18,
  EE: 20,
  ES: 24,
  FI: 18,
  FR: 27,
  GB: 22,
  GI: 23,
  GR: 27,
  HR: 21,
  HU: 28,
  IE: 22,
  IS: 26,
  IT: 27,
  LI: 21,
  LT: 20,
  LU: 20,
  LV: 21,
  MC: 27,
  MD: 24,
  ME: 22,
  MK: 19,
  MT: 31,
  NL: 18,
  NO: 15,
  PL: 28,
  PT: 25,
  RO: 24,
  RS: 22,
  SE: 24,
  SI: 19,
  SK: 24,
  SM: 27,
  VA: 22,
}

const sepaLength = (iban: string): number | undefined =>
  Object.hasOwn(sepaLengths, iban.slice(0, 2)) ? sepaLengths[iban.slice(0, 2)] : undefined

/** Whether a SEPA credit transfer may go from or to it. */
export const isSepaIban = (iban: string): boolean => sepaLength(iban) !== undefined

/** Of other countries it is not known here. */
function hasLength(iban: string): boolean {
  const length = sepaLength(iban)
  return length === undefined || length === iban.length
}

/** ISO 7064 mod 97-10 over the IBAN with its first four characters moved to the end and letters as 10 to 35. */
function hasCheckDigits(iban: string): boolean {
  const digits = [...(iban.slice(4) + iban.slice(0, 4))].map(character => Number.parseInt(character, 36)).join('')
  return /^\d+$/.test(digits) && BigInt(digits) % 97n === 1n
}

/** ISO 9362: bank, country, place and branch. */
export const Bic = z
  .string()
  .regex(/^[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?$/, 'a BIC of 8 or 11 characters, such as DEUTDEFF')
  .meta({ id: 'Bic', example: 'DEUTDEFF' })
