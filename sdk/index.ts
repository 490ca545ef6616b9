export type { Fetch } from './bounded-fetch.ts'
export type { KeyLimits } from './issuer-keys.ts'
export {
  createSignatureVerifier,
  SETTLEMENT_STATEMENT_TYP,
  type SignatureVerifier,
  type SignatureVerifierOptions,
  USAGE_RECEIPT_TYP,
} from './receipt.ts'
export { type RefusalCode, TokenRefused } from './refused.ts'
export type { HighSPolicy } from './signed.ts'
export type { JsonObject, JsonValue } from './strict-json.ts'
export {
  createVerifier,
  ENTITLEMENT_TOKEN_TYP,
  type LimitValue,
  type VerifiedEntitlement,
  type VerifiedEntitlements,
  type Verifier,
  type VerifierOptions,
} from './verifier.ts'
