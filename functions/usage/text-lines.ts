import { isUtf8 } from 'node:buffer'
import { usageLimits } from '../../schemas/usage.ts'

/** A line's bytes lie in a buffer that is used again: who wants to keep them copies them. */
export type LineSink = (bytes: Buffer, start: number, end: number, known: { utf8: boolean }) => void
/** Cuts pieces of a body into lines. */
export type Splitter = { take: (piece: Buffer) => void; end: () => void }

const [newline, carriageReturn, space, tab] = [0x0a, 0x0d, 0x20, 0x09]
const mark = Buffer.from([0xef, 0xbb, 0xbf])
/** One byte more than allowed is kept of a line: enough to show, and still too long. */
const keptBytes = usageLimits.lineBytes + 1
/** Room for a byte order mark and a line break, which do not count. */
const heldBytes = keptBytes + mark.byteLength + 1
const known = { utf8: true }
const unknown = { utf8: false }

/**
 * NDJSON: line breaks (also CRLF), blank lines and a byte order mark at the very beginning are no part of any line. Holds
 * at most one line between pieces, and of one that is too long only the beginning.
 */
export function textLines(sink: LineSink): Splitter {
  const held = Buffer.allocUnsafe(heldBytes)
  let holds = 0
  /** Whether more of the held line came than is held, and whether all of that was blank. */
  let cut = false
  let restIsBlank = true
  let isFirst = true

  function hold(piece: Buffer, from: number, to: number): void {
    const kept = Math.min(to - from, heldBytes - holds)
    piece.copy(held, holds, from, from + kept)
    holds += kept
    if (from + kept === to) return
    cut = true
    restIsBlank &&= isBlank(piece, from + kept, to)
  }

  function tell(bytes: Buffer, from: number, to: number, utf8: typeof known, isCut = false): void {
    const start = isFirst && bytes.subarray(from, Math.min(from + 3, to)).equals(mark) ? from + 3 : from
    isFirst = false
    if (restIsBlank && isBlank(bytes, start, to)) return
    const end = !isCut && to > start && bytes[to - 1] === carriageReturn ? to - 1 : to
    const isLong = end - start > keptBytes
    sink(bytes, start, isLong ? start + keptBytes : end, isLong ? unknown : utf8)
  }

  function release(): void {
    const wasCut = cut
    const length = holds
    cut = false
    holds = 0
    tell(held, 0, length, unknown, wasCut)
    restIsBlank = true
  }

  function take(piece: Buffer): void {
    let start = 0
    let end = piece.indexOf(newline)
    if (end >= 0 && holds > 0) {
      hold(piece, 0, end)
      release()
      start = end + 1
      end = piece.indexOf(newline, start)
    }
    // Asked once for all lines: where the whole is UTF-8, each part between ASCII characters is.
    const utf8 = isUtf8(piece.subarray(start, piece.lastIndexOf(newline) + 1)) ? known : unknown
    while (end >= 0) {
      tell(piece, start, end, utf8)
      start = end + 1
      end = piece.indexOf(newline, start)
    }
    if (start < piece.byteLength) hold(piece, start, piece.byteLength)
  }

  return { take, end: () => (holds > 0 ? release() : undefined) }
}

function isBlank(bytes: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const byte = bytes[at]
    if (byte !== space && byte !== tab && byte !== carriageReturn) return false
  }
  return true
}
