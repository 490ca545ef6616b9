import { Buffer } from 'node:buffer'
import { isBlankLine } from './line-bytes.ts'
import { createLineCutter } from './line-cutter.ts'

/** Where a batch ends at the latest. The same bytes under the same limits are always the same batches. */
export interface SplitLimits {
  readonly maxEvents: number
  /** Line breaks included. */
  readonly maxBytes: number
}

/** A line of the file that is part of a batch. */
export interface PartLine {
  /** Number in the file, from 1, blank lines counted. */
  readonly line: number
  /** First byte in the part's bytes; the line ends where the next one begins. */
  readonly start: number
}

/** A line that is longer than a batch may be: it is never sent. */
export interface SkippedLine {
  readonly line: number
  readonly bytes: number
}

/** One batch's worth of a file; of the last part `bytes` may be empty. */
export interface FilePart {
  /** From 1. */
  readonly index: number
  /** The lines as they are in the file, without blank ones and without byte order marks before them. */
  readonly bytes: Buffer<ArrayBuffer>
  readonly lines: readonly PartLine[]
  readonly skipped: readonly SkippedLine[]
  /** How far the file is used up with this part, in decoded bytes and in lines. */
  readonly end: { readonly offset: number; readonly line: number }
}

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf])

/** Cuts a file into batches, holding one of them at a time, whatever the chunks in which it comes. */
export async function* splitFile(chunks: AsyncIterable<Uint8Array>, limits: SplitLimits): AsyncGenerator<FilePart> {
  const cutter = createLineCutter(limits.maxBytes)
  const parts = createPartBuilder(limits)
  for await (const chunk of chunks) {
    for (const { bytes, length } of cutter.cut(chunk)) {
      const full = parts.take(bytes, length)
      if (full !== undefined) yield full
    }
  }
  for (const { bytes, length } of cutter.rest()) {
    const full = parts.take(bytes, length)
    if (full !== undefined) yield full
  }
  const last = parts.last()
  if (last !== undefined) yield last
}

/** Files that were joined have one at the beginning of each; the gateway passes over one only where a batch begins. */
function withoutMark(line: Buffer): Buffer {
  let rest = line
  while (BYTE_ORDER_MARK.equals(rest.subarray(0, 3))) rest = rest.subarray(3)
  return rest
}

function createPartBuilder({ maxEvents, maxBytes }: SplitLimits) {
  let index = 0
  let offset = 0
  let line = 0
  let pieces: Buffer[] = []
  let size = 0
  let lines: PartLine[] = []
  let skipped: SkippedLine[] = []

  function close(): FilePart {
    index += 1
    const part = { index, bytes: Buffer.concat(pieces, size), lines, skipped, end: { offset, line } }
    pieces = []
    size = 0
    lines = []
    skipped = []
    return part
  }

  const isFull = (more: number) => lines.length + skipped.length >= maxEvents || size + more > maxBytes

  /** @param bytes absent where the line is longer than any batch */
  function take(bytes: Buffer | undefined, length: number): FilePart | undefined {
    const kept = bytes && withoutMark(bytes)
    const isBlank = kept !== undefined && isBlankLine(kept)
    // A part is closed by the line that has no room any more, so what is blank behind its last line belongs to it.
    const full = !isBlank && isFull(kept?.length ?? 0) ? close() : undefined
    offset += length
    line += 1
    if (kept === undefined) skipped.push({ line, bytes: length })
    else if (!isBlank) {
      lines.push({ line, start: size })
      pieces.push(kept)
      size += kept.length
    }
    return full
  }

  return { take, last: () => (lines.length + skipped.length > 0 ? close() : undefined) }
}
