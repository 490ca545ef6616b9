import type { VerifiedEntitlements } from '../entitlements.ts'
import { type RefusalCode, TokenRefused } from '../refused.ts'
import type { Verifier } from '../verifier.ts'

export interface AuthorizeOptions {
  readonly verifier: Verifier
  /** When given, a token without this benefit is answered with 403. */
  readonly benefit?: string
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

/** The scheme alone, so that nothing in a long header is read twice. */
const BEARER = /^bearer +/i
const TITLES = { 401: 'Unauthorized', 403: 'Forbidden', 503: 'Service Unavailable' } as const
/** After so long the kit asks again for a status list, or for keys where it has none. */
const RETRY_SECONDS = 5

/**
 * The one decision behind every middleware (RFC 6750 section 3). 401: no token, or one that is refused. 403: a genuine
 * token without the benefit. 503: nobody can tell at the moment, about the token or about the benefit.
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
  if (benefit !== undefined && entitled.withheld.includes(benefit)) {
    return deniedBy(new TokenRefused(entitled.staleReason ?? 'status-list-unavailable'))
  }
  if (benefit !== undefined && !entitled.has(benefit)) {
    const challenge = { 'www-authenticate': 'Bearer error="insufficient_scope"' }
    return denied(403, 'benefit-not-entitled', 'The token does not entitle to this benefit', challenge)
  }
  return { status: 200, entitled }
}

/** The token of `Authorization: Bearer` (RFC 6750 section 2.1); the scheme's case does not matter. */
export function bearerToken(authorization: unknown): string | undefined {
  if (typeof authorization !== 'string') return undefined
  const [scheme] = BEARER.exec(authorization) ?? []
  return scheme === undefined ? undefined : authorization.slice(scheme.length)
}

const OPTIONS: ReadonlySet<string> = new Set(['verifier', 'benefit', 'tokenFrom'])

/**
 * The options of a middleware, looked at once when a route is set up: a name that is misspelt, or a benefit that is not
 * there, would leave the route open to every holder of any token.
 * @throws TypeError
 */
export function guardOptions<Request>(options: MiddlewareOptions<Request>): MiddlewareOptions<Request> {
  const unknown = Object.keys(options).find(name => !OPTIONS.has(name))
  if (unknown !== undefined) throw new TypeError(`there is no option ${unknown}`)
  if (typeof options.verifier?.verify !== 'function') throw new TypeError('verifier must be made by createVerifier')
  if ('benefit' in options && (typeof options.benefit !== 'string' || options.benefit === '')) {
    throw new TypeError('benefit must be a non-empty string; leave it out to take any valid token')
  }
  return options
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
  if (temporary) return denied(503, code, message, { 'retry-after': String(RETRY_SECONDS) })
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
