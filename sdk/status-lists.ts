import { type Fetch, FetchFailed, type FetchFault, fetchBounded } from './bounded-fetch.ts'
import { ageSeconds, etagOf } from './caching.ts'
import { CLOCK_TOLERANCE_SECONDS, readTime } from './claims.ts'
import { readPayload } from './compact.ts'
import { type IssuerKeys, within } from './issuer-keys.ts'
import { type RefusalCode, TokenRefused } from './refused.ts'
import { createOpener, type HighSPolicy, type Opener } from './signed.ts'
import { readStatusList, type StatusList } from './status-list.ts'
import type { JsonObject } from './strict-json.ts'

export const STATUS_LIST_TYP = 'statuslist+jwt'

/** Bounds on fetching and keeping status lists. */
export interface StatusLimits {
  /** Of the status list token as it is sent. */
  readonly statusMaxBytes: number
  /** Of a list once inflated. */
  readonly statusMaxInflatedBytes: number
  /** The longest a list counts as fresh, whatever its ttl says. */
  readonly statusMaxAgeSeconds: number
  /** Pause after a failed fetch of a list. */
  readonly statusCooldownSeconds: number
  /** Lists held at once; the one that was not used for the longest time goes first. */
  readonly statusMaxLists: number
}

export const DEFAULT_STATUS_LIMITS: StatusLimits = {
  statusMaxBytes: 524_288,
  statusMaxInflatedBytes: 1_048_576,
  statusMaxAgeSeconds: 300,
  statusCooldownSeconds: 5,
  statusMaxLists: 32,
}

/** The list last verified, if any, and why there is no fresh one, if so. */
export interface Consulted {
  readonly list: StatusList | undefined
  readonly refusal: TokenRefused | undefined
}

export interface StatusLists {
  consult(uri: string): Promise<Consulted>
  /** The list when a fresh one is at hand: no fetch, no waiting. */
  held(uri: string, at: number): StatusList | undefined
}

export interface StatusListsOptions {
  readonly issuer: string
  readonly fetch: Fetch
  readonly now: () => number
  readonly keys: IssuerKeys
  readonly highS: HighSPolicy | undefined
  readonly limits: StatusLimits & { readonly timeoutMilliseconds: number }
}

interface Held {
  readonly list: StatusList
  readonly issuedAt: number
  readonly expiresAt: number
  readonly ttlSeconds: number
  readonly etag: string | undefined
  readonly fetchedAt: number
  readonly freshUntil: number
}

interface Place {
  held: Held | undefined
  flight: Promise<void> | undefined
  failure: TokenRefused | undefined
  failedAt: number
}

const MEDIA_TYPE = 'application/statuslist+jwt'
const FETCH_CODES = {
  timeout: 'status-list-timeout',
  'too-large': 'status-list-too-large',
  redirected: 'status-list-redirected',
  unavailable: 'status-list-unavailable',
} as const satisfies Record<FetchFault, RefusalCode>

/** The issuer's status lists by address, each fetched when needed, one fetch at a time, and kept while fresh. */
export function createStatusLists(options: StatusListsOptions): StatusLists {
  const { now, keys, highS, limits } = options
  const open = createOpener({ keys, now, typ: STATUS_LIST_TYP, maxBytes: limits.statusMaxBytes, highS })
  const places = new Map<string, Place>()

  function placeOf(uri: string): Place {
    const place = places.get(uri) ?? { held: undefined, flight: undefined, failure: undefined, failedAt: 0 }
    places.delete(uri)
    places.set(uri, place)
    for (const oldest of places.keys()) {
      if (places.size <= limits.statusMaxLists) break
      places.delete(oldest)
    }
    return place
  }

  async function refresh(place: Place, uri: string, at: number): Promise<void> {
    try {
      place.held = await load(options, open, { uri, at, held: place.held })
      place.failure = undefined
    } catch (error) {
      if (!(error instanceof TokenRefused)) throw error
      place.failure = error
      place.failedAt = at
      throw error
    } finally {
      place.flight = undefined
    }
  }

  async function consult(uri: string): Promise<Consulted> {
    const at = now()
    const place = placeOf(uri)
    const fresh = freshOf(place, at)
    if (fresh !== undefined) return { list: fresh, refusal: undefined }
    const cooling = place.flight === undefined && within(at, place.failedAt, limits.statusCooldownSeconds)
    if (place.failure !== undefined && cooling) {
      const { code, cause } = place.failure
      return { list: place.held?.list, refusal: new TokenRefused(code, { cause }) }
    }
    place.flight ??= refresh(place, uri, at)
    try {
      await place.flight
      return { list: place.held?.list, refusal: undefined }
    } catch (error) {
      if (!(error instanceof TokenRefused)) throw error
      return { list: place.held?.list, refusal: error }
    }
  }

  return {
    consult,
    held(uri, at) {
      return places.has(uri) ? freshOf(placeOf(uri), at) : undefined
    },
  }
}

