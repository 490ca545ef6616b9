import * as z from 'zod'
import { LinkId, MemberId } from './ids.ts'
import { ForeignId, Instant, Slug } from './primitives.ts'
import { TokenEntitlement } from './token.ts'

/** How long a pass may be scanned, and for how long after that a till may still turn it in, in seconds. */
export const passTimes = { lifeSeconds: 60, graceSeconds: 5 } as const

export const PassRedemptionRequest = z
  .strictObject({
    id: ForeignId.describe("The partner's own id of this redemption: the same one again gets the first answer"),
    token: z.string().min(1).max(8192).describe('The text of the QR code, as it was scanned'),
  })
  .meta({ id: 'PassRedemptionRequest' })
export type PassRedemptionRequest = z.infer<typeof PassRedemptionRequest>

export const PassRedemption = z
  .strictObject({
    id: ForeignId,
    /** `jti` of the token. */
    pass: z.string(),
    linkId: LinkId,
    /** What the link was entitled to at that moment. */
    entitlements: z.array(TokenEntitlement).min(1),
    redeemedAt: Instant,
  })
  .meta({ id: 'PassRedemption' })
export type PassRedemption = z.infer<typeof PassRedemption>

/** A token that was shown at a till: whose it is, and whether it was turned in. */
export const PassRecord = z.strictObject({
  id: z.string(),
  member: MemberId,
  programme: Slug,
  partner: Slug,
  link: LinkId,
  issuedAt: Instant,
  expiresAt: Instant,
  state: z.enum(['issued', 'redeemed']),
  redemption: PassRedemption.optional(),
})
export type PassRecord = z.infer<typeof PassRecord>
