import * as z from 'zod'
import { Instant, Slug } from '../../schemas/primitives.ts'
import { StatusFamily } from '../../schemas/status-list.ts'
import { put, recordType, type Table, type Write } from '../kernel/table.ts'
import { chunkBytes, chunksOfList } from './status-list.ts'

/** One list of one partner. */
export const ListName = z.strictObject({ partner: Slug, list: z.int().min(1) })
export type ListName = z.infer<typeof ListName>

/** Counts the changes of a list; there is none until a bit is not 0. */
const StatusListHead = ListName.extend({ revision: z.int().min(1) })
export type StatusListHead = z.infer<typeof StatusListHead>

const StatusChunk = ListName.extend({
  chunk: z
    .int()
    .min(0)
    .max(chunksOfList - 1),
  version: z.int().min(1),
  data: z.instanceof(Uint8Array).refine(data => data.length === chunkBytes, `${chunkBytes} bytes`),
})
export type StatusChunk = z.infer<typeof StatusChunk>

/** A list as it was signed: good for every instance until the list changes, or its ttl is over. */
const SignedStatusList = ListName.extend({
  jwt: z.string(),
  /** It shows at least every change up to this one. */
  revision: z.int().min(0),
  kid: z.string(),
  signedAt: Instant,
  version: z.int().min(1),
})
export type SignedStatusList = z.infer<typeof SignedStatusList>

const family = recordType('status-family', StatusFamily)
const head = recordType('status-list', StatusListHead)
const bits = recordType('status-bits', StatusChunk)
const signed = recordType('status-list-token', SignedStatusList)

const familyKey = (partner: string) => ({ pk: `STATUS#${partner}`, sk: 'HEAD' })
const partition = ({ partner, list }: ListName) => `STATUS#${partner}#${list}`
const headKey = (name: ListName) => ({ pk: partition(name), sk: 'HEAD' })
const signedKey = (name: ListName) => ({ pk: partition(name), sk: 'TOKEN' })
const chunkKey = (name: ListName, chunk: number) => ({
  pk: partition(name),
  sk: `BITS#${String(chunk).padStart(3, '0')}`,
})

export const findFamily = (table: Table, partner: string): Promise<StatusFamily | undefined> =>
  table.get(family, familyKey(partner))

/** @throws Conflict when there is one already */
export const createFamily = (table: Table, record: StatusFamily): Promise<void> =>
  table.write(put(family, familyKey(record.partner), record, { when: 'absent' }))

/** Counts one draw more; undefined while the partner has no lists. */
export const countDraw = (table: Table, partner: string): Promise<StatusFamily | undefined> =>
  table.increase(family, familyKey(partner), 'drawn', 1)

export const findListHead = (table: Table, name: ListName): Promise<StatusListHead | undefined> =>
  table.get(head, headKey(name))

export const findChunks = (table: Table, name: ListName, chunks: Iterable<number>): Promise<StatusChunk[]> =>
  table.getMany(
    bits,
    [...chunks].map(chunk => chunkKey(name, chunk)),
  )

/** Every chunk that was ever written. */
export const allChunks = (table: Table, name: ListName): Promise<StatusChunk[]> =>
  table.all(bits, { partition: partition(name), startsWith: 'BITS#' })

export const listHeadWrite = (after: StatusListHead, before: StatusListHead | undefined): Write =>
  put(head, headKey({ partner: after.partner, list: after.list }), after, {
    when: before ? { equals: { revision: before.revision } } : 'absent',
  })

export const chunkWrite = (after: StatusChunk, before: StatusChunk | undefined): Write =>
  put(bits, chunkKey({ partner: after.partner, list: after.list }, after.chunk), after, {
    when: before ? { equals: { version: before.version } } : 'absent',
  })

export const findSignedList = (table: Table, name: ListName): Promise<SignedStatusList | undefined> =>
  table.get(signed, signedKey(name))

/** @throws Conflict when another instance has stored one meanwhile */
export const storeSignedList = (
  table: Table,
  after: SignedStatusList,
  before: SignedStatusList | undefined,
): Promise<void> =>
  table.write(
    put(signed, signedKey({ partner: after.partner, list: after.list }), after, {
      when: before ? { equals: { version: before.version } } : 'absent',
    }),
  )
