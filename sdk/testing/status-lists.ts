import { constants, deflateSync } from 'node:zlib'
import type { Members } from './kinds.ts'
import { base64url } from './signing.ts'

/** Values of a two-bit status (draft-ietf-oauth-status-list, "Status Types"). */
export const TOKEN_STATUS = { valid: 0, invalid: 1, suspended: 2 } as const
export type TokenStatus = keyof typeof TOKEN_STATUS

/** Entries of one of the gateway's lists: 64 KB before compression. */
export const LIST_ENTRIES = 2 ** 18
export const LIST_TTL_SECONDS = 60
export const LIST_LIFETIME_SECONDS = 3600

/** Entries that are not 0, by index. */
export type Statuses = Readonly<Record<number, number>>

export interface ListContent {
  readonly statuses?: Statuses
  readonly bits?: number
  readonly entries?: number
}

/** The bytes of a list before compression: the first entry in the least significant bits of the first byte. */
export function packStatuses({ statuses = {}, bits = 2, entries = LIST_ENTRIES }: ListContent = {}): Uint8Array {
  const bytes = new Uint8Array(Math.ceil((entries * bits) / 8))
  for (const [index, status] of Object.entries(statuses)) {
    const at = Number(index) * bits
    bytes[at >> 3] = (bytes[at >> 3] ?? 0) | (status << (at & 7))
  }
  return bytes
}

/** The `lst` member: ZLIB (RFC 1950) around DEFLATE, base64url. */
export const compressed = (bytes: Uint8Array): string =>
  base64url(deflateSync(bytes, { level: constants.Z_BEST_COMPRESSION }))

export interface ListPlace {
  readonly issuer: string
  readonly uri: string
  readonly now: number
}

/** Claims of a status list token as the gateway signs it. */
export const listClaims = ({ issuer: iss, uri: sub, now: iat }: ListPlace, content: ListContent = {}): Members => ({
  sub,
  iss,
  iat,
  exp: iat + LIST_LIFETIME_SECONDS,
  ttl: LIST_TTL_SECONDS,
  status_list: { bits: content.bits ?? 2, lst: compressed(packStatuses(content)) },
})
