import { sha256 } from '../kernel/canonical.ts'

/** The shard of an event id in the first pass, of an entitlement id in the second. */
export const shardOf = (id: string, shards: number): number =>
  shards === 1 ? 0 : Number.parseInt(sha256(id).slice(0, 8), 16) % shards

/** Splits items by the hash of a key; within a shard they keep their order. */
export function sharded<Item>(items: readonly Item[], shards: number, keyOf: (item: Item) => string): Item[][] {
  const parts: Item[][] = Array.from({ length: shards }, () => [])
  for (const item of items) parts[shardOf(keyOf(item), shards)]?.push(item)
  return parts
}
