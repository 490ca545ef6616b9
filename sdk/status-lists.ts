import { type Fetch, FetchFailed, type FetchFault, fetchBounded } from './bounded-fetch.ts'
import type { Bound } from './bounds.ts'
import { ageSeconds, etagOf } from './caching.ts'
import { readTime } from './claims.ts'
import { CLOCK_TOLERANCE_SECONDS } from './clock.ts'
import { readPayload } from './compact.ts'
import type { IssuerKeys } from './issuer-keys.ts'
import type { PublishedKey } from './jwks.ts'
import { createRefreshed, type Fetched, type Refreshed } from './refreshed.ts'
import { type RefusalCode, TokenRefused } from './refused.ts'
import { createOpener, type HighSPolicy, type Opener } from './signed.ts'
import { readStatusList, type StatusList } from './status-list.ts'
import type { JsonObject } from './strict-json.ts'

const STATUS_LIST_TYP = 'statuslist+jwt'

/** Bounds on fetching and keeping status lists, whole numbers all. */
export interface StatusLimits {
  /** Of the status list token as it is sent. */
  readonly statusMaxBytes: number
  /** Of a list once inflated. */
  readonly statusMaxInflatedBytes: number
  /** The longest a list counts as fresh, whatever its ttl says. */
  readonly statusMaxAgeSeconds: number
  /** Pause after a failed fetch of a list. */
  readonly statusCooldownSeconds: number
  /** Lists held at once; the one that was not used for the longest time goes first, once another has been loaded. */
  readonly statusMaxLists: number
}

export const STATUS_BOUNDS: Readonly<Record<keyof StatusLimits, Bound>> = {
  statusMaxBytes: { least: 1, most: 16_777_216, standard: 524_288 },
  statusMaxInflatedBytes: { least: 1, most: 67_108_864, standard: 1_048_576 },
  statusMaxAgeSeconds: { least: 1, most: 86_400, standard: 300 },
  statusCooldownSeconds: { least: 1, most: 3600, standard: 5 },
  statusMaxLists: { least: 1, most: 10_000, standard: 32 },
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

interface Held extends Fetched {
  readonly list: StatusList
  /** What signed the list: once it is no longer published, whoever has it may have written the list. */
  readonly kid: string
  readonly key: PublishedKey
  readonly issuedAt: number
  readonly expiresAt: number
  readonly ttlSeconds: number
  readonly etag: string | undefined
}

type Place = Refreshed<Held>

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
  let latest: string | undefined

  function placeOf(uri: string): Place {
    const known = places.get(uri)
    const place = known ?? placeFor(uri)
    // Mostly the list is the one just used, and then there is nothing to put in order.
    if (known === undefined || latest !== uri) {
      places.delete(uri)
      places.set(uri, place)
      latest = uri
    }
    const held = place.held()
    if (held !== undefined && !isPublished(held, keys)) place.forget()
    return place
  }

  function placeFor(uri: string): Place {
    // As many again may be without a list: each keeps the pause after its last failure, and a list under way.
    makeRoom(2 * limits.statusMaxLists - 1, [...places], place => place.held() === undefined)
    return createRefreshed<Held>({
      load: (held, at) => load(options, open, { uri, at, held }),
      pauseSeconds: () => limits.statusCooldownSeconds,
      now,
    })
  }

  /** Removes the oldest that can be spared until so many of these are left. One under way is never spared. */
  function makeRoom(most: number, from: readonly [string, Place][], isSpare: (place: Place) => boolean): void {
    const spare = from.filter(([, place]) => !place.isLoading() && isSpare(place))
    for (const [uri] of spare.slice(0, Math.max(from.length - most, 0))) places.delete(uri)
  }

  async function consult(uri: string): Promise<Consulted> {
    const place = placeOf(uri)
    const fresh = place.fresh(now())
    if (fresh !== undefined) return { list: fresh.list, refusal: undefined }
    try {
      const { list } = await place.refresh()
      // Only now: a list that refuses must not go for one that then cannot be had.
      const holding = [...places].filter(([, other]) => other.held() !== undefined)
      makeRoom(limits.statusMaxLists, holding, other => other !== place)
      return { list, refusal: undefined }
    } catch (error) {
      if (!(error instanceof TokenRefused)) throw error
      return { list: place.held()?.list, refusal: error }
    }
  }

  return {
    consult,
    held: (uri, at) => (places.has(uri) ? placeOf(uri).fresh(at)?.list : undefined),
  }
}

function isPublished({ kid, key }: Pick<Held, 'kid' | 'key'>, keys: IssuerKeys): boolean {
  return keys.published(kid) === key
}

interface Wanted {
  readonly uri: string
  readonly at: number
  readonly held: Held | undefined
}

async function load(options: StatusListsOptions, open: Opener, wanted: Wanted): Promise<Held> {
  const { fetch, issuer, keys, limits, now } = options
  const { uri, at, held } = wanted
  try {
    // An expired list has to be had anew: that it has not changed would not help.
    const ifNoneMatch = held !== undefined && held.expiresAt > at ? held.etag : undefined
    const bounds = { timeoutMilliseconds: limits.timeoutMilliseconds, maxBytes: limits.statusMaxBytes }
    const { body, headers } = await fetchBounded(fetch, uri, { ...bounds, accept: MEDIA_TYPE, ifNoneMatch })
    if (body === undefined && held !== undefined) {
      if (!isPublished(held, keys)) throw new TokenRefused('kid-unknown')
      return { ...held, ...freshness(held, headers, at, limits) }
    }
    judgeMediaType(headers)
    const { payload, kid, key } = await open(body?.toString('latin1'))
    const claims = readPayload(payload)
    const times = judgeListClaims(claims, { uri, held, at: now(), issuer, limits })
    const list = readStatusList(claims['status_list'], limits.statusMaxInflatedBytes)
    return { list, kid, key, ...times, etag: etagOf(headers), ...freshness(times, headers, at, limits) }
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
