import { Buffer } from 'node:buffer'
import { verify as verifySignature } from 'node:crypto'
import { type CompactJws, readCompact, readPayload } from './compact.ts'
import type { IssuerKeys } from './issuer-keys.ts'
import { TokenRefused } from './refused.ts'
import type { JsonObject } from './strict-json.ts'

/**
 * What to do with an ECDSA signature whose s lies in the upper half of the group order. Both halves verify under
 * FIPS 186-5 and RFC 7518 section 3.4, and ordinary signers make either; refusing one leaves each token one signature.
 */
export type HighSPolicy = 'accept' | 'refuse'

export interface SignedBy {
  readonly keys: IssuerKeys
  readonly typ: string
  readonly highS: HighSPolicy
  readonly maxBytes?: number | undefined
}

/** Half the order of P-256, rounded down, big-endian (SEC 2 section 2.4.2). */
const HALF_ORDER = Buffer.from('7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8', 'hex')

/**
 * The core under every verifier of the kit: form, then key, then signature, and only then a look at the payload.
 * @throws TokenRefused
 */
export async function openSigned(token: unknown, { keys, typ, highS, maxBytes }: SignedBy): Promise<JsonObject> {
  const jws = readCompact(token, typ, maxBytes)
  if (highS === 'refuse' && isHighS(jws)) throw new TokenRefused('signature-high-s')
  const key = await keys.key(jws.kid)
  const input = Buffer.from(jws.signingInput, 'latin1')
  // IEEE P1363 is the form RFC 7518 section 3.4 asks for: r and s of 32 bytes each, no DER.
  if (!verifySignature('sha256', input, { key, dsaEncoding: 'ieee-p1363' }, jws.signature)) {
    throw new TokenRefused('signature-invalid')
  }
  return readPayload(jws.payload)
}

function isHighS({ signature }: CompactJws): boolean {
  return signature.compare(HALF_ORDER, 0, 32, 32, 64) > 0
}
