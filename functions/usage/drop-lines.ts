import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import type { DropLimits, DroppedBatch } from '../../schemas/drop.ts'
import { usageLimits } from '../../schemas/usage.ts'

/** A file that is not taken, whoever sends it how often. */
export class DropRefused extends Error {
  readonly code: string
  /** What was stored before the fault was met, and stays. */
  readonly batches: DroppedBatch[]

  constructor(code: string, detail: string, batches: DroppedBatch[] = []) {
    super(detail)
    this.name = 'DropRefused'
    this.code = code
    this.batches = batches
  }
}

type Bytes = AsyncIterable<Uint8Array>
type Limits = Pick<DropLimits, 'bytes' | 'inflation' | 'inflatedFreely'>

/**
 * The bytes of an object as they were before gzip. Errors of `source` itself come through as they are.
 * @throws DropRefused when it is no whole gzip file, or grows beyond the limits
 */
export async function* inflated(source: Bytes, limits: Limits): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip()
  let received = 0
  async function* counted() {
    for await (const part of source) {
      received += part.byteLength
      yield part
    }
  }
  // Whatever goes wrong ends the stream that is read below, which throws it.
  const fed = pipeline(counted(), gunzip).catch(() => undefined)
  let bytes = 0
  try {
    for await (const part of gunzip as AsyncIterable<Uint8Array>) {
      bytes += part.byteLength
      if (bytes > limits.bytes) throw tooLarge(limits)
      if (bytes > limits.inflatedFreely && bytes > limits.inflation * gunzip.bytesWritten)
        throw new DropRefused('inflates-too-much', `it inflates more than ${limits.inflation} times`)
      yield part
    }
    // gunzip passes over what follows a zero byte after the end, which could be lines.
    if (gunzip.bytesWritten !== received) throw new DropRefused('broken-gzip', 'bytes follow the end of the gzip data')
  } catch (error) {
    if (isOfZlib(error)) throw new DropRefused('broken-gzip', `it is no whole gzip file: ${error.message}`)
    throw error
  } finally {
    gunzip.destroy()
    await fed
  }
}

const isOfZlib = (error: unknown): error is Error =>
  error instanceof Error && 'code' in error && String(error.code).startsWith('Z_')

export const tooLarge = ({ bytes }: Pick<DropLimits, 'bytes'>): DropRefused =>
  new DropRefused('body-too-large', `a file has at most ${bytes} bytes, uncompressed too; split it`)

/** Leaves out the first `count` bytes. */
export async function* after(source: Bytes, count: number): AsyncGenerator<Uint8Array> {
  let left = count
  for await (const part of source) {
    if (left < part.byteLength) yield left > 0 ? part.subarray(left) : part
    left = Math.max(0, left - part.byteLength)
  }
}

/** How much of a file is done with: bytes and lines, blank ones included. */
export type Place = { bytes: number; lines: number }
/** A line of the file without its line break; `bytes` is missing for a blank one. */
type FileLine = { number: number; bytes?: Uint8Array; end: number }

const newline = 0x0a
const carriageReturn = 0x0d
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf])
const isInk = (byte: number): boolean => byte !== 0x20 && byte !== 0x09 && byte !== carriageReturn
const startsWithMark = (bytes: Uint8Array | undefined): boolean =>
  bytes !== undefined && byteOrderMark.equals(bytes.subarray(0, 3))

/** What is kept of an over-long line: one byte more than allowed, by which it is known for one when it is judged. */
const keptBytes = usageLimits.lineBytes + 1

/** The lines of a file that is read from `from` on, those of one part at a time; memory does not depend on any length. */
async function* linesOf(source: Bytes, from: Place): AsyncGenerator<FileLine[]> {
  let { bytes: position, lines: number } = from
  let line = emptyLine()
  const finished = (breakBytes: number): FileLine => {
    position += line.length + breakBytes
    number += 1
    let bytes = contentOf(line)
    if (number === 1 && startsWithMark(bytes)) bytes = bytes.subarray(3)
    line = emptyLine()
    return bytes.some(isInk) ? { number, bytes, end: position } : { number, end: position }
  }
  for await (const part of source) {
    const lines: FileLine[] = []
    let start = 0
    for (let end = part.indexOf(newline); end >= 0; end = part.indexOf(newline, start)) {
      extend(line, part.subarray(start, end))
      lines.push(finished(1))
      start = end + 1
    }
    extend(line, part.subarray(start))
    yield lines
  }
  if (line.length > 0) yield [finished(0)]
}

