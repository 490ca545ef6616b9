import * as z from 'zod'
import { LinkedEntitlement } from './entitlement.ts'
import { EntitlementId, LinkId, MemberId, PairwiseSubject } from './ids.ts'
import { Instant, Slug } from './primitives.ts'
import { StatusIndex } from './status-list.ts'

export const LinkState = z.enum(['active', 'broken', 'ended'])
export const LinkEndReason = z.enum(['member', 'partner', 'relinked', 'erased', 'consent-revoked', 'account-closed'])
export type LinkEndReason = z.infer<typeof LinkEndReason>

/** The partner's own id of an account: opaque to Tessera. */
export const AccountId = z.string().min(1).max(255)

/** Member × partner account in one programme, made with the member's consent. */
export const LinkRecord = z.strictObject({
  id: LinkId,
  programme: Slug,
  partner: Slug,
  member: MemberId,
  account: AccountId,
  subject: PairwiseSubject,
  state: LinkState,
  reason: LinkEndReason.optional(),
  since: Instant,
  endedAt: Instant.optional(),
  consentedAt: Instant,
  /** Grows with every change of the link or its entitlements; the token carries it as `seq`. */
  seq: z.int().min(1),
  entitlements: z.array(LinkedEntitlement),
  /** The bit of the tokens that are minted now; absent while there is nothing that a token could say. */
  status: StatusIndex.optional(),
})
export type LinkRecord = z.infer<typeof LinkRecord>

/** What a partner sees of a link. */
export const Link = LinkRecord.pick({ id: true, programme: true, account: true, state: true, since: true }).meta({
  id: 'Link',
})
export type Link = z.infer<typeof Link>

/** Everything one partner account is bound to; its version serialises rival links of the same account. */
export const AccountRecord = z.strictObject({
  partner: Slug,
  account: AccountId,
  version: z.int().min(1),
  /** The live link of each programme. */
  live: z.record(Slug, LinkId),
  /** Which live link holds a grant of which benefit: a second one is `already-entitled`. */
  grants: z.record(Slug, LinkId),
  links: z.array(Link),
})
export type AccountRecord = z.infer<typeof AccountRecord>

/** The member's side: one account a partner and programme, and when a relink is allowed again. */
export const LinkedAccount = z.strictObject({
  programme: Slug,
  partner: Slug,
  member: MemberId,
  link: LinkId,
  account: AccountId,
  state: LinkState,
  endedAt: Instant.optional(),
  reason: LinkEndReason.optional(),
  version: z.int().min(1),
})
export type LinkedAccount = z.infer<typeof LinkedAccount>

/** One line of a member's own activity log: what was done with their links, consents and data, or refused. */
export const ActivityEntry = z.strictObject({
  at: Instant,
  action: z.enum([
    'linked',
    'unlinked',
    'link-broken',
    'chosen',
    'link-refused',
    'link-cancelled',
    'pass-redeemed',
    'data-exported',
    'signed-out-everywhere',
  ]),
  programme: Slug.optional(),
  partner: Slug.optional(),
  link: LinkId.optional(),
  benefit: EntitlementId.or(Slug).optional(),
  reason: LinkEndReason.optional(),
  /** Of a refusal: stable, kebab-case. */
  code: z.string().max(64).optional(),
  /** Where the member agreed: in the portal, or on a flow that began at the partner (in a browser, on a device). */
  via: z.enum(['portal', 'partner', 'device']).optional(),
})
export type ActivityEntry = z.infer<typeof ActivityEntry>
