import { Buffer } from 'node:buffer'
import { type KeyObject, sign } from 'node:crypto'

/** Order of P-256 (SEC 2 section 2.4.2). */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

export const base64url = (data: string | Uint8Array): string => Buffer.from(data).toString('base64url')

/**
 * A compact JWS over exactly these bytes, so that a test decides about every one that a verifier sees. Signed with
 * ES256 in low-S form, as the gateway signs.
 */
export function signBytes(header: string | Uint8Array, payload: string | Uint8Array, key: KeyObject): string {
  const input = `${base64url(header)}.${base64url(payload)}`
  return `${input}.${base64url(withS(signatureOf(input, key), 'low'))}`
}

/** The raw signature, r and s of 32 bytes each (RFC 7518 section 3.4); s is as it comes. */
export const signatureOf = (input: string, key: KeyObject, digest = 'sha256'): Buffer =>
  sign(digest, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' })

/** The same signature with s in the wanted half of the group order: as mathematics, both verify. */
export function withS(signature: Buffer, half: 'low' | 'high'): Buffer {
  const s = BigInt(`0x${signature.toString('hex', 32)}`)
  if (s > ORDER / 2n === (half === 'high')) return signature
  const other = (ORDER - s).toString(16).padStart(64, '0')
  return Buffer.concat([signature.subarray(0, 32), Buffer.from(other, 'hex')])
}
