import { createHmac } from 'node:crypto'
import { type StatusIndex, statusListSize } from '../../schemas/status-list.ts'

/** A list's places are numbers of 18 bits, in two halves of 9. */
const halfBits = 9
const halfMask = 2 ** halfBits - 1
/** Of so small a domain, as many rounds as format-preserving encryption takes (NIST SP 800-38G, FF1). */
const rounds = 10

/** The round function of one list: 9 bits that only the key tells. */
export type RoundFunction = (round: number, half: number) => number
export const roundFunction =
  (orderKey: Uint8Array, list: number): RoundFunction =>
  (round, half) =>
    createHmac('sha256', orderKey).update(`${list} ${round} ${half}`).digest().readUInt16BE(0) & halfMask

/**
 * The place of a list's n-th draw, n from 0: a permutation of 0 to 2^18 - 1 that only the key tells. A balanced Feistel
 * network is a bijection whatever its round function is, so that two draws never meet; HMAC-SHA256 makes the next place
 * unpredictable to whoever has seen the others.
 */
export function placeOfDraw(draw: number, roundOf: RoundFunction): number {
  let left = draw >> halfBits
  let right = draw & halfMask
  for (let round = 0; round < rounds; round++) [left, right] = [right, left ^ roundOf(round, right)]
  return (left << halfBits) | right
}

/** The index of a partner's n-th draw, n from 0: list after list, each in its own order. */
export function indexOfDraw(orderKey: Uint8Array, draw: number): StatusIndex {
  const list = Math.floor(draw / statusListSize) + 1
  return { list, index: placeOfDraw(draw % statusListSize, roundFunction(orderKey, list)) }
}
