import { isUtf8 } from 'node:buffer'
import { type PointedError, UsageEvent, usageLimits } from '../../schemas/usage.ts'
import { pointedErrors } from '../kernel/validate.ts'
import { inexactPlaces, isExact } from './exact-json.ts'
import { plainEvent } from './plain-event.ts'

export type UsageMediaType = 'application/x-ndjson' | 'application/json'

/** A line of a batch: `event` where it is well-formed, `errors` where it is not. */
export type ParsedLine = {
  /** From 1; blank lines have no number. */
  line: number
  /** As received, without the line break; of an over-long line only the beginning. */
  bytes: Uint8Array
  text: string
  event?: UsageEvent
  errors?: PointedError[]
}
export type Verdict = { quantity: number; errors?: undefined } | { quantity: 0; errors: PointedError[] }

/** A line of thousands of wrong fields is answered with the first of them. */
const errorsPerLine = 8
/** An unknown field may be named by a whole line, and an answer of Lambda holds 6 MB. */
const pointerLength = 200

const lenient = new TextDecoder('utf-8', { ignoreBOM: true })
export const notUtf8 = 'not UTF-8'
export const notJson = 'not JSON'

/** Judges one line by itself. What was stored of a line is judged as the line was when it was received. */
export function parseLine(received: Uint8Array, line: number): ParsedLine {
  const kept = received.subarray(0, usageLimits.lineBytes + 1)
  const text = lenient.decode(kept)
  const { errors } = judgeLine(Buffer.from(kept.buffer, kept.byteOffset, kept.byteLength))
  const parsed = { line, bytes: kept, text }
  return errors ? { ...parsed, errors } : { ...parsed, event: UsageEvent.parse(JSON.parse(text)) }
}

/** What a line's bytes count for, or what is wrong with them. `utf8` says that they are known to be that. */
export function judgeLine(bytes: Buffer, start = 0, end = bytes.byteLength, utf8 = false): Verdict {
  if (end - start > usageLimits.lineBytes) return refused(`longer than ${usageLimits.lineBytes} bytes`)
  if (!utf8 && !isUtf8(bytes.subarray(start, end))) return refused(notUtf8)
  const text = bytes.toString('utf8', start, end)
  const value = jsonOf(text)
  if (value === undefined) return refused(notJson)
  const parts = plainEvent(value)
  if (parts !== undefined && isExact(text, parts)) return { quantity: (value as { quantity?: number }).quantity ?? 1 }
  return judgeBySchema(text, value)
}

function judgeBySchema(text: string, value: unknown): Verdict {
  const event = UsageEvent.safeParse(value)
  const errors = event.success ? inexactPlaces(text) : pointedErrors(event.error)
  if (event.success && errors.length === 0) return { quantity: event.data.quantity }
  return { quantity: 0, errors: shortened(errors) }
}

/** What the schema says of a member that is none of its own: a misspelt one explains the others that are missing. */
const unknownField = 'unknown field'

/** One error for each place, unknown fields first: where there is room for one error, it is the one that tells most. */
function shortened(errors: PointedError[]): PointedError[] {
  const unknown = errors.filter(({ detail }) => detail === unknownField)
  const others = errors.filter(({ detail }) => detail !== unknownField)
  const byPointer = new Map<string, PointedError>()
  for (const error of [...unknown, ...others]) {
    if (!byPointer.has(error.pointer)) byPointer.set(error.pointer, error)
    if (byPointer.size === errorsPerLine) break
  }
  return [...byPointer.values()].map(({ pointer, detail }) => ({ pointer: cut(pointer), detail }))
}

/** Cut between two characters: half a surrogate pair has no UTF-8 form. */
const cut = (pointer: string): string => {
  const kept = pointer.slice(0, pointerLength)
  return pointer.length > pointerLength && /[\ud800-\udbff]$/.test(kept) ? kept.slice(0, -1) : kept
}

const refused = (detail: string): Verdict => ({ quantity: 0, errors: [{ pointer: '', detail }] })

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
