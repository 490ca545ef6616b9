import { decodeProtectedHeader } from 'jose'
import * as z from 'zod'
import { breakReasons, type EventRefusal } from '../../schemas/event.ts'
import { tokenTypes } from '../../schemas/token.ts'

/** What a partner's event cannot be taken for (RFC 8935 section 2.4). The description is for the partner's people. */
export class EventRefused extends Error {
  readonly refusal: EventRefusal
  constructor(err: EventRefusal['err'], description: string) {
    super(description)
    this.name = 'EventRefused'
    this.refusal = { err, description }
  }
}

/** Whom and what a token is to be from and for. */
export type EventParties = { issuer: string; audience: string }
export type PartnerEvent = {
  /** The token's `jti`, which is the partner's own. */
  id: string
  /** Epoch seconds. */
  occurredAt: number
  /** Which account is concerned, by the partner's own id; absent where no event is of a type that means anything here. */
  told?: { account: string; reason: 'account-closed' | 'consent-revoked' }
}

/** Asymmetric ones only: with a public key as a secret anybody could sign (RFC 8725 section 2.1). */
export const eventAlgorithms = [
  ...['ES256', 'ES384', 'ES512'],
  ...['Ed25519', 'EdDSA'],
  ...['PS256', 'PS384', 'PS512', 'RS256', 'RS384', 'RS512'],
]

const oldestSeconds = 24 * 3600
/** By how much the partner's clock may be ahead. */
const toleranceSeconds = 60
const mostEvents = 10

const Subject = z.looseObject({
  format: z.literal('iss_sub'),
  iss: z.string().min(1).max(500),
  sub: z.string().min(1).max(255),
})
type Subject = z.infer<typeof Subject>
const seconds = z.int().min(0).max(Number.MAX_SAFE_INTEGER)
/** RFC 8417 section 2.2; nothing of it is looked into but what is named here. */
const Claims = z.looseObject({
  iss: z.string(),
  aud: z.union([z.string(), z.array(z.string()).max(20)]),
  iat: seconds,
  jti: z.string().min(1).max(255),
  toe: seconds.optional(),
  sub_id: z.unknown().optional(),
  events: z.record(z.string().max(500), z.looseObject({ subject: z.unknown().optional() })),
  // With one of these it could be taken for a token that grants something (RFC 8417 section 4).
  sub: z.undefined().optional(),
  exp: z.undefined().optional(),
})

/**
 * What a token says of itself, before anybody has vouched for it: whatever can be refused without its issuer's keys is
 * refused here, so that junk costs no call.
 * @param now epoch seconds
 * @throws EventRefused
 */
export function readEvent(token: string, { issuer, audience }: EventParties, now: number): PartnerEvent {
  judgeHeader(token)
  const parsed = Claims.safeParse(payloadOf(token))
  if (!parsed.success) {
    const [claim] = parsed.error.issues[0]?.path ?? []
    throw malformed(
      claim === undefined ? 'the claims are no JSON object' : `the claim ${String(claim)} does not conform`,
    )
  }
  const { iss, aud, iat, jti: id, toe = iat, sub_id, events } = parsed.data
  if (iss !== issuer)
    throw new EventRefused('invalid_issuer', 'iss is not the issuer that the partner is registered with')
  if (![aud].flat().includes(audience))
    throw new EventRefused('invalid_audience', 'aud is not the client id of the gateway at the issuer')
  if (iat > now + toleranceSeconds) throw malformed('iat lies in the future')
  if (iat < now - oldestSeconds) throw malformed('iat is older than 24 hours: make a new token with a new jti')
  const types = Object.keys(events)
  if (types.length === 0 || types.length > mostEvents) throw malformed(`events has 1 to ${mostEvents} members`)
  const occurredAt = Math.min(toe, iat)
  const known = Object.entries(events).filter(([type]) => breakReasons.has(type))
  if (known.length === 0) return { id, occurredAt }
  const { sub: account } = subjectOf([sub_id, ...known.map(([, { subject }]) => subject)], issuer)
  // A closed account needs no cooldown, so of both it is the one that counts.
  const isClosed = known.some(([type]) => breakReasons.get(type) === 'account-closed')
  return { id, occurredAt, told: { account, reason: isClosed ? 'account-closed' : 'consent-revoked' } }
}

function judgeHeader(token: string): void {
  if (!/^[\w-]{1,4000}\.[\w-]+\.[\w-]*$/.test(token)) throw malformed('the body is not a signed JWT in compact form')
  const { typ, alg, crit } = headerOf(token)
  if (typ?.toLowerCase().replace(/^application\//, '') !== tokenTypes.event)
    throw malformed(`the header's typ is not ${tokenTypes.event}`)
  // Among others `b64`, which no JWT may have (RFC 7797 section 7).
  if (crit !== undefined) throw malformed('the header has a critical extension')
  if (alg === undefined || !eventAlgorithms.includes(alg))
    throw new EventRefused('authentication_failed', `alg must be one of ${eventAlgorithms.join(', ')}`)
}

const Header = z.looseObject({
  typ: z.string().max(100).optional(),
  alg: z.string().max(20).optional(),
  crit: z.unknown().optional(),
})

function headerOf(token: string) {
  try {
    return Header.parse(decodeProtectedHeader(token))
  } catch {
    throw malformed('the header is not that of a signed JWT')
  }
}

function payloadOf(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
  } catch {
    throw malformed('the claims are not JSON')
  }
}

/** Shared Signals puts the subject beside the events, older profiles into each: all that are there are the same one. */
function subjectOf(named: unknown[], issuer: string): Subject {
  const subjects = named
    .filter(subject => subject !== undefined)
    .map(subject => {
      const parsed = Subject.safeParse(subject)
      if (!parsed.success) throw malformed('the subject is not {"format": "iss_sub", "iss": …, "sub": …}')
      return parsed.data
    })
  const [first] = subjects
  if (!first) throw malformed('there is neither sub_id nor a subject within the event')
  if (subjects.some(({ iss }) => iss !== issuer)) throw malformed('the subject is of another issuer')
  if (subjects.some(({ sub }) => sub !== first.sub)) throw malformed('the token names several subjects')
  return first
}

const malformed = (description: string) => new EventRefused('invalid_request', description)