type GrowingLine = { pieces: Uint8Array[]; kept: number; length: number; last: number; ink: number | undefined }
const emptyLine = (): GrowingLine => ({ pieces: [], kept: 0, length: 0, last: 0, ink: undefined })

function extend(line: GrowingLine, piece: Uint8Array): void {
  if (piece.byteLength === 0) return
  // Room for a carriage return more, which does not count.
  const kept = piece.subarray(0, Math.max(0, keptBytes + 1 - line.kept))
  if (kept.byteLength > 0) line.pieces.push(kept)
  if (kept.byteLength < piece.byteLength) line.ink ??= piece.find(isInk)
  line.kept += kept.byteLength
  line.length += piece.byteLength
  line.last = piece[piece.byteLength - 1] ?? 0
}

function contentOf({ pieces, length, last, ink }: GrowingLine): Uint8Array {
  const [only = new Uint8Array()] = pieces
  const whole = pieces.length > 1 ? Buffer.concat(pieces) : only
  const content = last === carriageReturn ? length - 1 : length
  if (content <= usageLimits.lineBytes) return whole.subarray(0, content)
  const bytes = whole.subarray(0, keptBytes)
  // A line that begins with 64 KB of blanks and goes on is no blank line, and must not look like one.
  return bytes.some(isInk) || ink === undefined ? bytes : Buffer.concat([Uint8Array.of(ink), bytes.subarray(1)])
}

/** Reads a file to its end before anything of it is stored. @throws DropRefused too-many-lines */
export async function measure(source: Bytes, { lines: most }: Pick<DropLimits, 'lines'>) {
  const found = { bytes: 0, lines: 0, blankLines: 0 }
  for await (const lines of linesOf(source, { bytes: 0, lines: 0 })) {
    for (const { bytes, number, end } of lines) {
      found.bytes = end
      found.lines = number
      if (!bytes) found.blankLines += 1
    }
    if (found.lines > most) throw new DropRefused('too-many-lines', `a file has at most ${most} lines; split it`)
  }
  return found
}

/** What becomes one batch: its body, the numbers of its lines in the file, and where the next one begins. */
export type Slice = { body: Uint8Array; numbers: number[]; end: Place }

/**
 * Cuts a file into bodies of batches. The cuts depend on the lines alone, so that a file that is read again, from the
 * beginning or from the end of any slice, gives the same batches.
 */
export async function* slicesOf(
  source: Bytes,
  from: Place,
  { batchLines, batchBytes }: Pick<DropLimits, 'batchLines' | 'batchBytes'>,
): AsyncGenerator<Slice> {
  let held: Uint8Array[] = []
  let numbers: number[] = []
  let size = 0
  let end = from
  const cut = (): Slice => {
    const slice = { body: bodyOf(held), numbers, end }
    held = []
    numbers = []
    size = 0
    return slice
  }
  for await (const lines of linesOf(source, from)) {
    for (const { bytes, number, end: reached } of lines) {
      if (bytes) {
        if (held.length === batchLines || (held.length > 0 && size + bytes.byteLength + 1 > batchBytes)) yield cut()
        held.push(bytes)
        numbers.push(number)
        size += bytes.byteLength + 1
      }
      end = { bytes: reached, lines: number }
    }
  }
  if (held.length > 0) yield cut()
}

/** A mark that begins a later line belongs to it: behind a blank line it is not taken for that of the batch. */
function bodyOf(lines: Uint8Array[]): Uint8Array {
  const broken = Uint8Array.of(newline)
  const parts = lines.flatMap(line => [line, broken])
  return Buffer.concat(startsWithMark(lines[0]) ? [broken, ...parts] : parts)
}
