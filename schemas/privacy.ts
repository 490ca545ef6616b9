import * as z from 'zod'
import { Entitlement, QuotaUse } from './entitlement.ts'
import { MemberId, MembershipId, PairwiseSubject } from './ids.ts'
import { ActivityEntry, LinkRecord } from './link.ts'
import { Membership } from './membership.ts'
import { Instant, Slug } from './primitives.ts'
import { Attributes } from './programme.ts'

/**
 * All that is held about a member, as one JSON document (GDPR articles 15 and 20, PIPL article 45). Field names are
 * those of the API; instants are RFC 3339 in UTC; amounts are integers in minor units.
 */
export const MemberExport = z
  .strictObject({
    format: z.literal('tessera-member-export'),
    formatVersion: z.literal(1),
    /** The gateway that holds it. */
    issuer: z.string(),
    exportedAt: Instant,
    /** Who the member is: by the identity provider's own names, and by ours once a membership was sold. */
    identity: z.strictObject({
      issuer: z.string(),
      subject: z.string(),
      member: MemberId.optional(),
      /** What the seller said about the member, since prices may follow from it. */
      attributes: Attributes.optional(),
      since: Instant.optional(),
    }),
    /** The random name that each partner knows the member by. */
    pairwiseSubjects: z.array(z.strictObject({ partner: Slug, subject: PairwiseSubject })),
    /** Newest first, with the price paid and the seller's own id of the sale. */
    memberships: z.array(Membership.omit({ member: true, version: true, entitlements: true, nextTimerAt: true })),
    /** Each right to use a benefit, with the times in which it was live. */
    entitlements: z.array(Entitlement.omit({ member: true })),
    /** Oldest first, ended ones too. */
    links: z.array(
      LinkRecord.pick({
        id: true,
        programme: true,
        partner: true,
        account: true,
        subject: true,
        state: true,
        reason: true,
        since: true,
        consentedAt: true,
        endedAt: true,
      }),
    ),
    /** What the member chose where the programme gives a choice. */
    choices: z.array(z.strictObject({ membership: MembershipId, choiceGroup: Slug, benefit: Slug, chosenAt: Instant })),
    /** Oldest first. */
    activity: z.array(ActivityEntry),
    /** Uses of allowances, as the partner reported them; kept as long as they can still matter to what is left. */
    uses: z.array(QuotaUse),
    /** What else exists, where, and why it is not in this document. */
    elsewhere: z.array(z.strictObject({ what: z.string(), where: z.string(), why: z.string() })),
    /** What was left out of the lists above because they grew beyond what one document takes; empty when complete. */
    leftOut: z.array(z.string()),
  })
  .meta({ id: 'MemberExport' })
export type MemberExport = z.infer<typeof MemberExport>

/**
 * That a member is to be erased, and how far that is. It stands before anything else is done, so that what a crash
 * interrupts is taken up again; it names nobody.
 */
export const Erasure = z.strictObject({
  member: MemberId,
  requestedAt: Instant,
  state: z.enum(['under-way', 'done']),
  doneAt: Instant.optional(),
})
export type Erasure = z.infer<typeof Erasure>