function freshOf({ held }: Place, at: number): StatusList | undefined {
  return held !== undefined && at >= held.fetchedAt && at < held.freshUntil ? held.list : undefined
}

interface Wanted {
  readonly uri: string
  readonly at: number
  readonly held: Held | undefined
}

async function load({ fetch, issuer, limits }: StatusListsOptions, open: Opener, wanted: Wanted): Promise<Held> {
  const { uri, at, held } = wanted
  try {
    // An expired list has to be had anew: that it has not changed would not help.
    const ifNoneMatch = held !== undefined && held.expiresAt > at ? held.etag : undefined
    const bounds = { timeoutMilliseconds: limits.timeoutMilliseconds, maxBytes: limits.statusMaxBytes }
    const { body, headers } = await fetchBounded(fetch, uri, { ...bounds, accept: MEDIA_TYPE, ifNoneMatch })
    if (body === undefined && held !== undefined) return { ...held, ...freshness(held, headers, at, limits) }
    judgeMediaType(headers)
    const { payload } = await open(body?.toString('latin1'))
    const claims = readPayload(payload)
    const times = judgeListClaims(claims, { ...wanted, issuer, limits })
    const list = readStatusList(claims['status_list'], limits.statusMaxInflatedBytes)
    return { list, ...times, etag: etagOf(headers), ...freshness(times, headers, at, limits) }
  } catch (error) {
    if (error instanceof FetchFailed) throw new TokenRefused(FETCH_CODES[error.fault], { cause: error })
    if (!(error instanceof TokenRefused) || error.temporary) throw error
    // The code speaks of the token that the partner holds; what is wrong with the list is the cause.
    throw new TokenRefused('status-list-invalid', { cause: error })
  }
}

function judgeMediaType(headers: Headers): void {
  const [type = ''] = (headers.get('content-type') ?? '').split(';', 1)
  if (type.trim().toLowerCase() !== MEDIA_TYPE) throw new TokenRefused('status-list-media-type')
}

type ListTimes = Pick<Held, 'issuedAt' | 'expiresAt' | 'ttlSeconds'>

function judgeListClaims(
  claims: JsonObject,
  { issuer, uri, at, held, limits }: Wanted & { readonly issuer: string; readonly limits: StatusLimits },
): ListTimes {
  if (claims['iss'] !== issuer) throw new TokenRefused('issuer-mismatch')
  if (claims['sub'] !== uri) throw new TokenRefused('status-list-mismatch')
  const issuedAt = readTime(claims['iat'], 'claim-iat-invalid')
  const expiresAt = readTime(claims['exp'], 'claim-exp-invalid')
  const ttl = claims['ttl']
  if (issuedAt > at + CLOCK_TOLERANCE_SECONDS) throw new TokenRefused('issued-in-future')
  if (expiresAt <= issuedAt) throw new TokenRefused('lifetime-invalid')
  if (expiresAt <= at) throw new TokenRefused('status-list-expired')
  // An old list, served again by whoever stands between, would make revoked tokens good.
  if (held !== undefined && issuedAt < held.issuedAt) throw new TokenRefused('status-list-replayed')
  const ttlSeconds = ttl === undefined ? limits.statusMaxAgeSeconds : readTime(ttl, 'status-list-invalid')
  return { issuedAt, expiresAt, ttlSeconds }
}

/** For ttl from the fetch on, less the time it spent in caches; at least a second, so that no token fetches alone. */
function freshness(
  { ttlSeconds, expiresAt }: ListTimes,
  headers: Headers,
  at: number,
  limits: StatusLimits,
): Pick<Held, 'fetchedAt' | 'freshUntil'> {
  const seconds = Math.max(Math.min(ttlSeconds - ageSeconds(headers), limits.statusMaxAgeSeconds), 1)
  return { fetchedAt: at, freshUntil: Math.min(at + seconds, expiresAt) }
}
