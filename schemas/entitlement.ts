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
  /**
   * Where rests are carried over: the latest quota periods in which it was not live at all, all those between these two.
   * Nothing is carried out of them.
   */
  idle: z.strictObject({ after: z.string().max(10), before: z.string().max(10) }).optional(),
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
  /** The redemption that the event names, which then has taken the quota already. */
  redemptionId: ForeignId.optional(),
  /** The event that took it back. The item stays, so that the use seen again is not counted again. */
  reversal: z.strictObject({ event: ForeignId, occurredAt: Instant }).optional(),
})
export type QuotaUse = z.infer<typeof QuotaUse>

/** A reversal as a batch reported it, which may come before the use that it takes back. */
export const QuotaReversal = z.strictObject({
  entitlement: EntitlementId,
  link: LinkId,
  /** The event that is taken back. */
  reverses: ForeignId,
  event: ForeignId,
  occurredAt: Instant,
})
export type QuotaReversal = z.infer<typeof QuotaReversal>
