import { FinalsChunk, HistoryChunk } from '../../schemas/disposition.ts'
import type { Period } from '../../schemas/primitives.ts'
import {
  type AnyItem,
  anyItem,
  itemOf,
  passOverConflict,
  put,
  readAs,
  recordType,
  type Table,
  type Write,
} from '../kernel/table.ts'

const finals = recordType('final-dispositions', FinalsChunk)
const history = recordType('entitlement-history', HistoryChunk)

const closeOf = (programme: string, period: string) => `CLOSE#${programme}#${period}`
const numbered = (index: number) => String(index).padStart(6, '0')

/** A chunk that is there already holds the same: its key tells what it was computed from. */
const createOnce = (table: Table, write: Write): Promise<void> => table.write(write).catch(passOverConflict)

export type Close = { programme: string; period: Period; identity: string }

const finalsPrefix = ({ identity }: Close, partner: string) => `FINAL#${identity}#${partner}#`
const sequenceKey = (sequence: number) => String(sequence).padStart(12, '0')

const finalsWrite = (chunk: FinalsChunk): Write =>
  put(
    finals,
    {
      pk: closeOf(chunk.programme, chunk.period),
      sk: `${finalsPrefix(chunk, chunk.partner)}${sequenceKey(chunk.sequence)}#${numbered(chunk.line)}`,
    },
    chunk,
    { when: 'absent' },
  )

export const storeFinalsChunk = (table: Table, chunk: FinalsChunk): Promise<void> =>
  createOnce(table, finalsWrite(chunk))

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

const historyWrite = (chunk: HistoryChunk): Write =>
  put(
    history,
    { pk: closeOf(chunk.programme, chunk.period), sk: `HISTORY#${chunk.hash}#${numbered(chunk.index)}` },
    chunk,
    { when: 'absent' },
  )

export const storeHistoryChunk = (table: Table, chunk: HistoryChunk): Promise<void> =>
  createOnce(table, historyWrite(chunk))

export const historyChunks = (
  table: Table,
  { programme, period, hash }: { programme: string; period: string; hash: string },
) => table.each(history, { partition: closeOf(programme, period), startsWith: `HISTORY#${hash}#` })

/** What lies of a close, for who verifies it: final dispositions of every identity, frozen history of every hash. */
export const frozenItems = (
  table: Table,
  { programme, period }: { programme: string; period: Period },
  startsWith: 'FINAL#' | 'HISTORY#',
): AsyncGenerator<AnyItem> => table.each(anyItem, { partition: closeOf(programme, period), startsWith })

/** The records of such items, and the whole items that they would be. */
export const frozenRecords = {
  finals: {
    read: (item: AnyItem) => readAs(finals, item),
    item: (chunk: FinalsChunk) => itemOf(finalsWrite(chunk)),
  },
  history: {
    read: (item: AnyItem) => readAs(history, item),
    item: (chunk: HistoryChunk) => itemOf(historyWrite(chunk)),
  },
}
