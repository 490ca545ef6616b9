import { FinalsChunk, HistoryChunk } from '../../schemas/disposition.ts'
import type { Period } from '../../schemas/primitives.ts'
import { passOverConflict, put, recordType, type Table, type Write } from '../kernel/table.ts'

const finals = recordType('final-dispositions', FinalsChunk)
const history = recordType('entitlement-history', HistoryChunk)

const closeOf = (programme: string, period: string) => `CLOSE#${programme}#${period}`
const numbered = (index: number) => String(index).padStart(6, '0')

/** A chunk that is there already holds the same: its key tells what it was computed from. */
const createOnce = (table: Table, write: Write): Promise<void> => table.write(write).catch(passOverConflict)

export type Close = { programme: string; period: Period; identity: string }

const finalsPrefix = ({ identity }: Close, partner: string) => `FINAL#${identity}#${partner}#`
const sequenceKey = (sequence: number) => String(sequence).padStart(12, '0')

export const storeFinalsChunk = (table: Table, chunk: FinalsChunk): Promise<void> =>
  createOnce(
    table,
    put(
      finals,
      {
        pk: closeOf(chunk.programme, chunk.period),
        sk: `${finalsPrefix(chunk, chunk.partner)}${sequenceKey(chunk.sequence)}#${numbered(chunk.line)}`,
      },
      chunk,
      { when: 'absent' },
    ),
  )

/** All chunks of a close, in the order of (partner, sequence, line). */
export const finalsChunks = (table: Table, { programme, period, identity }: Close): AsyncGenerator<FinalsChunk> =>
  table.each(finals, { partition: closeOf(programme, period), startsWith: `FINAL#${identity}#` })

/** Chunks of a partner that may hold lines of these sequences, both included, in the order of (sequence, line). */
export async function* finalsChunksBetween(
  table: Table,
  { partner, from, upTo, ...close }: Close & { partner: string; from: number; upTo: number },
): AsyncGenerator<FinalsChunk> {
  const partition = closeOf(close.programme, close.period)
  const prefix = finalsPrefix(close, partner)
  const start = `${prefix}${sequenceKey(from)}`
  // The last chunk that begins before the range may reach into it.
  const before = { partition, from: prefix, to: start, descending: true, limit: 1 }
  const [first] = from > 1 ? (await table.query(finals, before)).items : []
  if (first && first.lastSequence >= from) yield first
  yield* table.each(finals, { partition, from: start, to: `${prefix}${sequenceKey(upTo)}~` })
}

export const storeHistoryChunk = (table: Table, chunk: HistoryChunk): Promise<void> =>
  createOnce(
    table,
    put(
      history,
      { pk: closeOf(chunk.programme, chunk.period), sk: `HISTORY#${chunk.hash}#${numbered(chunk.index)}` },
      chunk,
      { when: 'absent' },
    ),
  )

export const historyChunks = (
  table: Table,
  { programme, period, hash }: { programme: string; period: string; hash: string },
) => table.each(history, { partition: closeOf(programme, period), startsWith: `HISTORY#${hash}#` })
