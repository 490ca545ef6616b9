import * as z from 'zod'
import { Instant } from './primitives.ts'

/** One key, one purpose (RFC 8725 §3.8; separate keys so that a leak of one forges only its own kind). */
export const KeyPurpose = z.enum(['entitlement', 'status-list', 'event', 'statement', 'access', 'client'])
export type KeyPurpose = z.infer<typeof KeyPurpose>

/** A published key (RFC 7517). */
export const PublicJwk = z.strictObject({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: z.string(),
  y: z.string(),
  /** RFC 7638 thumbprint. */
  kid: z.string(),
  use: z.literal('sig'),
  alg: z.literal('ES256'),
  /** What it signs. A verifier that knows this member holds no other kind of token to be signed by it (RFC 8725 §3.8). */
  purpose: KeyPurpose,
})
export type PublicJwk = z.infer<typeof PublicJwk>

const RotationReason = z.string().min(1).max(200)

/**
 * A signing key. Its state follows from its times, so that every instance changes over at the same instant and nobody
 * has to be there: *next* until `activeFrom`, *current* until a later key of the purpose becomes active, *retired* then.
 */
export const KeyRecord = z.strictObject({
  purpose: KeyPurpose,
  /** 1 for the purpose's first key, and one up for each that follows. */
  sequence: z.int().min(1),
  kid: z.string(),
  publicJwk: PublicJwk,
  /** The private key as the vault sealed it: useless without the vault, base64. */
  sealed: z.string(),
  /** From when it stands in the JWK Set. */
  publishedAt: Instant,
  /** From when it signs, which may lie ahead; absent while nobody has asked for it. */
  activeFrom: Instant.optional(),
  /**
   * An emergency ended it at once: from then on it neither signs nor stands in the JWK Set. One that was withdrawn before
   * it was to sign has no `activeFrom`.
   */
  withdrawnAt: Instant.optional(),
  /** Why it took over or, where nothing took over for it, was withdrawn: as the operator wrote it. */
  reason: RotationReason.optional(),
  /** Counts the record's changes, so that of rivals one commits; absent on records from before it was counted. */
  version: z.int().min(1).optional(),
})
export type KeyRecord = z.infer<typeof KeyRecord>

export const KeyState = z.enum(['next', 'current', 'retired'])
export type KeyState = z.infer<typeof KeyState>

export const KeyRotationRequest = z
  .strictObject({
    /**
     * Keys are not to be trusted any more: they are withdrawn at once, with everything that they signed. Without a `kid`
     * these are the current key and every retired one that is still published; for `statement` only the current one, as
     * its retired keys vouch for years of receipts.
     */
    emergency: z.boolean().optional(),
    /** The one key to withdraw, whatever its state; only in an emergency. */
    kid: z.string().min(1).max(128).optional(),
    reason: RotationReason.optional(),
  })
  .refine(({ emergency, kid }) => kid === undefined || emergency === true, {
    path: ['kid'],
    message: 'a key is withdrawn only with "emergency": true',
  })
export type KeyRotationRequest = z.infer<typeof KeyRotationRequest>

/** A key as its operator sees it, with the times that follow from the other keys of its purpose. */
export const KeyView = KeyRecord.pick({
  kid: true,
  sequence: true,
  publishedAt: true,
  activeFrom: true,
  withdrawnAt: true,
  reason: true,
}).extend({
  state: KeyState,
  /** When its successor took over, or takes over. */
  retiredAt: Instant.optional(),
  /** Until when it stands in the JWK Set; absent while nothing ends it. */
  publishedUntil: Instant.optional(),
})
export type KeyView = z.infer<typeof KeyView>

export const KeyRotationAnswer = z.strictObject({ purpose: KeyPurpose, keys: z.array(KeyView) })
export type KeyRotationAnswer = z.infer<typeof KeyRotationAnswer>

/** A random secret of the gateway itself (cookie sealing), sealed by the vault. */
export const SecretRecord = z.strictObject({ name: z.string(), sealed: z.string(), createdAt: Instant })
export type SecretRecord = z.infer<typeof SecretRecord>
