import { promisify } from 'node:util'
import { gunzipSync, gzip, gzipSync } from 'node:zlib'

/** Lines packed into one item. */
export type Segment = { firstLine: number; lines: number; data: Uint8Array<ArrayBuffer> }
/** A segment with the numbers of its malformed lines. */
export type JudgedSegment = Segment & { malformed: number[] }

/**
 * Uncompressed bytes of a segment, unless one line alone is longer. Even what gzip cannot shrink stays under the 400 KB
 * item limit, and the borders do not depend on the compressor, whose output differs between versions of zlib.
 */
const segmentBytes = 360_000
const inflatedLimit = 4_000_000
const newline = 0x0a
/** Levels above shrink what is mostly random ids by another percent, for twice the time. */
const level = 5
/** Segments that are compressed while the next one fills; whoever is faster than the compressor waits. */
const atOnce = 2
const compressed = promisify<Buffer, { level: number }, Buffer<ArrayBuffer>>(gzip)

/** Packs lines as they come into segments, which are compressed beside it. Holds the lines of one segment. */
export function segmentPacker() {
  const done: Promise<JudgedSegment>[] = []
  let open = { bytes: Buffer.allocUnsafe(0), length: 0, lines: 0, malformed: [] as number[] }
  let packed = 0

  function room(needed: number): Buffer {
    const { bytes, length } = open
    if (bytes.byteLength >= length + needed) return bytes
    const larger = Buffer.allocUnsafeSlow(
      Math.min(segmentBytes, Math.max(length + needed, 4 * bytes.byteLength, 32_768)),
    )
    bytes.copy(larger, 0, 0, length)
    open.bytes = larger
    return larger
  }

  function flush(): void {
    const { bytes, length, lines, malformed } = open
    const firstLine = packed + 1
    packed += lines
    open = { bytes: Buffer.allocUnsafe(0), length: 0, lines: 0, malformed: [] }
    const segment = compressed(bytes.subarray(0, length), { level }).then(data => ({
      firstLine,
      lines,
      malformed,
      data,
    }))
    // Its failure is told to who asks for the segments.
    segment.catch(() => undefined)
    done.push(segment)
  }

  return {
    /** A line without its line break, copied. */
    add(bytes: Buffer, start: number, end: number, isMalformed: boolean): void {
      const size = end - start + 1
      if (open.lines > 0 && open.length + size > segmentBytes) flush()
      const target = room(size)
      bytes.copy(target, open.length, start, end)
      target[open.length + size - 1] = newline
      open.length += size
      open.lines += 1
      if (isMalformed) open.malformed.push(packed + open.lines)
    },
    /** Something to wait for while the compressor is behind. */
    behind: (): Promise<unknown> | undefined => done.at(-1 - atOnce),
    async end(): Promise<JudgedSegment[]> {
      if (open.lines > 0) flush()
      return Promise.all(done)
    },
  }
}

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
