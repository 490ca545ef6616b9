import { brotliDecompressSync } from 'node:zlib'

/**
 * WOFF 2.0 (W3C Recommendation) to TrueType. Web fonts are all that npm carries of Chinese, and the browser takes
 * them from pages only: for a system font, which is what the portal asks for, it wants the plain file.
 */
export function trueTypeOf(woff2: Buffer): Buffer {
  const entries = directoryOf(woff2)
  const data = brotliDecompressSync(woff2.subarray(entries.dataAt, entries.dataAt + entries.dataLength))
  const tables = new Map<string, Buffer>()
  let at = 0
  for (const { tag, length, transformed, transformLength } of entries.tables) {
    const stored = transformed ? transformLength : length
    tables.set(tag, data.subarray(at, at + stored))
    at += stored
  }
  if (entries.tables.some(({ tag, transformed }) => tag === 'glyf' && transformed)) {
    const { glyf, loca, leftmost } = glyphsOf(tables.get('glyf') ?? Buffer.alloc(0))
    tables.set('glyf', glyf).set('loca', loca)
    const head = Buffer.from(tables.get('head') ?? Buffer.alloc(54))
    head.writeInt16BE(1, 50) // indexToLocFormat: long offsets
    tables.set('head', head)
    if (entries.tables.some(({ tag, transformed }) => tag === 'hmtx' && transformed))
      tables.set('hmtx', metricsOf(tables.get('hmtx'), tables.get('hhea'), leftmost))
  }
  return sfntOf(entries.flavour, tables)
}

/** Section 5.2: a table's tag is an index into this list. */
const knownTags = (
  'cmap head hhea hmtx maxp name OS/2 post cvt  fpgm glyf loca prep CFF  VORG EBDT EBLC gasp hdmx kern LTSH PCLT VDMX ' +
  'vhea vmtx BASE GDEF GPOS GSUB EBSC JSTF MATH CBDT CBLC COLR CPAL SVG  sbix acnt avar bdat bloc bsln cvar fdsc feat ' +
  'fmtx fvar gvar hsty just lcar mort morx opbd prop trak Zapf Silf Glat Gloc Feat Sill'
).match(/.{4}(?: |$)/g)

function directoryOf(file: Buffer) {
  if (file.toString('latin1', 0, 4) !== 'wOF2') throw new Error('not a WOFF 2.0 font')
  const count = file.readUInt16BE(12)
  const reader = readerOf(file, 48)
  const tables = Array.from({ length: count }, () => {
    const flags = reader.u8()
    const index = flags & 0x3f
    const tag = index === 0x3f ? reader.take(4).toString('latin1') : (knownTags?.[index]?.slice(0, 4) ?? '')
    const version = flags >> 6
    const transformed = tag === 'glyf' || tag === 'loca' ? version === 0 : version !== 0
    const length = reader.base128()
    return { tag, length, transformed, transformLength: transformed ? reader.base128() : length }
  })
  return { flavour: file.readUInt32BE(4), tables, dataAt: reader.at(), dataLength: file.readUInt32BE(20) }
}

/** Section 5.1: the outlines, which lie apart in seven streams. */
function glyphsOf(data: Buffer): { glyf: Buffer; loca: Buffer; leftmost: number[] } {
  const options = data.readUInt16BE(2)
  const count = data.readUInt16BE(4)
  let start = 36
  const streams = Array.from({ length: 7 }, (_, index) => {
    const length = data.readUInt32BE(8 + index * 4)
    start += length
    return readerOf(data.subarray(start - length, start), 0)
  })
  const [contours, points, flags, outlines, composites, boxes, instructions] = streams as [...Stream7]
  const boxed = boxes.take(4 * Math.ceil(count / 32))
  const overlaps = options & 1 ? data.subarray(start) : Buffer.alloc(Math.ceil(count / 8))
  const has = (bits: Buffer, glyph: number) => ((bits[glyph >> 3] ?? 0) & (0x80 >> (glyph & 7))) !== 0
  const source = { points, flags, outlines, composites, instructions }

  const loca = Buffer.alloc((count + 1) * 4)
  const leftmost: number[] = []
  const parts: Buffer[] = []
  let end = 0
  for (let glyph = 0; glyph < count; glyph += 1) {
    const ends = contours.i16()
    const box = has(boxed, glyph) ? boxes.take(8) : undefined
    const part = ends === 0 ? Buffer.alloc(0) : ends < 0 ? compositeOf(source, box) : simpleOf(source, ends, box)
    if (ends > 0 && has(overlaps, glyph)) markOverlap(part, ends)
    leftmost.push(ends === 0 ? 0 : part.readInt16BE(2))
    parts.push(part, Buffer.alloc(-part.length & 3))
    end += part.length + (-part.length & 3)
    loca.writeUInt32BE(end, (glyph + 1) * 4)
  }
  return { glyf: Buffer.concat(parts), loca, leftmost }
}

