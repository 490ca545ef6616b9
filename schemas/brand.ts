import * as z from 'zod'
import { Bic, Iban } from './bank.ts'
import { Instant, Slug } from './primitives.ts'

/** Where a brand is paid, and pays from. Banks read it: names in Latin letters (EPC217-08), 70 characters at most. */
export const SettlementAccount = z
  .strictObject({
    /** Of the holder of the account. */
    name: z
      .string()
      .trim()
      .regex(/^[A-Za-z0-9/\-?:().,'+ ]{1,70}$/, "1 to 70 of A-Z a-z 0-9 / - ? : ( ) . , ' + and space"),
    iban: Iban.optional(),
    /** Of an account without IBAN, as its bank writes it; the bank is then named by `bic`. */
    accountId: z
      .string()
      .regex(/^[A-Za-z0-9]{1,34}$/, '1 to 34 letters and digits')
      .optional(),
    bic: Bic.optional(),
  })
  .refine(account => (account.iban === undefined) !== (account.accountId === undefined), {
    message: 'exactly one of iban and accountId',
    path: ['iban'],
  })
  .refine(({ accountId, bic }) => accountId === undefined || bic !== undefined, {
    message: 'an account without IBAN needs the BIC of its bank',
    path: ['bic'],
  })
  .meta({ id: 'SettlementAccount' })
export type SettlementAccount = z.infer<typeof SettlementAccount>

/** A legal party of settlements: it owns programmes, is a partner, or both. */
export const BrandDocument = z
  .strictObject({ id: Slug, name: z.string().trim().min(1).max(140), settlementAccount: SettlementAccount })
  .meta({
    id: 'BrandDocument',
    example: {
      id: 'alibaba',
      name: 'Alibaba',
      settlementAccount: { name: 'Alibaba Demo Co., Ltd.', accountId: '6200880000000000011', bic: 'DEMOCNSH' },
    },
  })
export type BrandDocument = z.infer<typeof BrandDocument>

export const Brand = BrandDocument.extend({
  version: z.int().min(1),
  appliedAt: Instant,
  /** Not in use: the brand has registered itself meanwhile, and payments go from and to the account that it named. */
  inUse: z.boolean(),
}).meta({ id: 'Brand' })
export type Brand = z.infer<typeof Brand>

/**
 * One brand's entry for a brand, and a version of it: who else registered the same brand has an entry of its own.
 * `registrar`: that brand. `client`: of its callers, the one that made this version.
 */
export const BrandRecord = Brand.omit({ inUse: true }).extend({ registrar: Slug, client: z.string() })
export type BrandRecord = z.infer<typeof BrandRecord>
