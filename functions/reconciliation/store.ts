import { FinalsChunk, HistoryChunk } from '../../schemas/disposition.ts'
import { passOverConflict, put, recordType, type Table, type Write } from '../kernel/table.ts'

const finals = recordType('final-dispositions', FinalsChunk)
const history = recordType('entitlement-history', HistoryChunk)

const closeOf = (programme: string, period: string) => `CLOSE#${programme}#${period}`
const numbered = (index: number) => String(index).padStart(6, '0')

/** A chunk that is there already holds the same: its key tells what it was computed from. */
const createOnce = (table: Table, write: Write): Promise<void> => table.write(write).catch(passOverConflict)

export const storeFinalsChunk = (table: Table, chunk: FinalsChunk): Promise<void> =>
  createOnce(
    table,
    put(
      finals,
      {
        pk: closeOf(chunk.programme, chunk.period),
        sk: `FINAL#${chunk.identity}#${chunk.partner}#${numbered(chunk.index)}`,
      },
      chunk,
      { when: 'absent' },
    ),
  )

export type Close = { programme: string; period: string; identity: string }

/** Chunks of a close in the order of (partner, index). */
export const finalsChunks = (table: Table, { programme, period, identity }: Close, partner?: string) =>
  table.each(finals, {
    partition: closeOf(programme, period),
    startsWith: `FINAL#${identity}#${partner === undefined ? '' : `${partner}#`}`,
  })

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
