import { gunzipSync, gzipSync } from 'node:zlib'

/** Lines packed into one item. */
export type Segment = { firstLine: number; lines: number; data: Uint8Array<ArrayBuffer> }

/**
 * Uncompressed bytes of a segment, unless one line alone is longer. Even what gzip cannot shrink stays under the 400 KB
 * item limit, and the borders do not depend on the compressor, whose output differs between versions of zlib.
 */
const segmentBytes = 360_000
const inflatedLimit = 4_000_000
const newline = 0x0a

/** Packs lines, which hold no line break, into gzip-compressed NDJSON segments in their order. */
export function packLines(lines: readonly Uint8Array[]): Segment[] {
  const segments: Segment[] = []
  let first = 0
  let bytes = 0
  lines.forEach((line, index) => {
    if (index > first && bytes + line.byteLength + 1 > segmentBytes) {
      segments.push(segmentOf(lines, first, index))
      first = index
      bytes = 0
    }
    bytes += line.byteLength + 1
  })
  if (lines.length > first) segments.push(segmentOf(lines, first, lines.length))
  return segments
}

function segmentOf(lines: readonly Uint8Array[], from: number, until: number): Segment {
  const parts = lines.slice(from, until).flatMap(line => [line, Uint8Array.of(newline)])
  return { firstLine: from + 1, lines: until - from, data: gzipSync(Buffer.concat(parts), { level: 6 }) }
}

/** The lines of a segment, byte for byte. */
export function unpackLines(data: Uint8Array): Uint8Array[] {
  const bytes = gunzipSync(data, { maxOutputLength: inflatedLimit })
  const lines: Uint8Array[] = []
  for (let start = 0; start < bytes.byteLength; ) {
    const end = bytes.indexOf(newline, start)
    if (end < 0) throw new Error('a segment ends inside a line')
    lines.push(bytes.subarray(start, end))
    start = end + 1
  }
  return lines
}
