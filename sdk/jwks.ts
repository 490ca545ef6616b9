import { type Buffer, isUtf8 } from 'node:buffer'
import { createPublicKey, type KeyObject } from 'node:crypto'
import { decodeBase64url, isKid } from './compact.ts'
import { TokenRefused } from './refused.ts'
import { isJsonObject, type JsonObject, type JsonValue, parseStrictJson } from './strict-json.ts'

/** A public key as the issuer publishes it. */
export interface PublishedKey {
  readonly key: KeyObject
  /** What the key signs; a key without it is not restricted. */
  readonly purpose: string | undefined
  readonly x: string
  readonly y: string
}

export type KeysByKid = ReadonlyMap<string, PublishedKey>

/** Far more than an issuer that replaces its keys has at one time. */
const MAX_KEYS = 256
const MAX_JSON_DEPTH = 8

/** Which purpose signs which type of token. */
const PURPOSES: ReadonlyMap<string, string> = new Map([
  ['benefit-entitlement+jwt', 'entitlement'],
  ['statuslist+jwt', 'status-list'],
  ['secevent+jwt', 'event'],
  ['usage-receipt+jwt', 'statement'],
  ['settlement-statement+jwt', 'statement'],
  ['at+jwt', 'access'],
])

/**
 * One key, one kind of token (RFC 8725 section 3.8): whoever gets hold of one key must not sign everything with it.
 * @throws TokenRefused `key-purpose-mismatch`
 */
export function judgePurpose({ purpose }: PublishedKey, typ: string | undefined): void {
  if (purpose === undefined) return
  if (typ === undefined || PURPOSES.get(typ) !== purpose) throw new TokenRefused('key-purpose-mismatch')
}

/**
 * Reads a JWK Set (RFC 7517 section 5): its ES256 verification keys by kid. Keys that are not for us are passed over,
 * and malformed ones too: one slip at the issuer must not put all its keys out of use.
 * @param held keys of the set before: one that has not changed stays the same object, so what it verified stays known
 * @throws Error when the document is no usable JWK Set
 */
export function readJwks(body: Buffer, held: KeysByKid = new Map()): KeysByKid {
  if (!isUtf8(body)) throw new Error('The JWK Set is not UTF-8')
  const document = parseStrictJson(body.toString('utf8'), MAX_JSON_DEPTH)
  const listed = isJsonObject(document) ? document['keys'] : undefined
  if (!Array.isArray(listed)) throw new Error('The JWK Set has no keys member')
  const keys = new Map<string, PublishedKey>()
  for (const jwk of listed.filter(isVerificationJwk)) {
    const before = held.get(jwk.kid)
    const key = before !== undefined && isSame(before, jwk) ? before : publish(jwk)
    if (key === undefined) continue
    if (keys.has(jwk.kid)) throw new Error('The JWK Set names two keys alike')
    if (keys.size === MAX_KEYS) throw new Error(`The JWK Set has more than ${MAX_KEYS} keys`)
    keys.set(jwk.kid, key)
  }
  return keys
}

type VerificationJwk = JsonObject & { readonly kid: string; readonly x: string; readonly y: string; purpose?: string }

const isSame = (key: PublishedKey, { x, y, purpose }: VerificationJwk): boolean =>
  key.x === x && key.y === y && key.purpose === purpose

/** Undefined for a point that is not on the curve. */
function publish({ x, y, purpose }: VerificationJwk): PublishedKey | undefined {
  try {
    return { key: createPublicKey({ key: { kty: 'EC', crv: 'P-256', x, y }, format: 'jwk' }), purpose, x, y }
  } catch {
    return undefined
  }
}

/** A key that was published with its private part is not for us either: anybody may sign with it. */
function isVerificationJwk(jwk: JsonValue): jwk is VerificationJwk {
  if (!isJsonObject(jwk) || jwk['kty'] !== 'EC' || jwk['crv'] !== 'P-256' || jwk['d'] !== undefined) return false
  if ((jwk['use'] ?? 'sig') !== 'sig' || (jwk['alg'] ?? 'ES256') !== 'ES256') return false
  const operations = jwk['key_ops'] ?? ['verify']
  if (!Array.isArray(operations) || !operations.includes('verify')) return false
  if (jwk['purpose'] !== undefined && typeof jwk['purpose'] !== 'string') return false
  return typeof jwk['kid'] === 'string' && isKid(jwk['kid']) && isCoordinate(jwk['x']) && isCoordinate(jwk['y'])
}

function isCoordinate(value: JsonValue | undefined): boolean {
  if (typeof value !== 'string' || value.length !== 43) return false
  try {
    return decodeBase64url(value).length === 32
  } catch {
    return false
  }
}
