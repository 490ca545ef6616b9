import { type Fetch, FetchFailed, type FetchFault, fetchBounded } from './bounded-fetch.ts'
import { type Bound, boundedNumbers } from './bounds.ts'
import { etagOf, freshSeconds } from './caching.ts'
import { epochSeconds } from './clock.ts'
import { issuerBase } from './issuer-url.ts'
import { type KeysByKid, type PublishedKey, readJwks } from './jwks.ts'
import { createRefreshed, type Fetched, within } from './refreshed.ts'
import { type RefusalCode, TokenRefused } from './refused.ts'

/** Bounds on fetching and keeping the issuer's keys, whole numbers all. The defaults suit a busy partner. */
export interface KeyLimits {
  /** For one exchange with the issuer, of whatever kind. */
  readonly timeoutMilliseconds: number
  readonly maxBytes: number
  /** The longest a key document counts as fresh, whatever its max-age says. */
  readonly maxAgeSeconds: number
  /**
   * Pause between two fetches on behalf of unknown kids, and after a failed refresh; at most 5 s while no keys are held
   * that could serve meanwhile.
   */
  readonly cooldownSeconds: number
  /** How long after its freshness a document still serves while the issuer cannot be reached. */
  readonly staleSeconds: number
}

export const KEY_BOUNDS: Readonly<Record<keyof KeyLimits, Bound>> = {
  timeoutMilliseconds: { least: 1, most: 600_000, standard: 5000 },
  maxBytes: { least: 1, most: 16_777_216, standard: 65_536 },
  maxAgeSeconds: { least: 1, most: 86_400, standard: 300 },
  cooldownSeconds: { least: 1, most: 3600, standard: 30 },
  staleSeconds: { least: 0, most: 604_800, standard: 3600 },
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
  /** The key as the last document has it, fresh or not: no fetch, no waiting. */
  published(kid: string): PublishedKey | undefined
}

interface KeySet extends Fetched {
  readonly keys: KeysByKid
  readonly etag: string | undefined
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

/** With no keys at all every token is refused, so the issuer's recovery should be noticed soon. */
const LONGEST_EMPTY_PAUSE_SECONDS = 5

export const fetchOf = ({ fetch = globalThis.fetch as Fetch }: Pick<IssuerKeysOptions, 'fetch'>): Fetch => fetch

/**
 * The issuer's published ES256 keys, fetched when needed: one fetch at a time, kept while fresh, and kept a bounded
 * time longer while the issuer is down.
 * @throws TypeError when the issuer is not an acceptable URL
 * @throws RangeError that names a wrong limit
 */
export function createIssuerKeys(options: IssuerKeysOptions): IssuerKeys {
  const { now = epochSeconds } = options
  const limits: KeyLimits = boundedNumbers(KEY_BOUNDS, options.limits, 'limits.')
  const source = { fetch: fetchOf(options), url: `${issuerBase(options.issuer)}/.well-known/jwks.json`, limits }
  let unknownAt = Number.NEGATIVE_INFINITY

  const isUsable = (set: KeySet | undefined, at: number): set is KeySet =>
    set !== undefined && at < set.freshUntil + limits.staleSeconds

  const document = createRefreshed<KeySet>({
    load: (held, at) => load(source, held, at),
    pauseSeconds: (held, at) =>
      isUsable(held, at) ? limits.cooldownSeconds : Math.min(limits.cooldownSeconds, LONGEST_EMPTY_PAUSE_SECONDS),
    now,
  })

  /** @throws TokenRefused why there is no fresh document, unless the one before still serves and has the key */
  async function refreshed(kid: string): Promise<KeySet> {
    try {
      return await document.refresh()
    } catch (error) {
      const held = document.held()
      if (isUsable(held, now()) && held.keys.has(kid)) return held
      throw error
    }
  }

  async function key(kid: string): Promise<PublishedKey> {
    const at = now()
    const fresh = document.fresh(at)
    const known = fresh?.keys.get(kid)
    if (known !== undefined) return known
    // Made-up kids must not turn this partner into a flood at the issuer's door.
    const looked = fresh !== undefined && !document.isLoading() && within(at, unknownAt, limits.cooldownSeconds)
    const found = looked ? undefined : (await refreshed(kid)).keys.get(kid)
    if (found !== undefined) return found
    // Only where the issuer has answered: while it cannot be asked, nobody knows that a key is unknown.
    if (!looked) unknownAt = now()
    throw new TokenRefused('kid-unknown')
  }

  return {
    key,
    held: (kid, at) => document.fresh(at)?.keys.get(kid),
    published: kid => document.held()?.keys.get(kid),
  }
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
