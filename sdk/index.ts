export type { Fetch } from './bounded-fetch.ts'
export type { LimitValue, StatusFinding, VerifiedEntitlement, VerifiedEntitlements } from './entitlements.ts'
export {
  createEventVerifier,
  type EventVerifier,
  type EventVerifierOptions,
  type SubjectId,
  type VerifiedEvents,
} from './events.ts'
export {
  createGatewayPassClaims,
  type GatewayPassClaimsOptions,
  PassClaimFailed,
} from './gateway-pass-claims.ts'
export type { KeyLimits } from './issuer-keys.ts'
export {
  type Admitted,
  type AuthorizeCode,
  type AuthorizeOptions,
  type AuthorizeProblem,
  authorize,
  bearerToken,
  type Denied,
  type MiddlewareOptions,
} from './middleware/core.ts'
export { createPassDesk, type PassClaims, type PassDesk, type PassDeskOptions } from './passes.ts'
export {
  createSignatureVerifier,
  type LastingTyp,
  SECURITY_EVENT_TYP,
  SETTLEMENT_STATEMENT_TYP,
  type SignatureVerifier,
  type SignatureVerifierOptions,
  USAGE_RECEIPT_TYP,
} from './receipt.ts'
export { type RefusalCode, TokenRefused } from './refused.ts'
export { createUsageReporter, type UsageReporter } from './reporter.ts'
export type { GatewayProblem, PointedFault, RejectedUse } from './reporter-batch.ts'
export { CHAIN_START, type ReceiptChain } from './reporter-chain.ts'
export type { RetryPolicy } from './reporter-delivery.ts'
export {
  type DeliveryFault,
  ReceiptChainBroken,
  ReporterRefused,
  StoredBatchUnreadable,
  UsageRejected,
  UsageUndelivered,
} from './reporter-errors.ts'
export { type UsageEvent, UsageEventInvalid } from './reporter-event.ts'
export type { ReporterHooks, UsageReporterOptions, UsageStore } from './reporter-options.ts'
export type { UsageRest } from './reporter-queue.ts'
export { ReceiptRefused, type UsageReceipt } from './reporter-receipt.ts'
export type { ReporterCredentials } from './reporter-token.ts'
export type { HighSPolicy } from './signed.ts'
export {
  type SettlementLine,
  type SettlementStatement,
  type StatementVerification,
  verifyStatement,
} from './statement.ts'
export type { OnStaleStatus, StalePolicy } from './status-check.ts'
export type { StatusLimits } from './status-lists.ts'
export type { JsonObject, JsonValue } from './strict-json.ts'
export { createVerifier, ENTITLEMENT_TOKEN_TYP, type Verifier, type VerifierOptions } from './verifier.ts'
