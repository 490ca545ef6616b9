import { createHash } from 'node:crypto'
import { packLines, type Segment } from '../usage/segments.ts'

/** Uncompressed bytes of a segment, unless one line alone is longer: even what gzip cannot shrink fits an item. */
const segmentBytes = 350_000

/** The lines of one segment, packed. */
export type Packed = Pick<Segment, 'lines' | 'data'>

/**
 * Packs lines into segments as they come. Borders depend on the lines alone, however many come at once. A full segment
 * is given by the `add` of the line that has no more room in it, the last one by `end`.
 */
export function linePacker(): { add(line: Uint8Array): Packed[]; end(): Packed[] } {
  let pending: Uint8Array[] = []
  let bytes = 0
  const pack = (): Packed[] => {
    const lines = pending
    pending = []
    bytes = 0
    return lines.length > 0 ? packLines(lines) : []
  }
  return {
    add(line) {
      const full = bytes + line.byteLength + 1 > segmentBytes ? pack() : []
      pending.push(line)
      bytes += line.byteLength + 1
      return full
    },
    end: pack,
  }
}

/** `hash` is the SHA-256 of the lines, each with a line feed; the compressed bytes may differ between versions of zlib. */
export type PackedLines = { hash: string; lines: number; segments: Packed[] }

/** Packs lines, which hold no line feed, as they come, and tells their hash at the end. */
export function hashedPacker() {
  const hash = createHash('sha256')
  const packer = linePacker()
  const segments: Packed[] = []
  let lines = 0
  return {
    add(text: string): void {
      hash.update(`${text}\n`)
      lines += 1
      segments.push(...packer.add(Buffer.from(text)))
    },
    end(): PackedLines {
      segments.push(...packer.end())
      return { hash: hash.digest('hex'), lines, segments }
    },
  }
}
