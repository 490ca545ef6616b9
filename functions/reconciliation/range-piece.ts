import type { LineOutcome } from '../../schemas/disposition.ts'
import type { Period } from '../../schemas/primitives.ts'
import type { UsageEvent } from '../../schemas/usage.ts'
import type { SourceBatch } from './chain-source.ts'
import type { FirstDisposition } from './classify.ts'
import { packPiece, unpackPiece } from './piece.ts'

/** What a line is by itself, as a number of its column. */
export const aloneCodes = [undefined, 'malformed', 'future', 'too-late'] as const
export type Alone = Exclude<FirstDisposition, 'duplicate' | 'conflict'> | undefined

export type BatchFacts = Pick<SourceBatch, 'sequence' | 'receivedAt' | 'oldestOpen'>
/** The batches of a range in their order, and its malformed lines in theirs. */
export type RangeFacts = { batches: BatchFacts[]; malformed: { sequence: number; line: number }[] }

export function packRange({ batches, malformed }: RangeFacts): Uint8Array {
  const opens = new Map<string, number>()
  const rows = batches.map(({ sequence, receivedAt, oldestOpen }) => {
    const text = JSON.stringify(oldestOpen)
    const index = opens.get(text) ?? opens.size
    opens.set(text, index)
    return [sequence, receivedAt, index]
  })
  return packPiece({
    counts: [Uint32Array.from(malformed, ({ sequence }) => sequence), Uint32Array.from(malformed, ({ line }) => line)],
    numbers: [],
    json: `[[${[...opens.keys()].join(',')}],${JSON.stringify(rows)}]`,
  })
}

export function unpackRange(bytes: Uint8Array): RangeFacts {
  const { counts, json } = unpackPiece(bytes)
  const [opens, rows] = JSON.parse(json) as [Record<string, Period>[], [number, BatchFacts['receivedAt'], number][]]
  const [sequences = new Uint32Array(), lines = new Uint32Array()] = counts
  return {
    batches: rows.map(([sequence, receivedAt, open]) => ({ sequence, receivedAt, oldestOpen: opens[open] ?? {} })),
    malformed: Array.from(sequences, (sequence, at) => ({ sequence, line: lines[at] ?? 0 })),
  }
}

/** An event as it was received: what the schema would fill in is absent. */
export type ReceivedEvent = Omit<UsageEvent, 'type' | 'quantity'> & Partial<Pick<UsageEvent, 'type' | 'quantity'>>

/** The lines that a range gives to one shard of entitlements, in their order. */
export function lineColumns() {
  const texts: string[] = []
  const batches: number[] = []
  const lines: number[] = []
  const alone: number[] = []
  const times: number[] = []
  const settled: number[] = []
  const finals: LineOutcome[] = []
  return {
    /** @returns the line's place among them */
    add(line: { text: string; batch: number; line: number; at: number; alone: Alone; final?: LineOutcome }): number {
      if (line.final) {
        settled.push(texts.length)
        finals.push(line.final)
      }
      batches.push(line.batch)
      lines.push(line.line)
      alone.push(aloneCodes.indexOf(line.alone))
      times.push(line.at)
      return texts.push(line.text) - 1
    },
    pack: (): Uint8Array | undefined =>
      texts.length === 0
        ? undefined
        : packPiece({
            counts: [batches, lines, alone, settled].map(column => Uint32Array.from(column)),
            numbers: [Float64Array.from(times)],
            json: `[[${texts.join(',')}],${JSON.stringify(finals)}]`,
          }),
  }
}

export type LineColumns = {
  batches: Uint32Array
  lines: Uint32Array
  alone: Uint32Array
  times: Float64Array
  events: ReceivedEvent[]
  /** By the line's place. */
  finals: Map<number, LineOutcome>
}

export function unpackLineColumns(bytes: Uint8Array): LineColumns {
  const { counts, numbers, json } = unpackPiece(bytes)
  const none = new Uint32Array()
  const [batches = none, lines = none, alone = none, settled = none] = counts
  const [events, finals] = JSON.parse(json) as [ReceivedEvent[], LineOutcome[]]
  const [times = new Float64Array()] = numbers
  return {
    ...{ batches, lines, alone, times, events },
    finals: new Map(finals.map((final, index) => [settled[index] ?? 0, final])),
  }
}
