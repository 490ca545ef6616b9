import { judgeParties, judgeStatedTimes } from './claims.ts'
import { createIssuerKeys, epochSeconds, type IssuerKeysOptions } from './issuer-keys.ts'
import { type HighSPolicy, openSigned } from './signed.ts'
import type { JsonObject } from './strict-json.ts'

export const USAGE_RECEIPT_TYP = 'usage-receipt+jwt'
export const SETTLEMENT_STATEMENT_TYP = 'settlement-statement+jwt'

export interface SignatureVerifierOptions extends IssuerKeysOptions {
  /** The exact `typ` of the document, for example {@link USAGE_RECEIPT_TYP}: one verifier, one type. */
  readonly typ: string
  /** When given, `aud` must be this one string. */
  readonly audience?: string | undefined
  /** Default `accept`. */
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

/**
 * Verifies lasting documents that the issuer signs with keys of the same key document: usage receipts, statements.
 * Unlike an entitlement token they need no expiry.
 * @throws TypeError when the options cannot be right
 */
export function createSignatureVerifier(options: SignatureVerifierOptions): SignatureVerifier {
  const { issuer, audience, typ, now = epochSeconds, highS = 'accept', maxTokenBytes: maxBytes } = options
  if (typeof typ !== 'string' || typ === '') throw new TypeError('typ must be a non-empty string')
  if (audience === '') throw new TypeError('audience must not be empty')
  const signedBy = { keys: createIssuerKeys(options), typ, highS, maxBytes }
  return {
    async verify(token) {
      const claims = await openSigned(token, signedBy)
      judgeParties(claims, { issuer, audience, severalAudiences: typ === SETTLEMENT_STATEMENT_TYP })
      judgeStatedTimes(claims, now())
      return claims
    },
  }
}
