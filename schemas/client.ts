import * as z from 'zod'
import { Slug } from './primitives.ts'

export const Scope = z.enum([
  'programmes:write',
  'memberships:write',
  'partners:write',
  'contracts:write',
  'keys:write',
  'finance:read',
  'finance:write',
  'entitlements:read',
  'usage:write',
  'redemptions:write',
  'settlements:read',
])
export type Scope = z.infer<typeof Scope>

/**
 * The one scope of a grant that a member gave to a partner (a link that began there). No operation takes it: machines
 * call those with scopes of their own.
 */
export const linkScope = 'link'

/** A machine client of the gateway: it acts for a brand, and for a partner where it is one. */
export const ClientRecord = z.strictObject({
  id: Slug,
  brand: Slug,
  partner: Slug.optional(),
  scopes: z.array(Scope),
  authentication: z.enum(['client_secret_basic', 'private_key_jwt']),
  /** SHA-256 of the secret, hexadecimal: secrets are random and long, so a plain hash is enough. */
  secretHash: z.string().optional(),
  /** Public keys of a private_key_jwt client (RFC 7523). */
  jwks: z.strictObject({ keys: z.array(z.record(z.string(), z.unknown())) }).optional(),
})
export type ClientRecord = z.infer<typeof ClientRecord>

/** Who calls, as the access token says (RFC 9068). */
export const Caller = z.object({
  client: z.string(),
  brand: Slug,
  partner: Slug.optional(),
  scopes: z.array(z.string()),
})
export type Caller = z.infer<typeof Caller>
