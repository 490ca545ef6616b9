import { createHash } from 'node:crypto'
import type { HistoryEntry } from '../../schemas/disposition.ts'
import type { Period } from '../../schemas/primitives.ts'
import { canonicalJson, shardOf } from '../kernel/canonical.ts'
import type { Table } from '../kernel/table.ts'
import { unpackLines } from '../usage/segments.ts'
import type { History } from './chain-run.ts'
import { linePacker, type Packed } from './line-packer.ts'
import { historyChunks, storeHistoryChunk } from './store.ts'

type Needs = { table: Table }

/** Into how many buckets a partner's entitlements are split: a multiple of the partitions in which they are stored. */
export const historyBuckets = 64

/**
 * The bucket of an entitlement. Shards by the same hash whose number is a power of two are made of whole buckets, or
 * lie in one.
 */
export const bucketOf = (entitlement: string): number => shardOf(entitlement, historyBuckets)

/** The entitlements of partners as they are now, of all programmes. */
export type HistorySource = {
  /** Into how many parts a partner's entitlements are split, by `shardOf` of the id; it divides `historyBuckets`. */
  shards: number
  /** One part, in the order of the ids. */
  shard(partner: string, index: number): AsyncIterable<HistoryEntry>
  /** Those of the ids that exist at the partner, by id. */
  find(partner: string, ids: Iterable<string>): Promise<Map<string, HistoryEntry>>
}

/** What reconciling a period reads of entitlements. */
export type PeriodHistory = {
  of(partner: string): History
  /** Every entitlement of every partner, in no particular order. */
  entries(): AsyncIterable<HistoryEntry>
}

/** SHA-256 of the canonical lines, each with a line feed; the compressed bytes may differ between versions of zlib. */
type Bucket = { hash: string; segments: Packed[] }
type Frozen = { programme: string; period: Period; hash: string }

/**
 * Keeps the entitlements that a close is computed from, addressed by their content: they change afterwards. A part of a
 * partner is in memory at a time, compressed.
 * @returns the SHA-256 of the list of each partner's bucket hashes
 */
export async function freezeHistory(
  { table }: Needs,
  {
    programme,
    period,
    partners,
    source,
  }: { programme: string; period: Period; partners: string[]; source: HistorySource },
): Promise<string> {
  const list = bucketPacker()
  for (const partner of [...new Set(partners)].sort()) {
    const hashes: string[] = []
    for (let shard = 0; shard < source.shards; shard++) {
      const buckets = await packShard(source, partner, shard)
      await Promise.all([...buckets.values()].map(bucket => store(table, { programme, period }, bucket)))
      for (const [index, { hash }] of buckets) hashes[index] = hash
    }
    list.add({ partner, buckets: hashes })
  }
  const bucket = list.end()
  await store(table, { programme, period }, bucket)
  return bucket.hash
}

async function store(table: Table, close: Omit<Frozen, 'hash'>, { hash, segments }: Bucket): Promise<void> {
  for (const [index, { lines, data }] of segments.entries())
    await storeHistoryChunk(table, { ...close, hash, index, lines, data })
}

/** The buckets of one part of a partner's entitlements, empty ones included. */
async function packShard(source: HistorySource, partner: string, shard: number): Promise<Map<number, Bucket>> {
  const packers = new Map<number, ReturnType<typeof bucketPacker>>()
  for (let index = shard; index < historyBuckets; index += source.shards) packers.set(index, bucketPacker())
  let last = ''
  for await (const entry of source.shard(partner, shard)) {
    const packer = packers.get(bucketOf(entry.id))
    if (!packer || entry.id <= last) throw new Error(`entitlements of ${partner} come in the wrong part or order`)
    packer.add(entry)
    last = entry.id
  }
  return new Map(Array.from(packers, ([index, packer]) => [index, packer.end()]))
}

function bucketPacker() {
  const hash = createHash('sha256')
  const packer = linePacker()
  const segments: Packed[] = []
  return {
    add(value: object): void {
      const line = Buffer.from(canonicalJson(value))
      hash.update(line).update(newline)
      segments.push(...packer.add(line))
    },
    end(): Bucket {
      segments.push(...packer.end())
      return { hash: hash.digest('hex'), segments }
    },
  }
}

