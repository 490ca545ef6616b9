import {
  ExceptionNotes,
  type ExceptionReason,
  ExceptionRecord,
  ExceptionReference,
  type ExceptionState,
} from '../../schemas/exception.ts'
import type { Period } from '../../schemas/primitives.ts'
import { check, put, recordType, remove, type Table, type Write } from '../kernel/table.ts'

const exception = recordType('exception', ExceptionRecord)
const reference = recordType('exception-reference', ExceptionReference)
const notes = recordType('exception-notes', ExceptionNotes)

type Batch = { partner: string; sequence: number }

const headKey = (id: string) => ({ pk: `EXCEPTION#${id}`, sk: 'HEAD' })
const batchPartition = ({ partner, sequence }: Batch) => `EXCEPTIONS#${partner}#${String(sequence).padStart(12, '0')}`
const notesKey = (batch: Batch) => ({ pk: batchPartition(batch), sk: 'NOTES' })
const referenceKey = ({ id, ...batch }: Batch & { id: string }) => ({ pk: batchPartition(batch), sk: id })

/** Whose exceptions: those of a partner, or those of a programme. */
export type Audience = { partner: string } | { programme: string }
const queuePartition = (audience: Audience, state: ExceptionState) =>
  'partner' in audience
    ? `EXCEPTIONS#partner#${audience.partner}#${state}`
    : `EXCEPTIONS#programme#${audience.programme}#${state}`

/** Lines of no programme have no period either. */
const place = (reason: ExceptionReason, period: Period | undefined) => `${reason}#${period ?? '-'}#`
const indexKey = ({ reason, period, openedAt, id, state }: ExceptionRecord, audience: Audience) => ({
  gsi1pk: queuePartition(audience, state),
  gsi1sk: `${place(reason, period)}${openedAt}#${id}`,
})

export const findException = (table: Table, id: string): Promise<ExceptionRecord | undefined> =>
  table.get(exception, headKey(id))

export const findExceptions = async (table: Table, ids: string[]): Promise<ExceptionRecord[]> => {
  const found = await table.getMany(exception, ids.map(headKey))
  return found.sort((a, b) => (a.id < b.id ? -1 : 1))
}

/** Every exception of a batch, in the order of the ids. */
export async function exceptionsOfBatch(table: Table, batch: Batch): Promise<ExceptionRecord[]> {
  const references = await table.all(reference, { partition: batchPartition(batch), startsWith: 'exc_' })
  return findExceptions(
    table,
    references.map(({ id }) => id),
  )
}

export type QueuePart = {
  audience: Audience
  state: ExceptionState
  reason?: ExceptionReason | undefined
  /** Only together with a reason: it is what the index sorts by next. */
  period?: Period | undefined
}

export const queueName = ({ audience, state, reason, period }: QueuePart): string =>
  `${queuePartition(audience, state)}/${reason === undefined ? '' : period ? place(reason, period) : `${reason}#`}`

/** A page of ids in the order of (reason, period, opening). The index may lag behind: read each exception itself. */
export async function queuePage(
  table: Table,
  part: QueuePart,
  paging: { limit: number; cursor?: string | undefined },
): Promise<{ ids: string[]; next?: string }> {
  const [partition = '', startsWith = ''] = queueName(part).split('/')
  const options = { partition, index: 'gsi1', startsWith, ...paging } as const
  const page =
    'partner' in part.audience ? await table.query(exception, options) : await table.query(reference, options)
  return { ids: page.items.map(({ id }) => id), ...(page.next !== undefined && { next: page.next }) }
}

const whenBefore = (before: ExceptionRecord | undefined) =>
  before ? ({ equals: { version: before.version } } as const) : 'absent'

/** The exception and its reference, which the two audiences' queues list. */
export const exceptionWrites = (after: ExceptionRecord, before: ExceptionRecord | undefined): Write[] => {
  const { id, partner, sequence, programme } = after
  const of = { id, partner, sequence }
  const queue = programme === undefined ? {} : indexKey(after, { programme })
  return [
    put(exception, { ...headKey(id), ...indexKey(after, { partner }) }, after, { when: whenBefore(before) }),
    put(reference, { ...referenceKey(of), ...queue }, of),
  ]
}

export const exceptionRemoval = (before: ExceptionRecord): Write[] => [
  remove(headKey(before.id), whenBefore(before)),
  remove(referenceKey(before)),
]

export const findNotes = (table: Table, batch: Batch): Promise<ExceptionNotes | undefined> =>
  table.get(notes, notesKey(batch))

/** Exceptions of one transaction: two items each, and the check of the run. */
const changesOfCommit = 48

/**
 * Commits what a run of notes changes, in the given order. The run takes the batch over first: an older one that is
 * still under way commits nothing from then on.
 * @throws Conflict when somebody acted on one of the exceptions, or a newer run has begun
 */
export async function commitChanges(
  table: Table,
  changes: { before?: ExceptionRecord; after?: ExceptionRecord }[],
  run: ExceptionNotes,
  before: ExceptionNotes | undefined,
): Promise<void> {
  await table.write(put(notes, notesKey(run), run, { when: whenNoted(before) }))
  for (let start = 0; start < changes.length; start += changesOfCommit)
    await table.commit([
      check(notesKey(run), { equals: { version: run.version } }),
      ...changes
        .slice(start, start + changesOfCommit)
        .flatMap(change =>
          change.after
            ? exceptionWrites(change.after, change.before)
            : change.before
              ? exceptionRemoval(change.before)
              : [],
        ),
    ])
}

const whenNoted = (before: ExceptionNotes | undefined) =>
  before ? ({ equals: { version: before.version } } as const) : 'absent'
