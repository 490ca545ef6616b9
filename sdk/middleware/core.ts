import type { VerifiedEntitlements } from '../entitlements.ts'
import { type RefusalCode, TokenRefused } from '../refused.ts'
import type { Verifier } from '../verifier.ts'

export interface AuthorizeOptions {
  readonly verifier: Verifier
  /** When given, a token without this benefit is answered with 403. */
  readonly benefit?: string | undefined
}

export interface MiddlewareOptions<Request> extends AuthorizeOptions {
  /** Where the token is, if not in `Authorization: Bearer`; `undefined` means that the request brings none. */
  readonly tokenFrom?: ((request: Request) => string | undefined | Promise<string | undefined>) | undefined
}

export type AuthorizeCode = RefusalCode | 'entitlement-token-missing' | 'benefit-not-entitled'

/** RFC 9457, with the stable `code` beside it. */
export interface AuthorizeProblem {
  readonly type: 'about:blank'
  readonly title: string
  readonly status: 401 | 403 | 503
  readonly code: AuthorizeCode
  readonly detail: string
}

export interface Denied {
  readonly status: 401 | 403 | 503
  /** Content type, `Cache-Control` and, by status, `WWW-Authenticate` or `Retry-After`. */
  readonly headers: Readonly<Record<string, string>>
  readonly problem: AuthorizeProblem
}

export interface Admitted {
  readonly status: 200
  readonly entitled: VerifiedEntitlements
}

const BEARER = /^bearer +(.*)$/i
const TITLES = { 401: 'Unauthorized', 403: 'Forbidden', 503: 'Service Unavailable' } as const
/** The pauses after which the kit asks an issuer that could not be reached again: for its keys, for a status list. */
const KEYS_RETRY_SECONDS = 30
const STATUS_RETRY_SECONDS = 5

/**
 * The one decision behind every middleware (RFC 6750 section 3). 401: no token, or one that is refused. 403: a genuine
 * token without the benefit. 503: nobody can tell at the moment.
 * @param token as it came, whatever it is
 * @throws what the verifier throws beside `TokenRefused`: a fault in its set-up, which is a 500
 */
export async function authorize(
  { verifier, benefit }: AuthorizeOptions,
  token: string | undefined,
): Promise<Admitted | Denied> {
  // No error attribute: a request that brings nothing has done nothing wrong (RFC 6750 section 3.1).
  if (token === undefined) {
    const challenge = { 'www-authenticate': 'Bearer' }
    return denied(401, 'entitlement-token-missing', 'The request brings no entitlement token', challenge)
  }
  const entitled = await verifier.verify(token).catch(deniedBy)
  if ('problem' in entitled) return entitled
  if (benefit !== undefined && !entitled.has(benefit)) {
    const challenge = { 'www-authenticate': 'Bearer error="insufficient_scope"' }
    return denied(403, 'benefit-not-entitled', 'The token does not entitle to this benefit', challenge)
  }
  return { status: 200, entitled }
}

/** The token of `Authorization: Bearer` (RFC 6750 section 2.1); the scheme's case does not matter. */
export function bearerToken(authorization: unknown): string | undefined {
  return typeof authorization === 'string' ? BEARER.exec(authorization)?.[1] : undefined
}

/** The token of a request, by the option or from its header. */
export async function tokenOf<Request>(
  { tokenFrom }: MiddlewareOptions<Request>,
  request: Request,
  authorization: unknown,
): Promise<string | undefined> {
  return tokenFrom === undefined ? bearerToken(authorization) : tokenFrom(request)
}

function deniedBy(error: unknown): Denied {
  if (!(error instanceof TokenRefused)) throw error
  const { code, message, temporary } = error
  if (temporary) {
    const seconds = code.startsWith('status-list-') ? STATUS_RETRY_SECONDS : KEYS_RETRY_SECONDS
    return denied(503, code, message, { 'retry-after': String(seconds) })
  }
  // Code and message come from the kit's own table, so nothing in them needs quoting.
  return denied(401, code, message, { 'www-authenticate': `Bearer error="invalid_token", error_description="${code}"` })
}

function denied(
  status: Denied['status'],
  code: AuthorizeCode,
  detail: string,
  headers: Readonly<Record<string, string>>,
): Denied {
  return {
    status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...headers },
    problem: { type: 'about:blank', title: TITLES[status], status, code, detail },
  }
}
