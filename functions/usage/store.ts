import { BatchPointer, Chunk, Manifest, UsageCut, UsageHead } from '../../schemas/usage.ts'
import {
  type AnyItem,
  anyItem,
  type Condition,
  check,
  itemOf,
  put,
  readAs,
  recordType,
  remove,
  type Table,
} from '../kernel/table.ts'

const head = recordType('usage-head', UsageHead)
const manifest = recordType('usage-manifest', Manifest)
const pointer = recordType('usage-batch', BatchPointer)
const chunk = recordType('usage-chunk', Chunk)
const cut = recordType('usage-cut', UsageCut)

const usageOf = (partner: string) => `USAGE#${partner}`
const headKey = (partner: string) => ({ pk: usageOf(partner), sk: 'HEAD' })
const manifestSk = (sequence: number) => `MANIFEST#${String(sequence).padStart(12, '0')}`
const manifestKey = (partner: string, sequence: number) => ({ pk: usageOf(partner), sk: manifestSk(sequence) })
const pointerKey = (partner: string, id: string) => ({ pk: usageOf(partner), sk: `BATCH#${id}` })
const chunksOf = (partner: string, id: string) => `CHUNKS#${partner}#${id}`
const chunkKey = (partner: string, id: string, index: number) => ({
  pk: chunksOf(partner, id),
  sk: String(index).padStart(6, '0'),
})
const cutKey = (programme: string, period: string, partner: string) => ({
  pk: `CLOSE#${programme}#${period}`,
  sk: `CUT#${partner}`,
})

export const findHead = (table: Table, partner: string) => table.get(head, headKey(partner))
export const findManifest = (table: Table, partner: string, sequence: number) =>
  table.get(manifest, manifestKey(partner, sequence))
export const findPointer = (table: Table, partner: string, id: string) => table.get(pointer, pointerKey(partner, id))
export const findCut = (table: Table, programme: string, period: string, partner: string) =>
  table.get(cut, cutKey(programme, period, partner))

/** Manifests of a partner in the order of their chain, both ends included. */
export const manifestsBetween = (table: Table, partner: string, from: number, to: number): AsyncGenerator<Manifest> =>
  table.each(manifest, { partition: usageOf(partner), from: manifestSk(from), to: manifestSk(to) })

export const chunksOfBatch = (table: Table, partner: string, id: string): AsyncGenerator<Chunk> =>
  table.each(chunk, { partition: chunksOf(partner, id) })

/** What must hold of the pointer as long as it is the one of this upload. */
const stillThis = ({ state, upload }: BatchPointer) => ({ equals: { state, ...(upload && { upload }) } })

/**
 * Announces a batch: until it commits, its chunks may be swept once `ttl` is over. `joined` says that its pointer is
 * there, and has to be still, so that the chunks which others stored under it are there too.
 * @throws Conflict when somebody else announced, committed or swept it meanwhile
 */
export const announceBatch = (table: Table, batch: BatchPointer, ttl: number, joined = false): Promise<void> =>
  table.write(
    put(pointer, pointerKey(batch.partner, batch.id), batch, { when: joined ? stillThis(batch) : 'absent', ttl }),
  )

/**
 * Stores a chunk, unless it is there already.
 * @throws Conflict when there is one of other chunks: a batch never holds pieces of two judgements
 */
export const storeChunk = (table: Table, partner: string, piece: Chunk): Promise<void> => {
  const { batch, index, fingerprint } = piece
  const when: Condition = fingerprint === undefined ? 'absent' : { absentOr: { fingerprint } }
  return table.write(put(chunk, chunkKey(partner, batch, index), piece, { when }))
}

/** `announced` is the pointer under which all chunks were stored. */
type Commit = { manifest: Manifest; receipt: string; head: UsageHead; announced: BatchPointer }

/**
 * Makes a batch exist: manifest, end of the chain and pointer in one transaction.
 * @throws Conflict when a rival moved the chain's end, or committed or swept this batch, also if it announced it anew
 */
