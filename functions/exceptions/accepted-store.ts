import { AcceptedChunk, AcceptedEvent, AcceptedHead } from '../../schemas/exception.ts'
import type { Period } from '../../schemas/primitives.ts'
import { sha256 } from '../kernel/canonical.ts'
import { type AnyItem, anyItem, itemOf, put, readAs, recordType, type Table, type Write } from '../kernel/table.ts'

const chunk = recordType('accepted-use', AcceptedChunk)
const head = recordType('accepted-head', AcceptedHead)
const mark = recordType('accepted-event', AcceptedEvent)

export type AcceptancePeriod = { programme: string; period: Period }
const partition = ({ programme, period }: AcceptancePeriod) => `ACCEPTED#${programme}#${period}`
const headKey = (of: AcceptancePeriod) => ({ pk: partition(of), sk: 'HEAD' })

export const findAcceptedHead = (table: Table, of: AcceptancePeriod): Promise<AcceptedHead | undefined> =>
  table.get(head, headKey(of))

/** Moves the period's counter on: of an acceptance and a cutoff that both saw the same one, the second is refused. */
export const acceptedHeadWrite = (
  { programme, period }: AcceptancePeriod,
  before: AcceptedHead | undefined,
  cutOff: boolean,
): Write =>
  put(
    head,
    headKey({ programme, period }),
    { programme, period, version: (before?.version ?? 0) + 1, cutOff },
    { when: before ? { equals: { version: before.version } } : 'absent' },
  )

export const acceptedChunkWrite = (of: AcceptancePeriod, item: AcceptedChunk): Write =>
  put(chunk, { pk: partition(of), sk: `USE#${item.exception}#${String(item.index).padStart(6, '0')}` }, item, {
    when: 'absent',
  })

/** In the order of (exception, index). */
export const acceptedChunks = (table: Table, of: AcceptancePeriod): Promise<AcceptedChunk[]> =>
  table.all(chunk, { partition: partition(of), startsWith: 'USE#' })

/** Whether the event is billed, or taken back, by what was accepted of a single line. */
export type MarkKind = 'BILLED' | 'TAKEN-BACK'
type MarkedEvent = { partner: string; event: string; kind: MarkKind }
const markKey = ({ partner, event, kind }: MarkedEvent) => ({
  pk: `ACCEPTED-EVENT#${partner}#${sha256(event)}`,
  sk: kind,
})

export const findEventMark = (table: Table, of: MarkedEvent): Promise<AcceptedEvent | undefined> =>
  table.get(mark, markKey(of))

/** Create-only: of two that accept one event, the second is refused, and decides again. */
export const eventMarkWrite = (of: MarkedEvent, exception: AcceptedEvent['exception']): Write =>
  put(mark, markKey(of), { exception }, { when: 'absent' })

/** What lies of a period's acceptances, for who verifies it. */
export const acceptedItems = (table: Table, of: AcceptancePeriod): AsyncGenerator<AnyItem> =>
  table.each(anyItem, { partition: partition(of) })

/** The records of such items, and the whole items that they would be. */
export const acceptedRecords = {
  readHead: (item: AnyItem) => readAs(head, item),
  readChunk: (item: AnyItem) => readAs(chunk, item),
  head: (record: AcceptedHead) => itemOf(put(head, headKey(record), record)),
  chunk: (of: AcceptancePeriod, record: AcceptedChunk) => itemOf(acceptedChunkWrite(of, record)),
}
