/** Lines of a batch as a bitmap, so that thousands of them fit in the exception: line 1 is the lowest bit of byte 0. */
export function membersOf(lines: Iterable<number>): Uint8Array<ArrayBuffer> {
  const numbers = [...lines]
  const bits = new Uint8Array(Math.ceil(numbers.reduce((last, line) => Math.max(last, line), 0) / 8))
  for (const line of numbers) {
    const byte = (line - 1) >> 3
    bits[byte] = (bits[byte] ?? 0) | (1 << ((line - 1) & 7))
  }
  return bits
}

export const isMember = (bits: Uint8Array, line: number): boolean =>
  (((bits[(line - 1) >> 3] ?? 0) >> ((line - 1) & 7)) & 1) === 1

/** Line numbers, ascending. */
export function linesOfMembers(bits: Uint8Array): number[] {
  const lines: number[] = []
  for (let line = 1; line <= bits.length * 8; line++) if (isMember(bits, line)) lines.push(line)
  return lines
}
