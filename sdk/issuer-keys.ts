import { type Buffer, isUtf8 } from 'node:buffer'
import { createPublicKey, type KeyObject } from 'node:crypto'
import { type Fetch, FetchFailed, type FetchFault, fetchBounded } from './bounded-fetch.ts'
import { decodeBase64url, isKid } from './compact.ts'
import { type RefusalCode, TokenRefused } from './refused.ts'
import { isJsonObject, type JsonObject, type JsonValue, parseStrictJson } from './strict-json.ts'

/** Bounds on fetching and keeping the issuer's keys. Lower them freely; the defaults suit a busy partner. */
export interface KeyLimits {
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
  key(kid: string): Promise<KeyObject>
}

interface KeySet {
  readonly keys: ReadonlyMap<string, KeyObject>
  readonly fetchedAt: number
  readonly freshUntil: number
}

const MAX_KEYS = 64
const MAX_JSON_DEPTH = 8
const LOOPBACK_HOSTS: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])
const FETCH_CODES = {
  timeout: 'keys-timeout',
  'too-large': 'keys-too-large',
  redirected: 'keys-redirected',
  unavailable: 'keys-unavailable',
} as const satisfies Record<FetchFault, RefusalCode>

export const epochSeconds = (): number => Math.floor(Date.now() / 1000)

/**
 * The issuer's published ES256 keys, fetched when needed: one fetch at a time, kept while fresh, and kept a bounded
 * time longer while the issuer is down.
 * @throws TypeError when the issuer is not an acceptable URL
 */
export function createIssuerKeys(options: IssuerKeysOptions): IssuerKeys {
  const url = jwksUrl(options.issuer)
  const { fetch = globalThis.fetch as Fetch, now = epochSeconds } = options
  const limits: KeyLimits = { ...DEFAULT_KEY_LIMITS, ...options.limits }
  let held: KeySet | undefined
  let flight: Promise<KeySet> | undefined
  let failedAt = Number.NEGATIVE_INFINITY
  let unknownAt = Number.NEGATIVE_INFINITY

  function refresh(): Promise<KeySet> {
    flight ??= load(fetch, url, limits, now())
      .then(set => {
        held = set
        return set
      })
      .finally(() => {
        flight = undefined
      })
    return flight
  }

  async function current(at: number): Promise<KeySet> {
    if (held !== undefined && at >= held.fetchedAt && at < held.freshUntil) return held
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

  async function key(kid: string): Promise<KeyObject> {
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

  return { key }
}

function within(at: number, since: number, seconds: number): boolean {
  return at >= since && at - since < seconds
}

async function load(fetch: Fetch, url: string, limits: KeyLimits, at: number): Promise<KeySet> {
  try {
    const bounds = { ...limits, accept: 'application/jwk-set+json, application/json' }
    const { body, headers } = await fetchBounded(fetch, url, bounds)
    return { keys: readKeys(body), fetchedAt: at, freshUntil: at + freshSeconds(headers, limits) }
  } catch (error) {
    const code = error instanceof FetchFailed ? FETCH_CODES[error.fault] : 'keys-invalid'
    throw new TokenRefused(code, { cause: error })
  }
}

/** RFC 9111 section 4.2, with a ceiling, and the cooldown as floor so that `max-age=0` is no fetch a token. */
function freshSeconds(headers: Headers, limits: KeyLimits): number {
  const control = headers.get('cache-control') ?? ''
  const unkept = /(?:^|[\s,])no-(?:store|cache)(?:$|[\s,;=])/i.test(control)
  const stated = /(?:^|[\s,])max-age="?([0-9]{1,9})(?![0-9])/i.exec(control)?.[1]
  const age = /^[0-9]{1,9}$/.exec(headers.get('age') ?? '')?.[0] ?? '0'
  const wished = unkept ? 0 : stated === undefined ? limits.maxAgeSeconds : Number(stated) - Number(age)
  const floor = Math.min(limits.cooldownSeconds, limits.maxAgeSeconds)
  return Math.min(Math.max(wished, floor), limits.maxAgeSeconds)
}

function readKeys(body: Buffer): ReadonlyMap<string, KeyObject> {
  if (!isUtf8(body)) throw new Error('The JWK Set is not UTF-8')
  const document = parseStrictJson(body.toString('utf8'), MAX_JSON_DEPTH)
  const listed = isJsonObject(document) ? document['keys'] : undefined
  if (!Array.isArray(listed)) throw new Error('The JWK Set has no keys member')
  if (listed.length > MAX_KEYS) throw new Error(`The JWK Set has more than ${MAX_KEYS} keys`)
  const keys = new Map<string, KeyObject>()
  for (const jwk of listed.filter(isVerificationJwk)) {
    if (keys.has(jwk.kid)) throw new Error('The JWK Set names two keys alike')
    keys.set(jwk.kid, createPublicKey({ key: { kty: 'EC', crv: 'P-256', x: jwk.x, y: jwk.y }, format: 'jwk' }))
  }
  return keys
}

/** RFC 7517 section 5: keys that are not for us are passed over. So is a key that was published with its private part. */
function isVerificationJwk(jwk: JsonValue): jwk is JsonObject & { kid: string; x: string; y: string } {
  if (!isJsonObject(jwk) || jwk['kty'] !== 'EC' || jwk['crv'] !== 'P-256' || jwk['d'] !== undefined) return false
  if ((jwk['use'] ?? 'sig') !== 'sig' || (jwk['alg'] ?? 'ES256') !== 'ES256') return false
  const operations = jwk['key_ops'] ?? ['verify']
  if (!Array.isArray(operations) || !operations.includes('verify')) return false
  return typeof jwk['kid'] === 'string' && isKid(jwk['kid']) && isCoordinate(jwk['x']) && isCoordinate(jwk['y'])
}

function isCoordinate(value: JsonValue | undefined): boolean {
  return typeof value === 'string' && value.length === 43 && decodeBase64url(value).length === 32
}

function jwksUrl(issuer: string): string {
  const url = URL.canParse(issuer) ? new URL(issuer) : undefined
  const secure = url?.protocol === 'https:' || (url?.protocol === 'http:' && LOOPBACK_HOSTS.has(url.hostname))
  if (url === undefined || !secure) throw new TypeError('issuer must be an https URL, or http on a loopback host')
  if (/[?#\s]/.test(issuer) || url.username !== '' || url.password !== '') {
    throw new TypeError('issuer must have no query, fragment, credentials or white space')
  }
  return `${issuer.replace(/\/$/, '')}/.well-known/jwks.json`
}
