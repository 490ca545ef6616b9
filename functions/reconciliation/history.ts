import { createHash, hash as sha256 } from 'node:crypto'
import type { HistoryEntry } from '../../schemas/disposition.ts'
import type { Period } from '../../schemas/primitives.ts'
import type { Table } from '../kernel/table.ts'
import { unpackLines } from '../usage/segments.ts'
import type { History } from './chain-run.ts'
import { frozenLine } from './frozen-line.ts'
import { hashedPacker, type PackedLines } from './line-packer.ts'
import { historyChunks } from './store.ts'

type Needs = { table: Table }

/** Into how many buckets a partner's entitlements are split: a multiple of the partitions in which they are stored. */
export const historyBuckets = 64

/**
 * The bucket of an entitlement: `shardOf` it, in less time. Shards by the same hash whose number is a power of two are made of whole buckets, or
 * lie in one.
 */
export const bucketOf = (entitlement: string): number =>
  Number.parseInt(sha256('sha256', entitlement, 'hex').slice(0, 8), 16) % historyBuckets

/** Entitlements for which one stored bucket is enough; a partner with more of them has more buckets. */
export const storedEntries = 2_000

/** Beyond this a partner's entitlements are stored in all the buckets there are. */
export const fewEntries = (storedEntries * historyBuckets) / 2

/** The entitlements of partners as they are now, of all programmes. */
export type HistorySource = {
  /** Into how many parts a partner's entitlements are split, by `shardOf` of the id; it divides `historyBuckets`. */
  shards: number
  /** One part, in the order of the ids. */
  shard(partner: string, index: number): AsyncIterable<HistoryEntry>
  /** Those of the ids that exist at the partner, by id, without what was captured of them. */
  find(partner: string, ids: Iterable<string>): Promise<Map<string, HistoryEntry>>
}

/** What reconciling a period reads of entitlements. */
export type PeriodHistory = {
  of(partner: string): History
  /** Every entitlement of every partner, in no particular order. */
  entries(): AsyncIterable<HistoryEntry>
}

type Frozen = { programme: string; period: Period; hash: string }
/** A partner's line in the list of what was frozen: the hashes of its stored buckets, none without entitlements. */
export type FrozenPartner = { buckets: string[]; partner: string }

/** The buckets of one part of a partner's entitlements, empty ones included. */
export async function packShard(
  source: HistorySource,
  partner: string,
  shard: number,
): Promise<Map<number, PackedLines>> {
  const packers = new Map<number, ReturnType<typeof hashedPacker>>()
  for (let index = shard; index < historyBuckets; index += source.shards) packers.set(index, hashedPacker())
  let last = ''
  for await (const entry of source.shard(partner, shard)) {
    const packer = packers.get(bucketOf(entry.id))
    if (!packer || entry.id <= last) throw new Error(`entitlements of ${partner} come in the wrong part or order`)
    packer.add(frozenLine(entry))
    last = entry.id
  }
  return new Map(Array.from(packers, ([index, packer]) => [index, packer.end()]))
}

type Entries = Map<string, HistoryEntry>
/** A stored bucket at hand: the entries of each bucket in it, and how many there are once they are read. */
type Held = { size: number; buckets: Promise<Map<number, Entries>> }

/**
 * The history as a cutoff froze it. Its stored buckets are read when they are asked for; as many stay at hand as all of
 * a partner's together hold, unless it has one for each bucket. @throws when it is not what was frozen
 */
export async function frozenHistory({ table }: Needs, frozen: Frozen): Promise<PeriodHistory> {
  const { programme, period } = frozen
  const list = (await frozenLines(table, frozen)).map(line => JSON.parse(line) as FrozenPartner)
  const hashes = new Map(list.map(({ partner, buckets }) => [partner, buckets]))
  /** Of stored buckets that are one bucket each. */
  const single = new Map(
    list.flatMap(({ buckets }) =>
      buckets.length === historyBuckets ? buckets.map((hash, at) => [hash, at] as const) : [],
    ),
  )
  const held = new Map<string, Held>()
  function stored(hash: string): Promise<Map<number, Entries>> {
    const one = held.get(hash) ?? read(hash)
    held.delete(hash)
    held.set(hash, one)
    return one.buckets
  }
  function read(hash: string): Held {
    const one: Held = {
      size: 0,
      buckets: frozenLines(table, { programme, period, hash }).then(lines => {
        one.size = lines.length
        letGo(held, hash)
        return byBuckets(lines, single.get(hash))
      }),
    }
    one.buckets.catch(() => held.delete(hash))
    return one
  }
  async function bucket(partner: string, index: number): Promise<Entries> {
    const own = hashes.get(partner) ?? []
    const hash = own[index % own.length]
    return (hash !== undefined && (await stored(hash)).get(index)) || new Map()
  }
  return {
    of: partner => ({
      bucket: index => bucket(partner, index),
      find: ids => findIn(index => bucket(partner, index), ids),
    }),
    async *entries() {
      for (const own of hashes.values())
        for (const hash of own) for (const entries of (await stored(hash)).values()) yield* entries.values()
    },
  }
}

/** Lets go of what was asked for longest ago while more is at hand than a partner of few entitlements has. */
function letGo(held: Map<string, Held>, latest: string): void {
  let count = 0
  for (const { size } of held.values()) count += size
  for (const [hash, { size }] of held) {
    if (count <= fewEntries) return
    if (hash === latest) continue
    held.delete(hash)
    count -= size
  }
}

async function frozenLines(table: Table, { programme, period, hash }: Frozen): Promise<string[]> {
  const found = createHash('sha256')
  const lines: string[] = []
  for await (const { data } of historyChunks(table, { programme, period, hash })) {
    for (const line of unpackLines(data)) {
      const text = Buffer.from(line).toString()
      found.update(`${text}\n`)
      lines.push(text)
    }
  }
  if (found.digest('hex') !== hash) throw new Error(`the frozen history ${hash} of ${programme} ${period} is not whole`)
  return lines
}

export const textsOf = (segments: PackedLines['segments']): string[] =>
  segments.flatMap(({ data }) => unpackLines(data).map(line => Buffer.from(line).toString()))

/** Lines whose hash is that of what was frozen: their shape was checked before. */
function byBuckets(lines: readonly string[], only?: number): Map<number, Entries> {
  const buckets = new Map<number, Entries>()
  for (const line of lines) {
    const entry = JSON.parse(line) as HistoryEntry
    const index = only ?? bucketOf(entry.id)
    const entries = buckets.get(index) ?? new Map<string, HistoryEntry>()
    buckets.set(index, entries.set(entry.id, entry))
  }
  return buckets
}

/** Those of the ids that there are, by way of their buckets. */
export async function findIn(bucket: History['bucket'], ids: Iterable<string>): Promise<Map<string, HistoryEntry>> {
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
  const parts = new Map<number, Promise<Map<number, PackedLines>>>()
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
      return byBuckets(textsOf(segments), index).get(index) ?? new Map()
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
