import * as z from 'zod'
import { EntitlementId, LinkId } from './ids.ts'
import { ForeignId, Instant, Slug } from './primitives.ts'

/** How long what was held waits for its capture, in seconds of the business clock. */
export const redemptionTimes = { holdSeconds: 15 * 60 } as const

/** `held` is the only state that something follows: `captured`, `voided` and `expired` are final. */
export const RedemptionState = z.enum(['held', 'captured', 'voided', 'expired']).meta({ id: 'RedemptionState' })
export type RedemptionState = z.infer<typeof RedemptionState>

/** A path may not have a segment of dots only: it is a step up or none (RFC 3986 §5.2.4), percent-encoded too. */
const RedemptionId = ForeignId.refine(id => id !== '.' && id !== '..', 'not "." or "..", which no path can carry')

export const RedemptionRequest = z
  .strictObject({
    id: RedemptionId.describe(
      "The partner's own id of this redemption, unique for the partner for ever: the same one again gets the first as " +
        'it now stands (200), so check that its `state` is `held`',
    ),
    linkId: LinkId,
    benefit: Slug,
    quantity: z.int().min(1).max(1_000_000).default(1).describe('How much of the quota it takes'),
  })
  .meta({ id: 'RedemptionRequest' })
export type RedemptionRequest = z.infer<typeof RedemptionRequest>

export const Redemption = z
  .strictObject({
    id: ForeignId,
    linkId: LinkId,
    benefit: Slug,
    quantity: z.int().min(1),
    /** What usage events about it name as `entitlementId`. */
    entitlementId: EntitlementId,
    state: RedemptionState,
    heldAt: Instant,
    expiresAt: Instant.describe('What is not captured before this instant has expired'),
    settledAt: Instant.optional().describe('When it was captured, voided or expired'),
    remaining: z
      .int()
      .min(0)
      .optional()
      .describe('What this left of the quota period in which it was held or settled; absent without a quota'),
  })
  .meta({ id: 'Redemption' })
export type Redemption = z.infer<typeof Redemption>

export const RedemptionRecord = z.strictObject({
  id: ForeignId,
  partner: Slug,
  link: LinkId,
  benefit: Slug,
  quantity: z.int().min(1),
  entitlement: EntitlementId,
  state: RedemptionState,
  heldAt: Instant,
  expiresAt: Instant,
  settledAt: Instant.optional(),
  remaining: z.int().min(0).optional(),
  /** The quota period whose quota it takes, such as `2026-10`; absent where the benefit has none. */
  quotaPeriod: z.string().max(10).optional(),
})
export type RedemptionRecord = z.infer<typeof RedemptionRecord>
