import { createHash, randomBytes } from 'node:crypto'
import { ulid } from 'ulid'
import { epochMilliseconds, type Now } from './clock.ts'

/** Bytes from a source of randomness; tests hand in a seeded one. */
export type Random = (size: number) => Uint8Array
export const systemRandom: Random = size => randomBytes(size)

/** Makes ids like `lnk_01J9ZK3V5W8XQ2M4N6P7R8S9TA`: a ULID, so that they sort by when they were made. */
export type NewId = <Id extends string>(prefix: string) => Id

export const newIdFrom =
  (now: Now, random: Random): NewId =>
  <Id extends string>(prefix: string) => {
    // One byte for each of the 16 characters that are random, all drawn at once.
    const bytes = random(16)
    let drawn = 0
    return `${prefix}_${ulid(epochMilliseconds(now()), () => (bytes[drawn++ % 16] ?? 0) / 256)}` as Id
  }

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** 26 characters of Crockford base 32 (130 bits). */
function base32(bytes: Uint8Array): string {
  let text = ''
  let held = 0
  let bits = 0
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff
    bits += 8
    while (bits >= 5 && text.length < 26) {
      bits -= 5
      text += alphabet[(held >> bits) & 31]
    }
  }
  return text
}

/** A wholly random id that tells nothing of when it was made: pairwise subjects. */
export const randomId = <Id extends string>(prefix: string, random: Random): Id =>
  `${prefix}_${base32(random(17))}` as Id

/** An id that the same content always gets: batches and statements are created once, however often they are sent. */
export const contentId = <Id extends string>(prefix: string, ...content: string[]): Id =>
  `${prefix}_${base32(createHash('sha256').update(content.join('\n')).digest())}` as Id
