import { usageLimits } from '../../schemas/usage.ts'

const [quote, backslash, comma, newline, carriageReturn, space, tab] = [0x22, 0x5c, 0x2c, 0x0a, 0x0d, 0x20, 0x09]
const [bracket, bracketEnd, brace, braceEnd] = [0x5b, 0x5d, 0x7b, 0x7d]
/** One byte more than allowed is kept of an element: enough to show, and still too long. */
const keptBytes = usageLimits.lineBytes + 1

export const isSpace = (byte: number): boolean =>
  byte === space || byte === tab || byte === newline || byte === carriageReturn

/**
 * Reads one element of a JSON list after another, from pieces that may end anywhere, and keeps the beginning of each.
 * Follows texts and counts brackets, so that it finds the element's end; whether it is JSON is not looked at.
 */
export function jsonElements() {
  const kept = Buffer.allocUnsafe(keptBytes)
  let length = 0
  /** Bytes up to the last one that is no blank: blanks around an element are none of it. */
  let solid = 0
  let depth = 0
  let inText = false
  let isEscaped = false

  function keep(byte: number): void {
    // JSON allows line breaks only where they mean nothing, and a line has none.
    if (length < keptBytes) kept[length] = byte === newline || byte === carriageReturn ? space : byte
    length++
    if (inText || !isSpace(byte)) solid = length
  }

  function text(byte: number): void {
    if (isEscaped) isEscaped = false
    else if (byte === backslash) isEscaped = true
    else if (byte === quote) inText = false
  }

  return {
    kept,
    /** Bytes of the element that are kept. */
    size: (): number => Math.min(solid, keptBytes),
    begin(): void {
      length = solid = depth = 0
      inText = isEscaped = false
    },
    /**
     * @returns where the element ended, at a comma or a closing bracket; the piece's length where it did not; and what is
     * in the way below zero: `-1 - place`
     */
    read(piece: Buffer, from: number): number {
      for (let at = from; at < piece.length; at++) {
        const byte = piece[at] as number
        if (inText) {
          if (byte < space) return -1 - at
          text(byte)
        } else if (depth === 0 && (byte === comma || byte === bracketEnd)) return at
        else if (depth === 0 && byte === braceEnd) return -1 - at
        else if (byte === quote) inText = true
        else if (byte === brace || byte === bracket) depth++
        else if (byte === braceEnd || byte === bracketEnd) depth--
        keep(byte)
      }
      return piece.length
    },
  }
}
