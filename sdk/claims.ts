import { CLOCK_TOLERANCE_SECONDS } from './clock.ts'
import { type RefusalCode, TokenRefused } from './refused.ts'
import { isJsonObject, type JsonObject, type JsonValue } from './strict-json.ts'

export interface Expected {
  readonly issuer: string
  readonly audience?: string | undefined
  readonly severalAudiences?: boolean
}

export interface Times {
  readonly issuedAt: number
  readonly notBefore: number
  readonly expiresAt: number
}

const MAX_LIFETIME_SECONDS = 3600
const TIME_CEILING = 2 ** 40

/**
 * iss and aud, compared as exact strings (RFC 8725 sections 3.8 and 3.9). Only a document for several parties, such as a
 * statement for debtor and creditor, may name more than one audience.
 */
export function judgeParties(claims: JsonObject, { issuer, audience, severalAudiences = false }: Expected): void {
  if (claims['iss'] !== issuer) throw new TokenRefused('issuer-mismatch')
  if (audience === undefined) return
  if (severalAudiences && Array.isArray(claims['aud'])) {
    if (!claims['aud'].includes(audience)) throw new TokenRefused('audience-mismatch')
    return
  }
  if (typeof claims['aud'] !== 'string') throw new TokenRefused('audience-not-single')
  if (claims['aud'] !== audience) throw new TokenRefused('audience-mismatch')
}

/** Times of a short-lived token: all three are required, and its life is at most an hour. */
export function judgeLifetime(claims: JsonObject, now: number): Times {
  const times: Times = {
    issuedAt: readTime(claims['iat'], 'claim-iat-invalid'),
    notBefore: readTime(claims['nbf'], 'claim-nbf-invalid'),
    expiresAt: readTime(claims['exp'], 'claim-exp-invalid'),
  }
  if (times.expiresAt <= times.issuedAt || times.expiresAt <= times.notBefore)
    throw new TokenRefused('lifetime-invalid')
  if (times.expiresAt - times.issuedAt > MAX_LIFETIME_SECONDS) throw new TokenRefused('lifetime-too-long')
  judgeWindow(times, now)
  return times
}

/** Times of a lasting document (a receipt, a statement): each may be absent, and what is there must hold. */
export function judgeStatedTimes(claims: JsonObject, now: number): void {
  const stated = (name: string, code: RefusalCode) =>
    claims[name] === undefined ? undefined : readTime(claims[name], code)
  judgeWindow(
    {
      issuedAt: stated('iat', 'claim-iat-invalid'),
      notBefore: stated('nbf', 'claim-nbf-invalid'),
      expiresAt: stated('exp', 'claim-exp-invalid'),
    },
    now,
  )
}

export function readText(value: JsonValue | undefined, code: RefusalCode): string {
  if (typeof value !== 'string' || value === '') throw new TokenRefused(code)
  return value
}

/** A whole number from 0 up that a double holds exactly. */
export function readCount(value: JsonValue | undefined, code: RefusalCode): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw new TokenRefused(code)
  return value
}

/** Epoch seconds between 1970 and the year 36812: 1e300 is a number too, and would never expire. */
export function readTime(value: JsonValue | undefined, code: RefusalCode): number {
  const seconds = readCount(value, code)
  if (seconds === 0 || seconds >= TIME_CEILING) throw new TokenRefused(code)
  return seconds
}

export function readObject(value: JsonValue | undefined, code: RefusalCode): JsonObject {
  if (!isJsonObject(value)) throw new TokenRefused(code)
  return value
}

type StatedTimes = { readonly [name in keyof Times]: number | undefined }

function judgeWindow({ issuedAt, notBefore, expiresAt }: StatedTimes, now: number): void {
  // A clock that answers NaN would pass every comparison below.
  if (!Number.isFinite(now)) throw new TypeError('now() must answer epoch seconds')
  // To `Date.now` every token would have expired long ago.
  if (now >= TIME_CEILING) throw new TypeError('now() must answer epoch seconds, not milliseconds')
  if (expiresAt !== undefined && expiresAt <= now) throw new TokenRefused('token-expired')
  const latest = now + CLOCK_TOLERANCE_SECONDS
  if (notBefore !== undefined && notBefore > latest) throw new TokenRefused('token-not-yet-valid')
  if (issuedAt !== undefined && issuedAt > latest) throw new TokenRefused('issued-in-future')
}
