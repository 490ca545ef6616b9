import * as z from 'zod'
import { EntitlementId, LinkId, MemberId, MembershipId, PairwiseSubject } from './ids.ts'
import { ForeignId, Instant, Slug, TimeZone } from './primitives.ts'
import { Limits, Quota } from './programme.ts'

export const EntitlementState = z.enum([
  'offered',
  'pending',
  'active',
  'ending',
  'suspended',
  'ended',
  'revoked',
  'failed',
])
export type EntitlementState = z.infer<typeof EntitlementState>

/** A time in which the entitlement was active or ending: from `from` (inclusive) to `until` (exclusive, open if absent). */
export const Window = z.strictObject({ from: Instant, until: Instant.optional() })
export type Window = z.infer<typeof Window>

/**
 * Membership × benefit (× link): the right to use a benefit. The record keeps every window in which it was live, which
 * is the entitlement history that reconciliation reads.
 */
export const Entitlement = z
  .strictObject({
    id: EntitlementId,
    programme: Slug,
    partner: Slug,
    benefit: Slug,
    kind: z.enum(['access', 'allowance', 'discount', 'voucher', 'top-up']),
    membership: MembershipId,
    plan: Slug,
    member: MemberId,
    linkRequired: z.boolean(),
    choiceGroup: Slug.optional(),
    link: LinkId.optional(),
    /** The pairwise subject the partner knows the member by; events must carry it. */
    subject: PairwiseSubject,
    state: EntitlementState,
    /** The state a lifted suspension restores. */
    suspendedFrom: EntitlementState.optional(),
    windows: z.array(Window),
    validUntil: Instant,
    limits: Limits.optional(),
    quota: Quota.optional(),
    timeZone: TimeZone,
    /** Until when the account pays for the same itself: the entitlement waits for it (policy `defer`). */
    notBefore: Instant.optional(),
    /** Set by the member's choice in an open choice group. */
    chosenAt: Instant.optional(),
    createdAt: Instant,
    changedAt: Instant,
  })
  .meta({ id: 'Entitlement' })
export type Entitlement = z.infer<typeof Entitlement>

/** The copy of an entitlement that stands in its link's item, so that minting a token reads one item collection. */
export const LinkedEntitlement = Entitlement.pick({
  id: true,
  membership: true,
  benefit: true,
  kind: true,
  state: true,
  validUntil: true,
  limits: true,
  quota: true,
  timeZone: true,
}).extend({
  /** From when it is live; an entitlement whose membership starts later waits. */
  validFrom: Instant,
  /** Until when grace would keep it alive if nobody renews; absent without grace or after a cancellation. */
  graceUntil: Instant.optional(),
})
export type LinkedEntitlement = z.infer<typeof LinkedEntitlement>

/** One use of an allowance as a batch reported it, so that lines seen twice count once. One item an event id. */
export const QuotaUse = z.strictObject({
  entitlement: EntitlementId,
  link: LinkId,
  event: ForeignId,
  /** Quota period, such as `2026-10`. */
  period: z.string(),
  quantity: z.int().min(1),
  occurredAt: Instant,
  /** The event that took it back. The item stays, so that the use seen again is not counted again. */
  reversal: z.strictObject({ event: ForeignId, occurredAt: Instant }).optional(),
})
export type QuotaUse = z.infer<typeof QuotaUse>
