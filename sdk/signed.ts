import { Buffer } from 'node:buffer'
import { verify as verifySignature } from 'node:crypto'
import { type CompactForm, readCompact } from './compact.ts'
import type { IssuerKeys } from './issuer-keys.ts'
import { judgePurpose, type PublishedKey } from './jwks.ts'
import { TokenRefused } from './refused.ts'

/**
 * What to do with an ECDSA signature whose s lies in the upper half of the group order. Both halves verify under
 * FIPS 186-5 and RFC 7518 section 3.4, so anybody can turn one into the other and a token gets two spellings. Tessera
 * signs the lower half only.
 */
export type HighSPolicy = 'accept' | 'refuse'

export interface SignedBy extends Pick<CompactForm, 'typ' | 'maxBytes'> {
  readonly keys: IssuerKeys
  /** Epoch seconds. */
  readonly now: () => number
  /** Default `refuse`. */
  readonly highS?: HighSPolicy | undefined
}

/** What a JWS covers, once its signature has been verified, and the key that did it. */
export interface Opened {
  readonly payload: Buffer
  readonly kid: string
  readonly key: PublishedKey
}

/** @throws TokenRefused */
export type Opener = (token: unknown) => Promise<Opened>

/** Half the order of P-256, rounded down, big-endian (SEC 2 section 2.4.2). */
const HALF_ORDER = Buffer.from('7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8', 'hex')
const SCALAR_BYTES = 32
/** Two numbers of at most 33 bytes, each with tag and length, and tag and length of the whole. */
const MAX_DER_BYTES = 2 + 2 * (2 + SCALAR_BYTES + 1)
const ZERO = Buffer.alloc(SCALAR_BYTES)
/** An issuer uses one spelling for each key, so few are enough. */
const MAX_KNOWN_HEADERS = 16

/**
 * The core under every verifier of the kit: form, then key, then signature. The payload has not been looked at when this
 * answers. Make one opener for one kind of token and keep it.
 * @throws TypeError when `highS` is neither of its values
 */
export function createOpener({ keys, now, typ, maxBytes, highS = 'refuse' }: SignedBy): Opener {
  if (highS !== 'accept' && highS !== 'refuse') throw new TypeError("highS must be 'accept' or 'refuse'")
  const knownHeaders = new Map<string, string>()
  const form: CompactForm = { typ, maxBytes, knownHeaders }
  return async token => {
    const { header, kid, signingInput, payload, signature } = readCompact(token, form)
    const key = keys.held(kid, now()) ?? (await keys.key(kid))
    judgePurpose(key, typ)
    judgeSignature(Buffer.from(signingInput, 'latin1'), signature, key, highS)
    // Only now, so that nobody without a key decides what is remembered.
    if (knownHeaders.size >= MAX_KNOWN_HEADERS) knownHeaders.clear()
    knownHeaders.set(header, kid)
    return { payload, kid, key }
  }
}

/**
 * ES256 over a message (RFC 7518 section 3.4): r and s of 32 bytes each, no DER.
 * @throws TokenRefused `signature-length`, `signature-zero`, `signature-high-s`, `signature-invalid`
 */
export function judgeSignature(
  message: Buffer,
  signature: Buffer,
  { key }: Pick<PublishedKey, 'key'>,
  highS: HighSPolicy,
): void {
  if (signature.length !== 2 * SCALAR_BYTES) throw new TokenRefused('signature-length')
  if (isZero(signature, 0) || isZero(signature, SCALAR_BYTES)) throw new TokenRefused('signature-zero')
  if (highS !== 'accept' && isHighS(signature)) throw new TokenRefused('signature-high-s')
  // In DER, since node:crypto takes half as long again for the same signature in IEEE P1363 form.
  if (!verifySignature('sha256', message, key, toDer(signature))) throw new TokenRefused('signature-invalid')
}

/** r and s as an ASN.1 SEQUENCE of two INTEGERs (RFC 3279 section 2.2.3), each in its one shortest form. */
function toDer(signature: Buffer): Buffer {
  const der = Buffer.allocUnsafe(MAX_DER_BYTES)
  const end = putInteger(der, putInteger(der, 2, signature.subarray(0, SCALAR_BYTES)), signature.subarray(SCALAR_BYTES))
  der[0] = 0x30
  der[1] = end - 2
  return der.subarray(0, end)
}

/** Writes an unsigned number at `start` and gives where it ends. */
function putInteger(der: Buffer, start: number, scalar: Buffer): number {
  let first = 0
  while (first < SCALAR_BYTES - 1 && scalar[first] === 0) first += 1
  // A set first bit would make the number negative, but for a zero in front.
  const front = (scalar[first] ?? 0) > 0x7f ? 1 : 0
  der[start] = 0x02
  der[start + 1] = front + SCALAR_BYTES - first
  if (front === 1) der[start + 2] = 0
  return start + 2 + front + scalar.copy(der, start + 2 + front, first)
}

/** A verifier that forgets this check takes such a signature for that of any message. */
function isZero(signature: Buffer, start: number): boolean {
  return signature[start] === 0 && signature.compare(ZERO, 0, SCALAR_BYTES, start, start + SCALAR_BYTES) === 0
}

function isHighS(signature: Buffer): boolean {
  return signature.compare(HALF_ORDER, 0, SCALAR_BYTES, SCALAR_BYTES) > 0
}