/** Flag OVERLAP_SIMPLE on the first point. */
function markOverlap(glyph: Buffer, contours: number): void {
  const lengthAt = 10 + contours * 2
  const at = lengthAt + 2 + glyph.readUInt16BE(lengthAt)
  glyph[at] = (glyph[at] ?? 0) | 0x40
}

type Stream = ReturnType<typeof readerOf>
type Stream7 = [Stream, Stream, Stream, Stream, Stream, Stream, Stream]
type Source = Record<'points' | 'flags' | 'outlines' | 'composites' | 'instructions', Stream>

function simpleOf({ points, flags, outlines, instructions }: Source, contours: number, box: Buffer | undefined) {
  const header = Buffer.alloc(10 + contours * 2)
  header.writeInt16BE(contours, 0)
  let total = 0
  for (let contour = 0; contour < contours; contour += 1) {
    total += points.u16of255()
    header.writeUInt16BE(total - 1, 10 + contour * 2)
  }
  // Each step as two bytes a coordinate: larger than need be, and always allowed.
  const marks = Buffer.alloc(total)
  const steps = [Buffer.alloc(total * 2), Buffer.alloc(total * 2)] as const
  let [x, y] = [0, 0]
  const seen = { left: Infinity, bottom: Infinity, right: -Infinity, top: -Infinity }
  for (let point = 0; point < total; point += 1) {
    const flag = flags.u8()
    marks[point] = flag & 0x80 ? 0 : 1
    const [dx, dy] = stepOf(flag & 0x7f, outlines)
    steps[0].writeInt16BE(dx, point * 2)
    steps[1].writeInt16BE(dy, point * 2)
    x += dx
    y += dy
    seen.left = Math.min(seen.left, x)
    seen.right = Math.max(seen.right, x)
    seen.bottom = Math.min(seen.bottom, y)
    seen.top = Math.max(seen.top, y)
  }
  if (box) box.copy(header, 2)
  else [seen.left, seen.bottom, seen.right, seen.top].map((side, at) => header.writeInt16BE(side, 2 + at * 2))
  const code = instructions.take(outlines.u16of255())
  const codeLength = Buffer.alloc(2)
  codeLength.writeUInt16BE(code.length)
  return Buffer.concat([header, codeLength, code, marks, ...steps])
}

/** Section 5.2, table "triplet encoding": one step from point to point in one to four bytes. */
function stepOf(flag: number, bytes: Stream): [number, number] {
  const signed = (bit: number, size: number) => (flag & bit ? size : -size)
  if (flag < 10) return [0, signed(1, ((flag & 14) << 7) + bytes.u8())]
  if (flag < 20) return [signed(1, (((flag - 10) & 14) << 7) + bytes.u8()), 0]
  if (flag < 84) {
    const [b, one] = [flag - 20, bytes.u8()]
    return [signed(1, 1 + (b & 0x30) + (one >> 4)), signed(2, 1 + ((b & 0x0c) << 2) + (one & 15))]
  }
  if (flag < 120) {
    const b = flag - 84
    return [signed(1, 1 + (Math.floor(b / 12) << 8) + bytes.u8()), signed(2, 1 + (((b % 12) >> 2) << 8) + bytes.u8())]
  }
  const [one, two, three] = [bytes.u8(), bytes.u8(), bytes.u8()]
  if (flag < 124) return [signed(1, (one << 4) + (two >> 4)), signed(2, ((two & 15) << 8) + three)]
  return [signed(1, (one << 8) + two), signed(2, (three << 8) + bytes.u8())]
}

