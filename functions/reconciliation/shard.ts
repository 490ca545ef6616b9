import { hash } from 'node:crypto'
import { shardOf } from '../kernel/canonical.ts'
import { historyBuckets } from './history.ts'

/** Splits items by the hash of a key (event id, then entitlement id); within a shard they keep their order. */
export function sharded<Item>(items: readonly Item[], shards: number, keyOf: (item: Item) => string): Item[][] {
  if (shards === 1) return [[...items]]
  const parts: Item[][] = Array.from({ length: shards }, () => [])
  for (const item of items) parts[shardOf(keyOf(item), shards)]?.push(item)
  return parts
}

/** `shardOf` an entitlement for a power of two, in less time: every line is asked for it. */
export const entitlementShard = (entitlement: string, shards: number): number =>
  shards === 1 ? 0 : Number.parseInt(hash('sha256', entitlement, 'hex').slice(0, 8), 16) % shards

/** The buckets of history that hold a shard's entitlements. */
export function bucketsOfShard(shard: number, shards: number): number[] {
  if (shards >= historyBuckets) return [shard % historyBuckets]
  return Array.from({ length: historyBuckets / shards }, (_, index) => shard + index * shards)
}

/** Shards in an order in which those that lie in one bucket follow each other. */
export const byBucket = (shards: number): number[] =>
  Array.from({ length: shards }, (_, shard) => shard).sort(
    (a, b) => (a % historyBuckets) - (b % historyBuckets) || a - b,
  )

/**
 * A quick hash of a text in 32 bits. A seed that senders cannot foretell keeps them from choosing ids that all fall
 * into one shard.
 */
export function quickHash(text: string, seed: number): number {
  let state = seed
  for (let at = 0; at < text.length; at++) {
    state = Math.imul(state ^ text.charCodeAt(at), 0x9e3779b1)
    state = (state << 13) | (state >>> 19)
  }
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b)
  state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35)
  return (state ^ (state >>> 16)) >>> 0
}
