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

/** One of `shards` places, the same for the same text. */
export const shardOf = (text: string, shards: number): number =>
  createHash('sha256').update(text).digest().readUInt32BE(0) % shards

/** What the first link of a hash chain points to. */
export const genesisHash = '0'.repeat(64)
