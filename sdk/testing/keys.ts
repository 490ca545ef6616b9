import type { Buffer } from 'node:buffer'
import {
  createECDH,
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto'

/** What a key signs: one purpose a key, so that a leak of one forges only its own kind (RFC 8725 section 3.8). */
export const KEY_PURPOSES = ['entitlement', 'status-list', 'event', 'statement', 'access'] as const
export type KeyPurpose = (typeof KEY_PURPOSES)[number]

/** A public key as the issuer publishes it (RFC 7517). */
export interface TestJwk {
  readonly kty: 'EC'
  readonly crv: 'P-256'
  readonly x: string
  readonly y: string
  /** RFC 7638 thumbprint. */
  readonly kid: string
  readonly use: 'sig'
  readonly alg: 'ES256'
  readonly purpose: KeyPurpose
}

export interface TestKey {
  readonly kid: string
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  readonly jwk: TestJwk
}

export type TestKeys = Readonly<Record<KeyPurpose, TestKey>>

/** Fresh keys that live as long as the process. */
export const generatedKeys = (): TestKeys =>
  keysBy(purpose => keyOf(purpose, generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey))

/**
 * Keys that are the same everywhere, because their private halves follow from the sentence below: whoever has this kit
 * has them. They let one process sign what another verifies, and are worth nothing outside a test.
 */
export const publishedKeys = (): TestKeys =>
  keysBy(purpose => keyOf(purpose, privateKeyOf(digest(`Tessera partner kit, published test key: ${purpose}`))))

function keysBy(make: (purpose: KeyPurpose) => TestKey): TestKeys {
  return {
    entitlement: make('entitlement'),
    'status-list': make('status-list'),
    event: make('event'),
    statement: make('statement'),
    access: make('access'),
  }
}

function keyOf(purpose: KeyPurpose, privateKey: KeyObject): TestKey {
  const publicKey = createPublicKey(privateKey)
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' })
  // RFC 7638 section 3.3: the required members only, in this order, without white space.
  const kid = digest(JSON.stringify({ crv: 'P-256', kty: 'EC', x, y })).toString('base64url')
  return { kid, privateKey, publicKey, jwk: { kty: 'EC', crv: 'P-256', x, y, kid, use: 'sig', alg: 'ES256', purpose } }
}

/** A SHA-256 digest is below the order of P-256 but for one in 2^32; these fixed ones are. */
function privateKeyOf(scalar: Buffer): KeyObject {
  const curve = createECDH('prime256v1')
  curve.setPrivateKey(scalar)
  // Uncompressed point (SEC 1 section 2.3.3): 0x04, then x and y of 32 bytes each.
  const point = curve.getPublicKey()
  const coordinate = (from: number) => point.subarray(from, from + 32).toString('base64url')
  const jwk = { kty: 'EC', crv: 'P-256', x: coordinate(1), y: coordinate(33), d: scalar.toString('base64url') }
  return createPrivateKey({ key: jwk, format: 'jwk' })
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
