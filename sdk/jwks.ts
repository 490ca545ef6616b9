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

const MAX_KEYS = 64
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
 * Reads a JWK Set (RFC 7517 section 5): its ES256 verification keys by kid. Keys that are not for us are passed over.
 * @param held keys of the set before: one that has not changed stays the same object, so what it verified stays known
 * @throws Error when the document is no usable JWK Set
 */
export function readJwks(body: Buffer, held: KeysByKid = new Map()): KeysByKid {
  if (!isUtf8(body)) throw new Error('The JWK Set is not UTF-8')
  const document = parseStrictJson(body.toString('utf8'), MAX_JSON_DEPTH)
  const listed = isJsonObject(document) ? document['keys'] : undefined
  if (!Array.isArray(listed)) throw new Error('The JWK Set has no keys member')
  if (listed.length > MAX_KEYS) throw new Error(`The JWK Set has more than ${MAX_KEYS} keys`)
  const keys = new Map<string, PublishedKey>()
  for (const jwk of listed.filter(isVerificationJwk)) {
    if (keys.has(jwk.kid)) throw new Error('The JWK Set names two keys alike')
    const before = held.get(jwk.kid)
    keys.set(jwk.kid, before !== undefined && isSame(before, jwk) ? before : publish(jwk))
  }
  return keys
}

type VerificationJwk = JsonObject & { readonly kid: string; readonly x: string; readonly y: string; purpose?: string }

const isSame = (key: PublishedKey, { x, y, purpose }: VerificationJwk): boolean =>
  key.x === x && key.y === y && key.purpose === purpose

const publish = ({ x, y, purpose }: VerificationJwk): PublishedKey => ({
  key: createPublicKey({ key: { kty: 'EC', crv: 'P-256', x, y }, format: 'jwk' }),
  purpose,
  x,
  y,
})

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
  return typeof value === 'string' && value.length === 43 && decodeBase64url(value).length === 32
}
