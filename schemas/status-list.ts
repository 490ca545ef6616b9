import * as z from 'zod'
import { Slug } from './primitives.ts'

/** Values of a two-bit status (draft-ietf-oauth-status-list, "Status Types"). */
export const tokenStatus = { valid: 0, invalid: 1, suspended: 2 } as const
export type TokenStatus = (typeof tokenStatus)[keyof typeof tokenStatus]

/** Entries of one list: 64 KB before compression. A partner has as many lists as its links need. */
export const statusListSize = 2 ** 18
/** How long a verifier may keep a list before it asks again, and how long a list that cannot be had anew still counts. */
export const statusListTtlSeconds = 60
export const statusListLifetimeSeconds = 3600

/** Which bit is a token's: the partner's list by number, from 1, and the place in it. Never given twice. */
export const StatusIndex = z.strictObject({
  list: z.int().min(1),
  index: z
    .int()
    .min(0)
    .max(statusListSize - 1),
})
export type StatusIndex = z.infer<typeof StatusIndex>

/** A partner's lists: how many indexes were drawn, and the key of the order in which they are drawn. */
export const StatusFamily = z.strictObject({
  partner: Slug,
  drawn: z.int().min(0),
  /** Random, base64url, 32 bytes: without it nobody can tell which index was drawn when. */
  orderKey: z.string(),
})
export type StatusFamily = z.infer<typeof StatusFamily>

/** Claims of a status list token; times are epoch seconds. */
export const StatusListClaims = z.strictObject({
  sub: z.url(),
  iss: z.url(),
  iat: z.int(),
  exp: z.int(),
  ttl: z.int(),
  status_list: z.strictObject({ bits: z.literal(2), lst: z.string() }),
})
export type StatusListClaims = z.infer<typeof StatusListClaims>
