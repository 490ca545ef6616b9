const SPACE = 0x20
const TAB = 0x09
const CARRIAGE_RETURN = 0x0d
export const NEWLINE = 0x0a

/** Whether the gateway passes over the line; it may end in its line break. */
export function isBlankLine(line: Uint8Array): boolean {
  // Nearly every line begins with a brace, so this is over at the first byte.
  for (const byte of line) {
    if (byte !== SPACE && byte !== TAB && byte !== CARRIAGE_RETURN && byte !== NEWLINE) return false
  }
  return true
}

/** Where the text of the line from `start` to `end` ends: before its line break, LF or CRLF. */
export function endOfText(bytes: Uint8Array, start: number, end: number): number {
  const before = end > start && bytes[end - 1] === NEWLINE ? end - 1 : end
  return before > start && bytes[before - 1] === CARRIAGE_RETURN ? before - 1 : before
}
