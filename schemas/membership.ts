import * as z from 'zod'
import { Entitlement } from './entitlement.ts'
import { EntitlementId, MemberId, MembershipId, PairwiseSubject } from './ids.ts'
import { Link } from './link.ts'
import { Money } from './money.ts'
import { ForeignId, Instant, Slug } from './primitives.ts'
import { Attributes } from './programme.ts'

/** A person of the brand's identity provider. */
export const MemberIdentity = z.strictObject({
  issuer: z.url({ protocol: /^https?$/ }).max(500),
  subject: z.string().min(1).max(255),
  attributes: Attributes.optional(),
})

export const MembershipRequest = z
  .strictObject({
    programme: Slug,
    plan: Slug,
    member: MemberIdentity,
    startsAt: Instant.optional(),
    paid: Money,
    /** The seller's own id: selling the same one again gives the first answer. */
    externalId: ForeignId,
  })
  .meta({ id: 'MembershipRequest' })
export type MembershipRequest = z.infer<typeof MembershipRequest>

export const MembershipState = z.enum(['trialing', 'active', 'grace', 'suspended', 'ended'])
export type MembershipState = z.infer<typeof MembershipState>

export const EndedReason = z.enum(['expired', 'cancelled', 'refunded', 'fraud', 'erased'])

export const Membership = z
  .strictObject({
    id: MembershipId,
    programme: Slug,
    programmeVersion: z.int().min(1),
    plan: Slug,
    member: MemberId,
    state: MembershipState,
    endedReason: EndedReason.optional(),
    /** The state to return to when a suspension is lifted. */
    suspendedFrom: MembershipState.optional(),
    cancelAtEnd: z.boolean(),
    startsAt: Instant,
    endsAt: Instant,
    trialEndsAt: Instant.optional(),
    /** Only while the plan has grace: until when an unrenewed membership lives on after `endsAt`. */
    graceEndsAt: Instant.optional(),
    endedAt: Instant.optional(),
    changedAt: Instant,
    paid: Money,
    externalId: ForeignId,
    createdAt: Instant,
    version: z.int().min(1),
    /** Every entitlement that has not ended, and the latest that have. */
    entitlements: z.array(z.strictObject({ id: EntitlementId, partner: Slug })),
    /** When the next timer of this membership is due; absent once it has ended. */
    nextTimerAt: Instant.optional(),
  })
  .meta({ id: 'Membership' })
export type Membership = z.infer<typeof Membership>

export const MembershipAction = z
  .strictObject({
    /** The seller's own words; `fraud` has a refund end it as fraud, and a refund or suspension end all sessions. */
    reason: z
      .string()
      .min(1)
      .max(200)
      .describe('Free text; with `fraud`, a refund or suspension signs the member out everywhere')
      .optional(),
    /** When it took effect: now unless given, never in the future nor before the membership's last change. */
    at: Instant.optional(),
  })
  .meta({ id: 'MembershipAction' })
export type MembershipAction = z.infer<typeof MembershipAction>

export const MembershipVerb = z.enum(['renew', 'cancel', 'suspend', 'resume', 'refund'])
export type MembershipVerb = z.infer<typeof MembershipVerb>

/**
 * A person, known by issuer and subject. Both are personal data: `erased` stands in their place after an erasure, while the
 * id and the pairwise subjects stay.
 */
export const Member = z.strictObject({
  id: MemberId,
  issuer: z.string(),
  subject: z.string(),
  attributes: Attributes.optional(),
  createdAt: Instant,
  version: z.int().min(1),
  /** The random name each partner knows the member by, the same for every link there. */
  subjects: z.record(Slug, PairwiseSubject),
})
export type Member = z.infer<typeof Member>

/** A membership as its seller sees it. */
export const MembershipView = Membership.omit({ member: true, nextTimerAt: true, entitlements: true })
  .extend({
    member: z.strictObject({ id: MemberId, issuer: z.string(), subject: z.string() }),
    links: z.array(Link.extend({ partner: Slug })),
    entitlements: z.array(
      Entitlement.pick({
        id: true,
        partner: true,
        benefit: true,
        kind: true,
        state: true,
        link: true,
        subject: true,
        windows: true,
        validUntil: true,
      }),
    ),
  })
  .meta({ id: 'MembershipView' })
export type MembershipView = z.infer<typeof MembershipView>

/** Which membership a seller's id names, and what exactly was asked for under it. */
export const ExternalSale = z.strictObject({ membership: MembershipId, fingerprint: z.string() })