export const commitManifest = (
  table: Table,
  { manifest: record, receipt, head: next, announced }: Commit,
): Promise<void> => {
  const { id, partner, chunks, sequence } = record
  const { fingerprint } = announced
  // The receipt lies beside the id, by which it is asked for: with it the manifest would cost a second unit, twice.
  const committed: BatchPointer = {
    ...{ id, partner, state: 'committed', chunks, sequence, receipt },
    ...(fingerprint !== undefined && { fingerprint }),
  }
  return table.commit([
    put(manifest, manifestKey(partner, sequence), record, { when: 'absent' }),
    putHead(next),
    put(pointer, pointerKey(partner, id), committed, { when: stillThis(announced) }),
  ])
}

/** @throws Conflict when a rival moved the chain's end or made this cut */
export const commitCut = (table: Table, record: UsageCut, next: UsageHead): Promise<void> =>
  table.commit([
    putHead(next),
    put(cut, cutKey(record.programme, record.period, record.partner), record, { when: 'absent' }),
  ])

const putHead = (next: UsageHead) =>
  put(head, headKey(next.partner), next, {
    when: next.version === 1 ? 'absent' : { equals: { version: next.version - 1 } },
  })

/**
 * Claims a batch that never committed for sweeping, also one that an earlier sweep left half done.
 * @throws Conflict when the batch was announced again or has committed
 */
export const claimForSweep = (table: Table, batch: BatchPointer): Promise<void> =>
  table.write(put(pointer, pointerKey(batch.partner, batch.id), batch, { when: { absentOr: { state: 'sweeping' } } }))

/**
 * Claims a batch that is being received, of which the chunks are others than those that are to be stored.
 * @throws Conflict when it is no longer that upload
 */
export const claimFromUpload = (table: Table, batch: BatchPointer, upload: BatchPointer): Promise<void> =>
  table.write(put(pointer, pointerKey(batch.partner, batch.id), batch, { when: stillThis(upload) }))

/** @throws Conflict when the claim is gone */
export const sweepChunk = (table: Table, { partner, id }: BatchPointer, index: number): Promise<void> =>
  table.commit([
    check(pointerKey(partner, id), { equals: { state: 'sweeping' } }),
    remove(chunkKey(partner, id, index)),
  ])

/** @throws Conflict when the claim is gone */
export const releaseClaim = (table: Table, { partner, id }: BatchPointer): Promise<void> =>
  table.write(remove(pointerKey(partner, id), { equals: { state: 'sweeping' } }))

/** What a partner's chain is made of as it lies there, for who verifies it: `MANIFEST#` or `BATCH#`, or chunks. */
export const chainItems = (
  table: Table,
  partner: string,
  startsWith: 'MANIFEST#' | 'BATCH#',
): AsyncGenerator<AnyItem> => table.each(anyItem, { partition: usageOf(partner), startsWith })
export const chunkItems = (table: Table, partner: string, id: string): AsyncGenerator<AnyItem> =>
  table.each(anyItem, { partition: chunksOf(partner, id) })

/** The records of such items, and the whole items that they would be. */
export const chainRecords = {
  head: {
    find: (table: Table, partner: string) => table.get(anyItem, headKey(partner)),
    read: (item: AnyItem) => readAs(head, item),
    item: (record: UsageHead) => itemOf(put(head, headKey(record.partner), record)),
  },
  manifest: {
    read: (item: AnyItem) => readAs(manifest, item),
    item: (record: Manifest) => itemOf(put(manifest, manifestKey(record.partner, record.sequence), record)),
  },
  pointer: {
    read: (item: AnyItem) => readAs(pointer, item),
    item: (record: BatchPointer) => itemOf(put(pointer, pointerKey(record.partner, record.id), record)),
  },
  chunk: {
    read: (item: AnyItem) => readAs(chunk, item),
    item: (partner: string, record: Chunk) => itemOf(put(chunk, chunkKey(partner, record.batch, record.index), record)),
  },
  cut: {
    read: (item: AnyItem) => readAs(cut, item),
    item: (record: UsageCut) => itemOf(put(cut, cutKey(record.programme, record.period, record.partner), record)),
  },
}
