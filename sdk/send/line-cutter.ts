import { Buffer } from 'node:buffer'
import { NEWLINE } from './line-bytes.ts'

export interface CutLine {
  /** With its line break; absent where the line is longer than is held. */
  readonly bytes: Buffer | undefined
  /** The same of every line. */
  readonly length: number
}

/** Cuts chunks into lines and holds of an unfinished one no more than `longest` bytes. */
export function createLineCutter(longest: number) {
  let pieces: Buffer[] = []
  let length = 0

  function keep(piece: Buffer): void {
    length += piece.length
    if (length <= longest) pieces.push(piece)
    else pieces = []
  }

  function finish(): CutLine {
    const [first] = pieces
    const whole = pieces.length === 1 ? first : Buffer.concat(pieces)
    const line = { bytes: length <= longest ? whole : undefined, length }
    pieces = []
    length = 0
    return line
  }

  return {
    *cut(chunk: Uint8Array): Generator<CutLine> {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
      for (let start = 0; start < bytes.length; ) {
        const found = bytes.indexOf(NEWLINE, start)
        const end = found < 0 ? bytes.length : found + 1
        keep(bytes.subarray(start, end))
        if (found >= 0) yield finish()
        start = end
      }
    },
    /** A last line need not have a line break. */
    *rest(): Generator<CutLine> {
      if (length > 0) yield finish()
    },
  }
}
