import { z } from 'zod'
import { Instant } from './primitives.ts'

/** One key, one purpose (RFC 8725 §3.8; separate keys so that a leak of one forges only its own kind). */
export const KeyPurpose = z.enum(['entitlement', 'status-list', 'event', 'statement', 'access'])
export type KeyPurpose = z.infer<typeof KeyPurpose>

export const PublicJwk = z.strictObject({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: z.string(),
  y: z.string(),
  /** RFC 7638 thumbprint. */
  kid: z.string(),
  use: z.literal('sig'),
  alg: z.literal('ES256'),
})
export type PublicJwk = z.infer<typeof PublicJwk>

export const KeyRecord = z.strictObject({
  purpose: KeyPurpose,
  kid: z.string(),
  state: z.enum(['next', 'current', 'retired']),
  publicJwk: PublicJwk,
  /** The private key as the vault sealed it: useless without the vault, base64. */
  sealed: z.string(),
  createdAt: Instant,
})
export type KeyRecord = z.infer<typeof KeyRecord>

/** A random secret of the gateway itself (cookie sealing), sealed by the vault. */
export const SecretRecord = z.strictObject({ name: z.string(), sealed: z.string(), createdAt: Instant })
export type SecretRecord = z.infer<typeof SecretRecord>
