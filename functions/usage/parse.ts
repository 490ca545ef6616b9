import { type PointedError, UsageEvent, usageLimits } from '../../schemas/usage.ts'
import { Refusal } from '../kernel/refusal.ts'
import { pointedErrors, pointer } from '../kernel/validate.ts'
import { eventTexts } from './json-events.ts'

export type UsageMediaType = 'application/x-ndjson' | 'application/json'

/** A line of a batch: `event` where it is well-formed, `errors` where it is not. Numbered from 1, blank lines left out. */
export type ParsedLine = {
  line: number
  /** The line as received, without its line break; of an over-long one only the beginning. */
  bytes: Uint8Array
  text: string
  event?: UsageEvent
  errors?: PointedError[]
}

const newline = 0x0a
const carriageReturn = 0x0d
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf])
/** A line of thousands of wrong fields is answered with the first of them. */
const errorsPerLine = 8
/** An unknown field may be named by a whole line, and an answer of Lambda holds 6 MB. */
const pointerLength = 200

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const lenient = new TextDecoder('utf-8', { ignoreBOM: true })

/**
 * @throws Refusal body-too-large, too-many-events, empty-batch; for a JSON body that is no `{"events": []}` also
 * invalid-json and invalid-request
 */
export function parseBatch(body: Uint8Array, mediaType: UsageMediaType): ParsedLine[] {
  if (body.byteLength > usageLimits.bytes)
    throw new Refusal('body-too-large', `a batch has at most ${usageLimits.bytes} bytes; split it`)
  const bytes = withoutMark(body)
  const lines = mediaType === 'application/json' ? jsonLines(bytes) : textLines(bytes)
  if (lines.length === 0) throw new Refusal('empty-batch')
  return lines.map((line, index) => parseLine(line, index + 1))
}

/** Judges one line by itself. What was stored of a line is judged as the line was when it was received. */
export function parseLine(received: Uint8Array, line: number): ParsedLine {
  if (received.byteLength > usageLimits.lineBytes) {
    // One byte more than allowed is kept: enough to show, and still too long when it is read again.
    const bytes = received.subarray(0, usageLimits.lineBytes + 1)
    return refused({ line, bytes, text: lenient.decode(bytes) }, `longer than ${usageLimits.lineBytes} bytes`)
  }
  const text = decoded(received)
  if (text === undefined) return refused({ line, bytes: received, text: lenient.decode(received) }, 'not UTF-8')
  const parsed = { line, bytes: received, text }
  const value = jsonOf(text)
  if (value === undefined) return refused(parsed, 'not JSON')
  const event = UsageEvent.safeParse(value)
  return event.success ? { ...parsed, event: event.data } : { ...parsed, errors: shortened(pointedErrors(event.error)) }
}

const shortened = (errors: PointedError[]): PointedError[] =>
  errors.slice(0, errorsPerLine).map(({ pointer, detail }) => ({ pointer: pointer.slice(0, pointerLength), detail }))

const refused = (line: Omit<ParsedLine, 'errors'>, detail: string): ParsedLine => ({
  ...line,
  errors: [{ pointer: '', detail }],
})

const withoutMark = (body: Uint8Array): Uint8Array =>
  byteOrderMark.equals(body.subarray(0, 3)) ? body.subarray(3) : body

function textLines(body: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = []
  for (let start = 0; start < body.byteLength; ) {
    const found = body.indexOf(newline, start)
    const end = found < 0 ? body.byteLength : found
    const line = body.subarray(start, body[end - 1] === carriageReturn && end > start ? end - 1 : end)
    if (!isBlank(line)) lines.push(line)
    checkCount(lines.length)
    start = end + 1
  }
  return lines
}

const isBlank = (line: Uint8Array): boolean => line.every(byte => byte === 0x20 || byte === 0x09 || byte === 0x0d)

function jsonLines(body: Uint8Array): Uint8Array[] {
  const text = decoded(body)
  const value = text === undefined ? undefined : jsonOf(text)
  if (text === undefined || value === undefined) throw new Refusal('invalid-json')
  if (typeof value !== 'object' || value === null || !('events' in value) || !Array.isArray(value.events))
    throw new Refusal('invalid-request', undefined, {
      errors: [{ pointer: '/events', detail: 'the body is {"events": [ … ]}' }],
    })
  const unknown = Object.keys(value).filter(key => key !== 'events')
  if (unknown.length > 0)
    throw new Refusal('invalid-request', undefined, {
      errors: unknown.slice(0, errorsPerLine).map(key => ({ pointer: pointer([key]), detail: 'unknown field' })),
    })
  checkCount(value.events.length)
  return eventTexts(text).map(event => Buffer.from(event))
}

function checkCount(lines: number): void {
  if (lines > usageLimits.lines)
    throw new Refusal('too-many-events', `a batch has at most ${usageLimits.lines} lines; split it`)
}

function decoded(bytes: Uint8Array): string | undefined {
  try {
    return strict.decode(bytes)
  } catch {
    return undefined
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
