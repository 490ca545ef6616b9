import { inflateSync } from 'node:zlib'

/** Bits that one status may have (draft-ietf-oauth-status-list, "Status List"). */
export type StatusBits = 1 | 2 | 4 | 8

/** Statuses side by side in bytes, the first one in the lowest bits of the first byte. */
export function packed(statuses: ArrayLike<number>, bits: StatusBits): Uint8Array {
  const bytes = new Uint8Array(Math.ceil((statuses.length * bits) / 8))
  for (let index = 0; index < statuses.length; index++) {
    const place = (index * bits) >> 3
    bytes[place] = (bytes[place] ?? 0) | ((statuses[index] ?? 0) << ((index * bits) & 7))
  }
  return bytes
}

/** The status at an index of packed bytes of any width; undefined outside of them. */
export function statusOfWidth(bytes: Uint8Array, index: number, bits: StatusBits): number | undefined {
  const byte = bytes[(index * bits) >> 3]
  return byte === undefined ? undefined : (byte >> ((index * bits) & 7)) & (2 ** bits - 1)
}

/**
 * The packed bytes of an `lst`, as a verifier gets them.
 * @throws when it is no zlib stream, or would inflate to more than `maxBytes`
 */
export const decoded = (lst: string, maxBytes: number): Uint8Array =>
  inflateSync(Buffer.from(lst, 'base64url'), { maxOutputLength: maxBytes })
