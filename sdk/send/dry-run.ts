import { readUsageEvent, UsageEventInvalid } from '../reporter-event.ts'
import { type FoundLine, foundIn, TOLD_LINES } from './malformed.ts'
import { eachText, jsonOf } from './part-batch.ts'
import type { UsageSource } from './source.ts'
import { type FilePart, type SplitLimits, splitFile } from './split.ts'
import { faultText, printable } from './summary.ts'

/** What a file would be when it was sent. */
export interface DryRun {
  readonly file: string
  readonly lines: number
  readonly batches: number
  /** Before compression. */
  readonly bytes: number
  readonly notJson: number
  /** JSON, but no event by the kit's own rules. */
  readonly notEvents: number
  /** Longer than a batch. */
  readonly skipped: number
  readonly first: readonly FoundLine[]
}

/** Reads a file as `send` would and sends nothing. @throws as reading the source does */
export async function dryRun(
  source: UsageSource,
  limits: SplitLimits,
  isStopped: () => boolean = () => false,
): Promise<DryRun> {
  let counted = { lines: 0, batches: 0, bytes: 0, notJson: 0, notEvents: 0, skipped: 0 }
  const first: FoundLine[] = []
  for await (const part of splitFile(source.chunks(), limits)) {
    if (isStopped()) throw new Error('stopped')
    const { notJson, notEvents, malformed } = judgePart(part)
    counted = {
      lines: counted.lines + part.lines.length,
      batches: counted.batches + (part.lines.length > 0 ? 1 : 0),
      bytes: counted.bytes + part.bytes.length,
      notJson: counted.notJson + notJson,
      notEvents: counted.notEvents + notEvents,
      skipped: counted.skipped + part.skipped.length,
    }
    if (first.length < TOLD_LINES) first.push(...foundIn(part, malformed).slice(0, TOLD_LINES - first.length))
  }
  return { file: source.label, ...counted, first }
}

function judgePart(part: FilePart) {
  let [notJson, notEvents] = [0, 0]
  const malformed = eachText(part).flatMap((text, index) => {
    const value = text === undefined ? undefined : jsonOf(text)
    const fault = value === undefined ? { pointer: '', detail: 'not JSON in UTF-8, or too long' } : faultOf(value)
    if (fault === undefined) return []
    if (value === undefined) notJson += 1
    else notEvents += 1
    return [{ line: index + 1, errors: [fault] }]
  })
  return { notJson, notEvents, malformed }
}

function faultOf(value: unknown): { pointer: string; detail: string } | undefined {
  try {
    readUsageEvent(value)
    return undefined
  } catch (error) {
    if (!(error instanceof UsageEventInvalid)) throw error
    return { pointer: error.field, detail: error.message.replace(/^usage event [^:]*: |^usage event: /, '') }
  }
}

export function dryRunText({ file, lines, batches, bytes, notJson, notEvents, skipped, first }: DryRun): string {
  const rows = [
    ['lines', lines],
    ['batches', batches],
    ['bytes', bytes],
    ['not JSON', notJson],
    ['not events', notEvents],
    ['too long', skipped],
  ] as const
  const table = rows.map(([name, value]) => `  ${name.padEnd(10)}  ${value.toLocaleString('en')}`)
  const found = first.map(({ line, errors }) => `  line ${line}: ${printable(faultText(errors))}`)
  return `${[`${printable(file)}: nothing was sent`, ...table, ...found].join('\n')}\n`
}
