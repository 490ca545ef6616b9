import * as z from 'zod'

/** ISO 13616: country, two check digits, up to 30 letters and digits, without spaces; the check digits must be right. */
export const Iban = z
  .string()
  .regex(/^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$/, 'an IBAN without spaces, such as DE89370400440532013000')
  .refine(hasCheckDigits, 'the check digits are wrong')
  .meta({ id: 'Iban', example: 'DE89370400440532013000' })

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
