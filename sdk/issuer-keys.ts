import { type Fetch, FetchFailed, type FetchFault, fetchBounded } from './bounded-fetch.ts'
import { etagOf, freshSeconds } from './caching.ts'
import { issuerBase } from './issuer-url.ts'
import { type KeysByKid, type PublishedKey, readJwks } from './jwks.ts'
import { type RefusalCode, TokenRefused } from './refused.ts'

/** Bounds on fetching and keeping the issuer's keys. Lower them freely; the defaults suit a busy partner. */
export interface KeyLimits {
  /** For one exchange with the issuer, of whatever kind. */
  readonly timeoutMilliseconds: number
  readonly maxBytes: number
  /** The longest a key document counts as fresh, whatever its max-age says. */
  readonly maxAgeSeconds: number
  /** Pause between two fetches on behalf of unknown kids, and after a failed refresh. */
  readonly cooldownSeconds: number
  /** How long after its freshness a document still serves while the issuer cannot be reached. */
  readonly staleSeconds: number
}

export const DEFAULT_KEY_LIMITS: KeyLimits = {
  timeoutMilliseconds: 5000,
  maxBytes: 65_536,
  maxAgeSeconds: 300,
  cooldownSeconds: 30,
  staleSeconds: 3600,
}

export interface IssuerKeysOptions {
  /** Issuer URL; the keys are at `{issuer}/.well-known/jwks.json`. https, or http on a loopback host. */
  readonly issuer: string
  readonly fetch?: Fetch | undefined
  /** Epoch seconds. */
  readonly now?: (() => number) | undefined
  readonly limits?: Partial<KeyLimits> | undefined
}

export interface IssuerKeys {
  /** @throws TokenRefused `kid-unknown`, or a `keys-…` code when the keys cannot be had */
  key(kid: string): Promise<PublishedKey>
  /** The key when a fresh document that has it is at hand: no fetch, no waiting. */
  held(kid: string, at: number): PublishedKey | undefined
}

interface KeySet {
  readonly keys: KeysByKid
  readonly etag: string | undefined
  readonly fetchedAt: number
  readonly freshUntil: number
}

interface Source {
  readonly fetch: Fetch
  readonly url: string
  readonly limits: KeyLimits
}

const FETCH_CODES = {
  timeout: 'keys-timeout',
  'too-large': 'keys-too-large',
  redirected: 'keys-redirected',
  unavailable: 'keys-unavailable',
} as const satisfies Record<FetchFault, RefusalCode>

export const epochSeconds = (): number => Math.floor(Date.now() / 1000)

export const fetchOf = ({ fetch = globalThis.fetch as Fetch }: Pick<IssuerKeysOptions, 'fetch'>): Fetch => fetch

/**
 * The issuer's published ES256 keys, fetched when needed: one fetch at a time, kept while fresh, and kept a bounded
 * time longer while the issuer is down.
 * @throws TypeError when the issuer is not an acceptable URL
 */
export function createIssuerKeys(options: IssuerKeysOptions): IssuerKeys {
  const { now = epochSeconds } = options
  const limits: KeyLimits = { ...DEFAULT_KEY_LIMITS, ...options.limits }
  const source = { fetch: fetchOf(options), url: `${issuerBase(options.issuer)}/.well-known/jwks.json`, limits }
  let held: KeySet | undefined
  let flight: Promise<KeySet> | undefined
  let failedAt = Number.NEGATIVE_INFINITY
  let unknownAt = Number.NEGATIVE_INFINITY

  function refresh(): Promise<KeySet> {
    flight ??= load(source, held, now())
      .then(set => {
        held = set
        return set
      })
      .finally(() => {
        flight = undefined
      })
    return flight
  }

  const fresh = (at: number): KeySet | undefined =>
    held !== undefined && at >= held.fetchedAt && at < held.freshUntil ? held : undefined

  async function current(at: number): Promise<KeySet> {
    const set = fresh(at)
    if (set !== undefined) return set
    const usable = held !== undefined && at < held.freshUntil + limits.staleSeconds ? held : undefined
    // Without this pause every verification would wait for the timeout while the issuer is down.
    if (usable !== undefined && within(at, failedAt, limits.cooldownSeconds)) return usable
    try {
      return await refresh()
    } catch (error) {
      failedAt = at
      if (usable !== undefined) return usable
      throw error
    }
  }

  async function key(kid: string): Promise<PublishedKey> {
    const at = now()
    const before = held
    const set = await current(at)
    const found = set.keys.get(kid)
    if (found !== undefined) return found
    // Made-up kids must not turn this partner into a flood at the issuer's door.
    const cooling = flight === undefined && within(at, unknownAt, limits.cooldownSeconds)
    if (cooling) throw new TokenRefused('kid-unknown')
    unknownAt = at
    const again = set === before ? await refresh() : set
    const late = again.keys.get(kid)
    if (late === undefined) throw new TokenRefused('kid-unknown')
    return late
  }

  return { key, held: (kid, at) => fresh(at)?.keys.get(kid) }
}

export function within(at: number, since: number, seconds: number): boolean {
  return at >= since && at - since < seconds
}

async function load({ fetch, url, limits }: Source, held: KeySet | undefined, at: number): Promise<KeySet> {
  try {
    const accept = 'application/jwk-set+json, application/json'
    const { body, headers } = await fetchBounded(fetch, url, { ...limits, accept, ifNoneMatch: held?.etag })
    const floor = Math.min(limits.cooldownSeconds, limits.maxAgeSeconds)
    // With the cooldown as floor, `max-age=0` is no fetch a token.
    const times = { fetchedAt: at, freshUntil: at + freshSeconds(headers, floor, limits.maxAgeSeconds) }
    if (body !== undefined) return { keys: readJwks(body, held?.keys), etag: etagOf(headers), ...times }
    if (held === undefined) throw new FetchFailed('unavailable')
    return { ...held, ...times }
  } catch (error) {
    const code = error instanceof FetchFailed ? FETCH_CODES[error.fault] : 'keys-invalid'
    throw new TokenRefused(code, { cause: error })
  }
}
