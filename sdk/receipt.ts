import { boundedNumber } from './bounds.ts'
import { judgeParties, judgeStatedTimes, readTime } from './claims.ts'
import { epochSeconds } from './clock.ts'
import { MAX_TOKEN_BYTES, readPayload } from './compact.ts'
import { createIssuerKeys, type IssuerKeysOptions } from './issuer-keys.ts'
import { createOpener, type HighSPolicy } from './signed.ts'
import type { JsonObject } from './strict-json.ts'

export const USAGE_RECEIPT_TYP = 'usage-receipt+jwt'
export const SETTLEMENT_STATEMENT_TYP = 'settlement-statement+jwt'
/** A security event token (RFC 8417). */
export const SECURITY_EVENT_TYP = 'secevent+jwt'

/** The types of lasting documents. What grants something needs an expiry, and has verifiers of its own. */
export type LastingTyp = typeof USAGE_RECEIPT_TYP | typeof SETTLEMENT_STATEMENT_TYP | typeof SECURITY_EVENT_TYP

export interface SignatureVerifierOptions extends IssuerKeysOptions {
  /** The exact `typ` of the document: one verifier, one type. */
  readonly typ: LastingTyp
  /** When given, `aud` must be this one string; of a statement or a security event `aud` may be a list that has it. */
  readonly audience?: string | undefined
  /** Default `refuse`. */
  readonly highS?: HighSPolicy | undefined
  /** Longest token in bytes, default 8192. */
  readonly maxTokenBytes?: number | undefined
}

export interface SignatureVerifier {
  /**
   * The document's claims, once form, type, signature, issuer, audience and the times it states have been checked.
   * What the other claims mean is the caller's to judge.
   * @throws TokenRefused with a stable `code`
   */
  verify(token: string): Promise<JsonObject>
}

const LASTING_TYPS: readonly string[] = [USAGE_RECEIPT_TYP, SETTLEMENT_STATEMENT_TYP, SECURITY_EVENT_TYP]
const TOKEN_BYTES = { least: 1, most: 16_777_216, standard: MAX_TOKEN_BYTES }
/** A statement is for debtor and creditor; RFC 8417 lets an event name several receivers. */
const FOR_SEVERAL: ReadonlySet<string> = new Set([SETTLEMENT_STATEMENT_TYP, SECURITY_EVENT_TYP])

/**
 * Verifies lasting documents that the issuer signs with keys of the same key document: usage receipts, statements,
 * security events. Unlike an entitlement token they need no expiry; a security event must say when it was issued.
 * @throws TypeError or RangeError when the options cannot be right
 */
export function createSignatureVerifier(options: SignatureVerifierOptions): SignatureVerifier {
  const { issuer, audience, typ, now = epochSeconds, highS } = options
  if (!LASTING_TYPS.includes(typ)) throw new TypeError(`typ must be one of ${LASTING_TYPS.join(', ')}`)
  if (audience === '') throw new TypeError('audience must not be empty')
  const maxBytes = boundedNumber('maxTokenBytes', options.maxTokenBytes, TOKEN_BYTES)
  const open = createOpener({ keys: createIssuerKeys(options), now, typ, highS, maxBytes })
  return {
    async verify(token) {
      const { payload } = await open(token)
      const claims = readPayload(payload)
      judgeParties(claims, { issuer, audience, severalAudiences: FOR_SEVERAL.has(typ) })
      if (typ === SECURITY_EVENT_TYP) readTime(claims['iat'], 'claim-iat-invalid')
      judgeStatedTimes(claims, now())
      return claims
    },
  }
}
