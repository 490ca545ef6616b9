import { createSignatureVerifier, SECURITY_EVENT_TYP, type SignatureVerifierOptions } from './receipt.ts'
import { TokenRefused } from './refused.ts'
import { isJsonObject, type JsonObject } from './strict-json.ts'

export interface EventVerifierOptions extends Omit<SignatureVerifierOptions, 'typ'> {
  /** The partner's own id: `aud` is this string, or a list that has it. */
  readonly audience: string
  /**
   * Whether the event of this `jti` has been processed: a question that changes nothing. To claim the id here would lose
   * the event whose effect then fails, since its repetition would be refused. Store the id together with the effect, once
   * `verify` has resolved. Asked last, about genuine events only; without it, a repeated event verifies again.
   */
  readonly seen?: ((tokenId: string) => boolean | Promise<boolean>) | undefined
}

/** Whom the events are about: a subject identifier of RFC 9493. */
export interface SubjectId extends JsonObject {
  readonly format: string
}

/** What a genuine security event token says. Times are epoch seconds. */
export interface VerifiedEvents {
  readonly tokenId: string
  readonly issuedAt: number
  readonly subjectId: SubjectId
  /** Event type (a URI) → its payload; never empty. */
  readonly events: Readonly<Record<string, JsonObject>>
}

export interface EventVerifier {
  /** @throws TokenRefused with a stable `code`; what `seen` throws is passed on */
  verify(token: string): Promise<VerifiedEvents>
}

/** RFC 3986 section 3: a scheme and something after it. Event types are names: nothing is ever fetched from them. */
const URI = /^[A-Za-z][A-Za-z0-9+.-]*:[!-~]+$/

/**
 * Verifies security event tokens (RFC 8417) as OpenID Shared Signals 1.0 profiles them. Answer a push (RFC 8935) with
 * 202 once the effect and the id are stored, also where the id was there before (`event-replayed`, or a conflict in your
 * own store): the sender repeats what it has no answer to.
 * @throws TypeError when the options cannot be right
 */
export function createEventVerifier(options: EventVerifierOptions): EventVerifier {
  const { audience, seen } = options
  if (typeof audience !== 'string' || audience === '') throw new TypeError('audience must be a non-empty string')
  const signatures = createSignatureVerifier({ ...options, typ: SECURITY_EVENT_TYP })
  return {
    async verify(token) {
      const events = judgeEvents(await signatures.verify(token))
      if ((await seen?.(events.tokenId)) === true) throw new TokenRefused('event-replayed')
      return events
    },
  }
}

/** The decision on the claims alone, for claims whose signature, parties and stated times have been verified. */
function judgeEvents(claims: JsonObject): VerifiedEvents {
  // RFC 8417 section 4: with exp or sub it could be taken for a token that grants something.
  if (claims['exp'] !== undefined) throw new TokenRefused('event-exp-present')
  if (claims['sub'] !== undefined) throw new TokenRefused('event-sub-present')
  const { jti: tokenId, iat: issuedAt, sub_id: subjectId, events } = claims
  if (typeof tokenId !== 'string' || tokenId === '') throw new TokenRefused('claim-jti-invalid')
  // Where it is there, it has been judged with the signature.
  if (typeof issuedAt !== 'number') throw new TokenRefused('claim-iat-invalid')
  if (!isJsonObject(subjectId) || !isSubjectId(subjectId)) throw new TokenRefused('event-subject-invalid')
  if (!isJsonObject(events) || !isEvents(events)) throw new TokenRefused('event-events-invalid')
  return Object.freeze({ tokenId, issuedAt, subjectId, events })
}

function isSubjectId(subject: JsonObject): subject is SubjectId {
  return typeof subject['format'] === 'string' && subject['format'] !== ''
}

function isEvents(events: JsonObject): events is { readonly [type: string]: JsonObject } {
  const entries = Object.entries(events)
  return entries.length > 0 && entries.every(([type, payload]) => URI.test(type) && isJsonObject(payload))
}
