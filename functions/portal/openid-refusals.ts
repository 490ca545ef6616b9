import * as openid from 'openid-client'
import { Refusal } from '../kernel/refusal.ts'

/**
 * Why an answer of a provider was not accepted. The reasons are texts of our own: what another site wrote is not
 * repeated, and may hold personal data.
 */
export function refusalOf(error: unknown): Refusal {
  const refusal = refusalIn(error)
  if (refusal) return refusal
  if (error instanceof openid.AuthorizationResponseError)
    return ['server_error', 'temporarily_unavailable'].includes(error.error)
      ? new Refusal('partner-unavailable', 'it says that it cannot answer now')
      : new Refusal('link-failed', 'it refused the authorization request')
  if (error instanceof openid.ResponseBodyError) return refusedBack(error)
  if (error instanceof openid.WWWAuthenticateChallengeError)
    return new Refusal('link-failed', 'its userinfo endpoint refused the access token')
  return error instanceof openid.ClientError ? unacceptable(error) : new Refusal('link-failed', 'it cannot be read')
}

/** The refusal that the guarded fetch threw, however deep openid-client wrapped it. */
export function refusalIn(error: unknown): Refusal | undefined {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth += 1)
    if (cause instanceof Refusal) return cause
  return undefined
}

function refusedBack({ error, status }: openid.ResponseBodyError): Refusal {
  // The state was fresh, so the code has not been used: it is another provider's, another client's or a guess.
  if (error === 'invalid_grant') return new Refusal('link-answer-mismatch', 'it does not know the code')
  return status >= 500
    ? new Refusal('partner-unavailable', 'its token endpoint is out of order')
    : new Refusal('link-failed', 'its token endpoint refused the gateway: check the registration')
}

const unreadable = ['OAUTH_RESPONSE_IS_NOT_CONFORM', 'OAUTH_RESPONSE_IS_NOT_JSON', 'OAUTH_PARSE_ERROR', 'OAUTH_TIMEOUT']

function unacceptable({ code = '', cause }: openid.ClientError): Refusal {
  if (unreadable.includes(code)) return new Refusal('partner-unavailable', 'what it answered cannot be read')
  if (code === 'OAUTH_JWT_CLAIM_COMPARISON_FAILED')
    return new Refusal('link-answer-mismatch', 'its ID token is for another request, client or issuer')
  if (code === 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED')
    return new Refusal('link-answer-mismatch', 'its userinfo is about another account than its ID token')
  if (code === 'OAUTH_INVALID_RESPONSE' && isLacking(cause))
    return new Refusal('link-claims-missing', 'its answer lacks an ID token, or a claim of it or of userinfo')
  return new Refusal('link-failed', 'its ID token is not acceptable: algorithm, key, signature or time')
}

/** openid-client has one code for what is missing and what is wrong; the cause tells which. */
const isLacking = (cause: unknown): boolean =>
  cause instanceof Error &&
  (/"(id_token|access_token|sub)" property/.test(cause.message) ||
    (typeof cause.cause === 'object' && cause.cause !== null && 'claims' in cause.cause))
