import * as z from 'zod'
import { EntitlementId, LinkId, PairwiseSubject } from './ids.ts'
import { AccountId } from './link.ts'
import { Instant, Slug } from './primitives.ts'
import { Limits } from './programme.ts'

/** Header `typ` of each token that Tessera signs: what one is for, no verifier takes for another (RFC 8725 §3.11). */
export const tokenTypes = {
  entitlement: 'benefit-entitlement+jwt',
  statusList: 'statuslist+jwt',
  event: 'secevent+jwt',
  access: 'at+jwt',
  receipt: 'usage-receipt+jwt',
  statement: 'settlement-statement+jwt',
} as const

export const EntitlementTokenRequest = z
  .strictObject({ linkId: LinkId.optional(), account: AccountId.optional(), programme: Slug.optional() })
  .refine(({ linkId, account }) => (linkId === undefined) !== (account === undefined), {
    message: 'exactly one of linkId and account',
    path: ['linkId'],
  })
  .meta({ id: 'EntitlementTokenRequest' })
export type EntitlementTokenRequest = z.infer<typeof EntitlementTokenRequest>

export const TokenEntitlement = z.strictObject({
  id: EntitlementId,
  /** Benefit id. */
  bid: Slug,
  st: z.enum(['active', 'ending']),
  /** Valid until, epoch seconds. */
  vu: z.int().positive(),
  lim: Limits.optional(),
  /** Remaining allowance of the current quota period at mint time. */
  rem: z.int().min(0).optional(),
})
export type TokenEntitlement = z.infer<typeof TokenEntitlement>

/** Claims of an entitlement token; times are epoch seconds. */
export const EntitlementTokenClaims = z.strictObject({
  iss: z.string(),
  sub: PairwiseSubject,
  aud: Slug,
  iat: z.int(),
  nbf: z.int(),
  exp: z.int(),
  jti: z.string(),
  ver: z.literal('1'),
  lnk: LinkId,
  seq: z.int(),
  ent: z.array(TokenEntitlement).min(1),
  /** Where the token's bit stands (draft-ietf-oauth-status-list): 0 valid, 1 invalid, 2 suspended. */
  status: z.strictObject({ status_list: z.strictObject({ idx: z.int().min(0), uri: z.url() }) }),
})
export type EntitlementTokenClaims = z.infer<typeof EntitlementTokenClaims>

export const EntitlementTokenAnswer = z
  .strictObject({ token: z.string(), expiresAt: Instant, entitlements: z.array(TokenEntitlement) })
  .meta({ id: 'EntitlementTokenAnswer' })
export type EntitlementTokenAnswer = z.infer<typeof EntitlementTokenAnswer>
