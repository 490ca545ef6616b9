import { Buffer } from 'node:buffer'
import type { ExchangeBounds, Fetch } from './bounded-fetch.ts'
import { issuerBase } from './issuer-url.ts'
import { type GatewayProblem, problemOf } from './reporter-batch.ts'
import { isRecord } from './reporter-event.ts'
import { post } from './reporter-exchange.ts'

/** How the reporter proves who it is: a client secret, or access tokens that the caller gets in its own way. */
export type ReporterCredentials =
  | { readonly clientId: string; readonly clientSecret: string }
  | { readonly token: () => Promise<string> }

export interface AccessTokens {
  /** @throws ExchangeFailed, TokenUnavailable, or what the caller's own `token` throws */
  token(bounds: ExchangeBounds): Promise<string>
  /** The gateway refused this one: the next call gets another. */
  forget(token: string): void
}

/** The token endpoint's answer is no token. */
export class TokenUnavailable extends Error {
  override readonly name = 'TokenUnavailable'
  readonly problem: GatewayProblem
  /** How long the endpoint asks to be left alone. */
  readonly retryAfterMilliseconds: number | undefined

  constructor(problem: GatewayProblem, retryAfterMilliseconds?: number) {
    super(`the token endpoint answered ${problem.status} ${problem.code}`)
    this.problem = problem
    this.retryAfterMilliseconds = retryAfterMilliseconds
  }
}

/** A token is replaced this long before its end, so that it does not die on the way. */
const RENEW_BEFORE_SECONDS = 30

/** Access tokens for `usage:write` by client credentials (RFC 6749 section 4.4), kept until shortly before their end. */
export function createAccessTokens(needs: {
  readonly issuer: string
  readonly fetch: Fetch
  readonly now: () => number
  readonly credentials: ReporterCredentials
}): AccessTokens {
  const { issuer, fetch, now, credentials } = needs
  if ('token' in credentials) return { token: () => credentials.token(), forget: () => undefined }
  const url = `${issuerBase(issuer)}/oauth/token`
  const authorization = basic(credentials.clientId, credentials.clientSecret)
  let held: { readonly token: string; readonly from: number; readonly until: number } | undefined

  async function token(bounds: ExchangeBounds): Promise<string> {
    const at = now()
    // A clock that was set back must not keep a token alive.
    if (held !== undefined && at >= held.from && at < held.until) return held.token
    const body = new URLSearchParams({ grant_type: 'client_credentials', scope: 'usage:write' }).toString()
    const headers = { accept: 'application/json', authorization, 'content-type': 'application/x-www-form-urlencoded' }
    const answer = await post(fetch, url, { headers, body }, bounds)
    const told = isRecord(answer.body) ? answer.body : {}
    const { access_token: fresh, token_type: type, expires_in: seconds } = told
    const usable = typeof fresh === 'string' && fresh !== '' && typeof type === 'string' && /^bearer$/i.test(type)
    if (answer.status !== 200 || !usable) {
      throw new TokenUnavailable(problemOf(answer.status, answer.body), answer.retryAfterMilliseconds)
    }
    const lifetime = typeof seconds === 'number' && seconds > 0 ? seconds : 0
    held = { token: fresh, from: at, until: at + Math.max(lifetime - RENEW_BEFORE_SECONDS, lifetime / 2) }
    return fresh
  }

  return {
    token,
    forget(refused) {
      if (held?.token === refused) held = undefined
    },
  }
}

/** RFC 6749 section 2.3.1: both parts are form-encoded before they are joined. */
function basic(id: string, secret: string): string {
  const encoded = [id, secret].map(part => new URLSearchParams([['', part]]).toString().slice(1))
  return `Basic ${Buffer.from(encoded.join(':')).toString('base64')}`
}
