import type { Period } from '../../schemas/primitives.ts'
import type { Table } from '../kernel/table.ts'
import {
  type FrozenPartner,
  fewEntries,
  type HistorySource,
  historyBuckets,
  packShard,
  storedEntries,
  textsOf,
} from './history.ts'
import { hashedPacker, type PackedLines } from './line-packer.ts'
import { storeHistoryChunk } from './store.ts'

type Needs = { table: Table }

/**
 * In how many buckets so many entitlements are stored. It is a power of two: stored bucket `n` holds whole buckets, those
 * that `n` is the remainder of.
 */
export function storedBuckets(entries: number): number {
  if (entries === 0) return 0
  let buckets = 1
  while (buckets < historyBuckets && entries > buckets * storedEntries) buckets *= 2
  return buckets
}

/** Partitions that are read side by side. */
const readsAtOnce = 8

/**
 * Keeps the entitlements that a close is computed from, addressed by their content: they change afterwards. In memory
 * are, compressed, the parts of a partner that are read side by side.
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
  const keep = async ({ hash, segments }: PackedLines): Promise<string> => {
    for (const [index, { lines, data }] of segments.entries())
      await storeHistoryChunk(table, { programme, period, hash, index, lines, data })
    return hash
  }
  const list = hashedPacker()
  for (const partner of [...new Set(partners)].sort()) {
    const frozen: FrozenPartner = { buckets: await freezePartner(source, partner, keep), partner }
    list.add(JSON.stringify(frozen))
  }
  return keep(list.end())
}

/** Stores a partner's buckets, in as many as suit its entitlements. @returns their hashes */
async function freezePartner(
  source: HistorySource,
  partner: string,
  keep: (bucket: PackedLines) => Promise<string>,
): Promise<string[]> {
  const hashes: string[] = []
  let entries = 0
  let read: [number, PackedLines][] = []
  await eachAtOnce(source.shards, readsAtOnce, async shard => {
    const part = await packShard(source, partner, shard)
    read.push(...part)
    for (const { lines } of part.values()) entries += lines
    if (entries <= fewEntries) return
    // All buckets will be stored as they are, and need not wait in memory for the others.
    const due = read
    read = []
    for (const [index, bucket] of due) hashes[index] = await keep(bucket)
  })
  if (entries > fewEntries) return hashes
  const small = new Map(read)
  for (let stored = 0; stored < storedBuckets(entries); stored++)
    hashes.push(await keep(together(small, stored, storedBuckets(entries))))
  return hashes
}

/** The buckets that lie in one stored bucket, one after the other. */
function together(buckets: ReadonlyMap<number, PackedLines>, stored: number, count: number): PackedLines {
  const packer = hashedPacker()
  for (let index = stored; index < historyBuckets; index += count)
    for (const line of textsOf(buckets.get(index)?.segments ?? [])) packer.add(line)
  return packer.end()
}

/** Does the work for 0, 1, 2 and so on; after a failure it begins with no other. */
async function eachAtOnce(count: number, atOnce: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async () => {
    while (next < count) {
      const index = next++
      await work(index).catch(error => {
        next = count
        throw error
      })
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker))
}
