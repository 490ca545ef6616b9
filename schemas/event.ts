import * as z from 'zod'
import { EventId, LinkId, PairwiseSubject } from './ids.ts'
import { AccountId, LinkEndReason, LinkState } from './link.ts'
import { Instant, Slug } from './primitives.ts'

/** Event types of security event tokens (RFC 8417): names, never fetched. */
export const eventTypes = {
  /**
   * Ours, told to the partner: a link has ended or is broken. No registered type says so: RISC and CAEP tell of accounts
   * and sessions, and both live on.
   */
  linkEnded: 'urn:tessera:event:link-ended',
  /** OpenID RISC Profile 1.0. */
  accountPurged: 'https://schemas.openid.net/secevent/risc/event-type/account-purged',
  accountDisabled: 'https://schemas.openid.net/secevent/risc/event-type/account-disabled',
  /** OAuth Event Types 1.0. */
  tokenRevoked: 'https://schemas.openid.net/secevent/oauth/event-type/token-revoked',
  tokensRevoked: 'https://schemas.openid.net/secevent/oauth/event-type/tokens-revoked',
} as const

/** What becomes of the links of an account about which a partner tells one of these. */
export const breakReasons: ReadonlyMap<string, 'account-closed' | 'consent-revoked'> = new Map([
  [eventTypes.accountPurged, 'account-closed'],
  [eventTypes.accountDisabled, 'account-closed'],
  [eventTypes.tokenRevoked, 'consent-revoked'],
  [eventTypes.tokensRevoked, 'consent-revoked'],
])

/** An event that a partner has not taken yet, written with the change that it tells of (transactional outbox). */
export const OutgoingEvent = z.strictObject({
  /** The token's `jti`: the same for the same change, however often it is sent. */
  id: EventId,
  partner: Slug,
  type: z.literal(eventTypes.linkEnded),
  link: LinkId,
  programme: Slug,
  /** Kept here although the member may be erased by now: the partner must know which account it is. */
  account: AccountId,
  subject: PairwiseSubject,
  state: LinkState.exclude(['active']),
  reason: LinkEndReason,
  /** When the change came about, by business time. */
  at: Instant,
  /** Times that it was sent. Being put off while its partner rests is none. */
  attempts: z.int().min(0),
  /** Wall time, as the next one: attempts are made in real time, whatever the business clock says. */
  firstAttemptAt: Instant.optional(),
  /** Due from then on; at once while it is absent. It lies ahead of every attempt, so that no other one joins in. */
  nextAttemptAt: Instant.optional(),
  /** Given up after an attempt a day or more after the first: kept for whoever looks into it, and not sent any more. */
  failedAt: Instant.optional(),
})
export type OutgoingEvent = z.infer<typeof OutgoingEvent>

/** The refusal of a pushed event (RFC 8935 section 2.4): no problem document, since the sender goes by that standard. */
export const EventRefusal = z
  .strictObject({
    err: z.enum(['invalid_request', 'invalid_key', 'invalid_issuer', 'invalid_audience', 'authentication_failed']),
    description: z.string(),
  })
  .meta({ id: 'EventRefusal' })
export type EventRefusal = z.infer<typeof EventRefusal>
