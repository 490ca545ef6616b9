/**
 * Every way in which the kit says no: stable code → what it means. Codes are an interface: partners branch on them and
 * count them, so a code is never renamed, only added.
 */
const MEANINGS = {
  'token-not-a-string': 'The token is not a string',
  'token-too-large': 'The token is longer than the kit accepts',
  'segment-count': 'A compact JWS has exactly three segments',
  'token-whitespace': 'The token contains white space',
  'base64url-padded': 'A segment carries padding',
  'base64url-invalid': 'A segment is not base64url',
  'base64url-not-canonical': 'A segment has spare bits that are not zero',
  'utf8-invalid': 'A segment is not UTF-8',
  'json-invalid': 'A segment is not JSON',
  'json-duplicate-key': 'A JSON object names one member twice',
  'json-too-deep': 'JSON is nested too deeply',
  'header-not-object': 'The header is not a JSON object',
  'header-jwk': 'The header brings its own key (jwk)',
  'header-jku': 'The header points to keys of its own (jku)',
  'header-x5c': 'The header brings its own certificates (x5c)',
  'header-x5u': 'The header points to certificates of its own (x5u)',
  'header-crit': 'The header asks for extensions (crit)',
  'header-b64': 'The header changes the payload encoding (b64)',
  'header-zip': 'The header asks for decompression (zip)',
  'header-unknown': 'The header has a parameter other than typ, alg and kid',
  'alg-refused': 'The algorithm is not ES256',
  'typ-missing': 'The header has no typ',
  'typ-wrong': 'The token is of another type',
  'kid-missing': 'The header has no kid',
  'kid-invalid': 'The kid is not 1 to 128 base64url characters',
  'kid-unknown': 'The issuer publishes no such key',
  'key-purpose-mismatch': 'The key is published for another kind of token',
  'signature-length': 'The signature is not 64 bytes',
  'signature-der': 'The signature is in DER form, not r and s of 32 bytes each',
  'signature-zero': 'r or s of the signature is zero',
  'signature-high-s': 'The signature is not in its low-S form',
  'signature-invalid': 'The signature does not verify',
  'payload-not-object': 'The payload is not a JSON object',
  'issuer-mismatch': 'iss is not the expected issuer',
  'audience-not-single': 'aud is not one string',
  'audience-mismatch': 'aud is not the expected audience',
  'claim-iat-invalid': 'iat is not a sane integer of seconds',
  'claim-nbf-invalid': 'nbf is not a sane integer of seconds',
  'claim-exp-invalid': 'exp is not a sane integer of seconds',
  'lifetime-invalid': 'exp is not later than iat and nbf',
  'lifetime-too-long': 'The token lives longer than an hour',
  'token-expired': 'The token has expired',
  'token-not-yet-valid': 'nbf lies in the future',
  'issued-in-future': 'iat lies in the future',
  'version-unsupported': 'ver is not "1"',
  'claim-sub-invalid': 'sub is not a non-empty string',
  'claim-jti-invalid': 'jti is not a non-empty string',
  'claim-lnk-invalid': 'lnk is not a non-empty string',
  'claim-seq-invalid': 'seq is not a whole number',
  'claim-ent-invalid': 'ent is not a list of entitlements',
  'claim-status-invalid': 'status is not a reference to a status list',
  'entitlements-ended': 'Every entitlement in the token has ended',
  'event-exp-present': 'An event token has no exp',
  'event-sub-present': 'An event token has no sub; sub_id names whom it is about',
  'event-subject-invalid': 'sub_id is not an object with a format',
  'event-events-invalid': 'events is not an object of URIs with one member or more',
  'event-replayed': 'The event has been received before',
  'pass-too-long': 'The token lives longer than a pass does: it is none',
  'pass-replayed': 'The pass has been accepted before',
  'pass-expired': 'The gateway says that the pass has expired',
  'pass-not-found': 'The gateway has shown no such pass',
  'nothing-entitled': 'The gateway says that the link or its benefits ended after the pass was shown',
  'pass-gateway-unavailable': 'The gateway did not answer whether the pass is accepted',
  'keys-timeout': 'The issuer did not deliver its keys in time',
  'keys-too-large': 'The key document is larger than the kit reads',
  'keys-redirected': 'The key document has been redirected',
  'keys-unavailable': 'The key document could not be fetched',
  'keys-invalid': 'The key document is not a usable JWK Set',
  'token-revoked': 'The status list says that the token has been revoked',
  'token-suspended': 'The status list says that the token is suspended',
  'status-missing': 'The token names no status list',
  'status-unknown': 'The status list gives a status that the kit does not know',
  'status-index-out-of-range': 'The status list has no entry at the index of the token',
  'status-list-foreign': 'The token names a status list that is not of this issuer and audience',
  'status-list-timeout': 'The issuer did not deliver the status list in time',
  'status-list-too-large': 'The status list is larger than the kit reads, as sent or once inflated',
  'status-list-redirected': 'The status list has been redirected',
  'status-list-unavailable': 'The status list could not be fetched',
  'status-list-media-type': 'The answer is not of the media type application/statuslist+jwt',
  'status-list-invalid': 'The status list is not a genuine status list token; the cause says why',
  'status-list-mismatch': 'sub of the status list is not the address it was fetched from',
  'status-list-expired': 'The status list has expired',
  'status-list-replayed': 'The status list is older than the one already held',
  'statement-invalid': 'The statement is not JSON of a statement',
  'statement-hash-mismatch': 'The statement is not the one that was signed: its hash is another',
  'statement-parties-mismatch': 'Statement and signature do not name the same document, or you are no party to it',
  'statement-sums-wrong': 'The lines, the tax and what is carried do not add up to the total',
  'statement-chain-broken': 'previousHash is not the hash of the statement before between the two',
} as const

/** The stable name of a refusal, in kebab-case. */
export type RefusalCode = keyof typeof MEANINGS

/** A token that must not be honoured. The message never repeats any part of the token. */
export class TokenRefused extends Error {
  override readonly name = 'TokenRefused'
  readonly code: RefusalCode

  constructor(code: RefusalCode, options?: ErrorOptions) {
    super(MEANINGS[code], options)
    this.code = code
  }

  /**
   * True when the issuer's keys, its status list or its answer to a redemption could not be had: the same token may pass
   * later (answer 503 rather than 401).
   */
  get temporary(): boolean {
    return /^(?:keys|status-list|pass-gateway)-/.test(this.code) && this.code !== 'status-list-foreign'
  }
}
