import { judgeParties, judgeStatedTimes, readTime } from './claims.ts'
import { readPayload } from './compact.ts'
import { createIssuerKeys, epochSeconds, type IssuerKeysOptions } from './issuer-keys.ts'
import { createOpener, type HighSPolicy } from './signed.ts'
import type { JsonObject } from './strict-json.ts'

export const USAGE_RECEIPT_TYP = 'usage-receipt+jwt'
export const SETTLEMENT_STATEMENT_TYP = 'settlement-statement+jwt'
/** A security event token (RFC 8417). */
export const SECURITY_EVENT_TYP = 'secevent+jwt'

export interface SignatureVerifierOptions extends IssuerKeysOptions {
  /** The exact `typ` of the document, for example {@link USAGE_RECEIPT_TYP}: one verifier, one type. */
  readonly typ: string
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

/** A statement is for debtor and creditor; RFC 8417 lets an event name several receivers. */
const FOR_SEVERAL: ReadonlySet<string> = new Set([SETTLEMENT_STATEMENT_TYP, SECURITY_EVENT_TYP])

/**
 * Verifies lasting documents that the issuer signs with keys of the same key document: usage receipts, statements,
 * security events. Unlike an entitlement token they need no expiry; a security event must say when it was issued.
 * @throws TypeError when the options cannot be right
 */
export function createSignatureVerifier(options: SignatureVerifierOptions): SignatureVerifier {
  const { issuer, audience, typ, now = epochSeconds, highS, maxTokenBytes: maxBytes } = options
  if (typeof typ !== 'string' || typ === '') throw new TypeError('typ must be a non-empty string')
  if (audience === '') throw new TypeError('audience must not be empty')
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
