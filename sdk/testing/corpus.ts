import { type Attack, group } from './attack.ts'
import { FOREIGN_TOKENS } from './foreign-tokens.ts'
import { CLAIMS } from './forged-claims.ts'
import { ENTITLEMENTS } from './forged-entitlements.ts'
import { FORM, JSON_TEXT } from './forged-form.ts'
import { HEADER } from './forged-header.ts'
import { LISTS } from './forged-lists.ts'
import { SIGNATURE } from './forged-signature.ts'
import { STATUS } from './forged-status.ts'
import type { Forgery } from './forgery.ts'

/** Ways to spoil any signed token, whatever its kind; the corpus does each of them to an entitlement token. */
export const forgeries: readonly Forgery[] = [...FORM, ...JSON_TEXT, ...HEADER, ...SIGNATURE]

const spoiled = (name: string, rows: readonly Forgery[]): readonly Attack[] =>
  group(
    name,
    rows.map(({ forge, ...row }) => ({ ...row, make: issuer => forge(issuer.genuine('entitlement')) })),
  )

/** Every token that must be refused, each with its one code. Names are unique. */
export const corpus: readonly Attack[] = [
  ...spoiled('form', FORM),
  ...spoiled('JSON', JSON_TEXT),
  ...spoiled('header', HEADER),
  ...spoiled('signature', SIGNATURE),
  ...FOREIGN_TOKENS,
  ...CLAIMS,
  ...ENTITLEMENTS,
  ...STATUS,
  ...LISTS,
]
