import * as z from 'zod'
import { LinkId, MemberId } from './ids.ts'
import { AccountId } from './link.ts'
import { Instant, Slug } from './primitives.ts'

/** One artefact of the authorization server (RFC 6749 grants, codes, replay marks), as its library hands it over. */
export const OAuthArtefact = z.strictObject({
  model: z.string(),
  id: z.string(),
  /** JSON of the library's own making. */
  payload: z.string(),
  /** Epoch seconds; from then on the artefact is absent, deleted or not. */
  expiresAt: z.int().optional(),
})
export type OAuthArtefact = z.infer<typeof OAuthArtefact>

/** Leads from a grant, an access token or a device's user code to the artefacts that belong to it. */
export const OAuthPointer = z.strictObject({ model: z.string(), id: z.string(), expiresAt: z.int().optional() })
export type OAuthPointer = z.infer<typeof OAuthPointer>

/** What a member agreed to in a flow that began at a partner: kept with the grant, as long as the grant. */
export const LinkConsent = z.strictObject({
  member: MemberId,
  programme: Slug,
  partner: Slug,
  client: Slug,
  via: z.enum(['partner', 'device']),
  /** Where the partner named it before the member agreed; gone once there is a link, which has it. */
  account: AccountId.optional(),
  link: LinkId.optional(),
  /** In business time, as the link has it. */
  consentedAt: Instant,
  /** Epoch seconds. */
  expiresAt: z.int(),
})
export type LinkConsent = z.infer<typeof LinkConsent>

/** When a device was last asked for, and how far apart its questions must be (RFC 8628 section 3.5). */
export const DevicePoll = z.strictObject({
  /** Epoch milliseconds. */
  at: z.int(),
  intervalSeconds: z.int(),
})
export type DevicePoll = z.infer<typeof DevicePoll>

/** How often something was asked for within a minute. */
export const RequestCount = z.strictObject({ count: z.int() })