function compositeOf({ composites, outlines, instructions }: Source, box: Buffer | undefined): Buffer {
  const header = Buffer.alloc(10)
  header.writeInt16BE(-1, 0)
  box?.copy(header, 2)
  const parts: Buffer[] = [header]
  let [more, programmed] = [true, false]
  while (more) {
    const flags = composites.take(2)
    const bits = flags.readUInt16BE(0)
    const scale = bits & 0x08 ? 2 : bits & 0x40 ? 4 : bits & 0x80 ? 8 : 0
    parts.push(flags, composites.take(2 + (bits & 0x01 ? 4 : 2) + scale))
    more = (bits & 0x20) !== 0
    programmed ||= (bits & 0x100) !== 0
  }
  if (programmed) {
    const code = instructions.take(outlines.u16of255())
    const length = Buffer.alloc(2)
    length.writeUInt16BE(code.length)
    parts.push(length, code)
  }
  return Buffer.concat(parts)
}

/** Section 5.4: side bearings that equal the glyph's left edge are left out. */
function metricsOf(data: Buffer = Buffer.alloc(1), hhea: Buffer = Buffer.alloc(36), leftmost: number[] = []): Buffer {
  const proportional = hhea.readUInt16BE(34)
  const reader = readerOf(data, 0)
  const flags = reader.u8()
  const widths = Array.from({ length: proportional }, () => reader.take(2))
  const out = Buffer.alloc(proportional * 4 + (leftmost.length - proportional) * 2)
  leftmost.forEach((left, glyph) => {
    const own = glyph < proportional
    const at = own ? glyph * 4 + 2 : proportional * 2 + glyph * 2
    if (own) widths[glyph]?.copy(out, glyph * 4)
    out.writeInt16BE(flags & (own ? 1 : 2) ? left : reader.i16(), at)
  })
  return out
}

function sfntOf(flavour: number, tables: Map<string, Buffer>): Buffer {
  const sorted = [...tables].sort(([a], [b]) => (a < b ? -1 : 1))
  const power = Math.floor(Math.log2(sorted.length))
  const head = Buffer.alloc(12 + sorted.length * 16)
  head.writeUInt32BE(flavour, 0)
  head.writeUInt16BE(sorted.length, 4)
  head.writeUInt16BE(2 ** power * 16, 6)
  head.writeUInt16BE(power, 8)
  head.writeUInt16BE(sorted.length * 16 - 2 ** power * 16, 10)
  const parts: Buffer[] = [head]
  let at = head.length
  sorted.forEach(([tag, table], index) => {
    const entry = 12 + index * 16
    head.write(tag, entry, 'latin1')
    head.writeUInt32BE(at, entry + 8)
    head.writeUInt32BE(table.length, entry + 12)
    parts.push(table, Buffer.alloc(-table.length & 3))
    at += table.length + (-table.length & 3)
  })
  return Buffer.concat(parts)
}

function readerOf(data: Buffer, start: number) {
  let at = start
  const take = (length: number) => {
    if (at + length > data.length) throw new Error('the font ends too early')
    at += length
    return data.subarray(at - length, at)
  }
  const u8 = () => take(1).readUInt8()
  return {
    take,
    u8,
    at: () => at,
    i16: () => take(2).readInt16BE(),
    /** Section 4.1. */
    base128(): number {
      let value = 0
      for (let index = 0; index < 5; index += 1) {
        const byte = u8()
        value = value * 128 + (byte & 0x7f)
        if ((byte & 0x80) === 0) return value
      }
      throw new Error('a number of the font is too long')
    },
    /** Section 5.1, 255UInt16. */
    u16of255(): number {
      const code = u8()
      if (code === 253) return take(2).readUInt16BE()
      if (code === 255) return 253 + u8()
      return code === 254 ? 506 + u8() : code
    },
  }
}
