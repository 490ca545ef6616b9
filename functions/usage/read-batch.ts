import { createHash } from 'node:crypto'
import { type MalformedLine, usageLimits } from '../../schemas/usage.ts'
import { Refusal } from '../kernel/refusal.ts'
import { type ByteStream, type ContentCoding, piecesOf, readBody } from './body.ts'
import { type ControlTotals, checkControlTotals, statedDigests } from './control-totals.ts'
import { jsonEvents } from './json-events.ts'
import { judgeLine, notJson, notUtf8, type UsageMediaType } from './parse.ts'
import { type JudgedSegment, segmentPacker } from './segments.ts'
import { type LineSink, type Splitter, textLines } from './text-lines.ts'

/** A body as it was sent. */
export type SentBatch = ControlTotals & {
  body: Uint8Array | ByteStream
  mediaType: UsageMediaType
  /** How `body` is coded; not at all by default. */
  coding?: ContentCoding
}

/** A batch that was read to its end and is what its sender says that it is; nothing of it is stored yet. */
export type ReadBatch = {
  mediaType: UsageMediaType
  /** SHA-256 of the decoded body: the same lines under another coding are the same batch. */
  digest: string
  lines: number
  quantity: number
  malformed: MalformedLine[]
  segments: JudgedSegment[]
}

/** Where nearly nothing is right, the first error of a line tells enough, and the answer stays under Lambda's 6 MB. */
const fullyTold = 1_000

/**
 * Reads a batch as it arrives: each line is judged and packed, and of the lines themselves only a segment's worth is held.
 * @throws Refusal as `readBody`, `jsonEvents` and `checkControlTotals` do; too-many-events, empty-batch
 */
export async function readBatch(request: SentBatch): Promise<ReadBatch> {
  const { body, mediaType, coding = 'identity' } = request
  const stated = statedDigests(request.contentDigest)
  const decoded = createHash('sha256')
  const packer = segmentPacker()
  const facts = { lines: 0, quantity: 0, malformed: [] as MalformedLine[] }
  const line = lineJudge(mediaType, facts, packer.add)
  const splitter: Splitter = mediaType === 'application/json' ? jsonEvents(line) : textLines(line)
  await readBody(body instanceof Uint8Array ? piecesOf(body) : body, coding, {
    sent: stated.update,
    take(piece) {
      decoded.update(piece)
      splitter.take(piece)
      return packer.behind()
    },
  })
  splitter.end()
  if (facts.lines === 0) throw new Refusal('empty-batch')
  stated.check()
  checkControlTotals(request, facts)
  return { mediaType, digest: decoded.digest('hex'), ...facts, segments: await packer.end() }
}

type Facts = Pick<ReadBatch, 'lines' | 'quantity' | 'malformed'>
type Pack = (bytes: Buffer, start: number, end: number, isMalformed: boolean) => void

function lineJudge(mediaType: UsageMediaType, facts: Facts, pack: Pack): LineSink {
  return (bytes, start, end, { utf8 }) => {
    facts.lines += 1
    if (facts.lines > usageLimits.lines)
      throw new Refusal('too-many-events', `a batch has at most ${usageLimits.lines} lines; split it`)
    const { quantity, errors } = judgeLine(bytes, start, end, utf8)
    facts.quantity += quantity
    if (errors) {
      if (mediaType === 'application/json') requireJson(errors, facts.lines)
      remember(facts.malformed, { line: facts.lines, errors })
    }
    pack(bytes, start, end, errors !== undefined)
  }
}

/** A body that is no JSON is refused as a whole: who sent it has no idea of lines. */
function requireJson(errors: MalformedLine['errors'], line: number): void {
  const [{ pointer, detail } = { pointer: '-', detail: '' }] = errors
  if (pointer === '' && (detail === notJson || detail === notUtf8))
    throw new Refusal('invalid-json', undefined, { errors: [{ pointer: `/events/${line - 1}`, detail }] })
}

function remember(malformed: MalformedLine[], { line, errors }: MalformedLine): void {
  malformed.push({ line, errors: malformed.length < fullyTold ? errors : errors.slice(0, 1) })
  if (malformed.length !== fullyTold + 1) return
  for (const [index, told] of malformed.entries()) malformed[index] = { ...told, errors: told.errors.slice(0, 1) }
}
