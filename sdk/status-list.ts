import type { Buffer } from 'node:buffer'
import { inflateSync } from 'node:zlib'
import { readCount, readObject } from './claims.ts'
import { decodeBase64url } from './compact.ts'
import { TokenRefused } from './refused.ts'
import type { JsonValue } from './strict-json.ts'

/** Statuses of many tokens, packed (draft-ietf-oauth-status-list, "Status List"). */
export interface StatusList {
  readonly bits: 1 | 2 | 4 | 8
  /** Least significant bits first. */
  readonly bytes: Buffer
}

interface Inflated {
  readonly buffer: Buffer
  readonly engine: { readonly bytesWritten: number }
}

/**
 * Reads the claim `status_list`.
 * @param maxBytes of the list once inflated: a few hundred bytes can inflate to gigabytes
 * @throws TokenRefused `status-list-too-large`, or `status-list-invalid`
 */
export function readStatusList(claim: JsonValue | undefined, maxBytes: number): StatusList {
  const code = 'status-list-invalid'
  const { bits, lst } = readObject(claim, code)
  if (bits !== 1 && bits !== 2 && bits !== 4 && bits !== 8) throw new TokenRefused(code)
  if (typeof lst !== 'string' || lst === '') throw new TokenRefused(code)
  return { bits, bytes: inflateWhole(decodeBase64url(lst), maxBytes) }
}

/**
 * The status at an index from 0.
 * @throws TokenRefused `status-index-out-of-range`
 */
export function statusAt({ bits, bytes }: StatusList, index: number): number {
  readCount(index, 'status-index-out-of-range')
  const perByte = 8 / bits
  const byte = bytes[Math.floor(index / perByte)]
  if (byte === undefined) throw new TokenRefused('status-index-out-of-range')
  return (byte >> ((index % perByte) * bits)) & (2 ** bits - 1)
}

function inflateWhole(compressed: Buffer, maxOutputLength: number): Buffer {
  let inflated: Inflated
  try {
    inflated = inflateSync(compressed, { maxOutputLength, info: true }) as unknown as Inflated
  } catch (error) {
    const tooLarge = error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'
    throw new TokenRefused(tooLarge ? 'status-list-too-large' : 'status-list-invalid', { cause: error })
  }
  // What stands behind the end of the stream would be a second list that another reader might take.
  if (inflated.engine.bytesWritten !== compressed.length) throw new TokenRefused('status-list-invalid')
  return inflated.buffer
}
