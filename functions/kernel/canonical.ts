import { createHash } from 'node:crypto'
import canonicalize from 'canonicalize'

/** Canonical JSON (RFC 8785): equal values give equal bytes. */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value)
  if (text === undefined) throw new TypeError('undefined has no JSON')
  return text
}

export const sha256 = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
export const hashOf = (value: unknown): string => sha256(canonicalJson(value))

/** What the first link of a hash chain points to. */
export const genesisHash = '0'.repeat(64)