const newline = Uint8Array.of(0x0a)

/** Entries that a frozen history keeps at hand, of the buckets that were asked for last. */
const heldEntries = 50_000

/** The history as a cutoff froze it. Its parts are read when they are asked for. @throws when it is not what was frozen */
export async function frozenHistory({ table }: Needs, frozen: Frozen): Promise<PeriodHistory> {
  const { programme, period } = frozen
  const list = (await frozenLines(table, frozen)).map(
    line => JSON.parse(line) as { partner: string; buckets: string[] },
  )
  const buckets = new Map(list.map(one => [one.partner, one.buckets]))
  const held = new Map<string, Map<string, HistoryEntry>>()
  async function bucket(partner: string, index: number): Promise<Map<string, HistoryEntry>> {
    const hash = buckets.get(partner)?.[index]
    if (hash === undefined) return new Map()
    const name = `${partner} ${index}`
    const known = held.get(name)
    held.delete(name)
    const entries = known ?? entriesOf(await frozenLines(table, { programme, period, hash }))
    held.set(name, entries)
    let count = [...held.values()].reduce((sum, { size }) => sum + size, 0)
    for (const [oldest, { size }] of held) {
      if (count <= heldEntries) break
      held.delete(oldest)
      count -= size
    }
    return entries
  }
  return {
    of: partner => ({
      bucket: index => bucket(partner, index),
      find: ids => findIn(index => bucket(partner, index), ids),
    }),
    async *entries() {
      for (const partner of buckets.keys())
        for (let index = 0; index < historyBuckets; index++) yield* (await bucket(partner, index)).values()
    },
  }
}

async function frozenLines(table: Table, { programme, period, hash }: Frozen): Promise<string[]> {
  const found = createHash('sha256')
  const lines: string[] = []
  for await (const { data } of historyChunks(table, { programme, period, hash })) {
    for (const line of unpackLines(data)) {
      found.update(line).update(newline)
      lines.push(Buffer.from(line).toString())
    }
  }
  if (found.digest('hex') !== hash) throw new Error(`the frozen history ${hash} of ${programme} ${period} is not whole`)
  return lines
}

/** Lines whose hash is that of what was frozen: their shape was checked before. */
function entriesOf(lines: readonly string[]): Map<string, HistoryEntry> {
  const entries = new Map<string, HistoryEntry>()
  for (const line of lines) {
    const entry = JSON.parse(line) as HistoryEntry
    entries.set(entry.id, entry)
  }
  return entries
}

async function findIn(bucket: History['bucket'], ids: Iterable<string>): Promise<Map<string, HistoryEntry>> {
  const found = new Map<string, HistoryEntry>()
  for (const [index, wanted] of Map.groupBy(new Set(ids), bucketOf)) {
    const entries = await bucket(index)
    for (const id of wanted) {
      const entry = entries.get(id)
      if (entry) found.set(id, entry)
    }
  }
  return found
}

/** A partner's entitlements as they are now. A run that asks for each bucket once reads each part once. */
export function liveHistory(source: HistorySource, partner: string): History {
  const parts = new Map<number, Promise<Map<number, Bucket>>>()
  return {
    find: ids => source.find(partner, ids),
    async bucket(index) {
      const shard = index % source.shards
      const part = parts.get(shard) ?? packShard(source, partner, shard)
      parts.set(shard, part)
      const buckets = await part
      const bucket = buckets.get(index)
      buckets.delete(index)
      if (buckets.size === 0) parts.delete(shard)
      // Asked for a second time, the part is read again.
      const { segments } = bucket ?? (await packShard(source, partner, shard)).get(index) ?? { segments: [] }
      return entriesOf(segments.flatMap(({ data }) => unpackLines(data).map(line => Buffer.from(line).toString())))
    },
  }
}

/** The entitlements of these partners as they are now, for a preview. */
export const livePeriodHistory = (source: HistorySource, partners: string[]): PeriodHistory => ({
  of: partner => liveHistory(source, partner),
  async *entries() {
    for (const partner of partners)
      for (let shard = 0; shard < source.shards; shard++) yield* source.shard(partner, shard)
  },
})
