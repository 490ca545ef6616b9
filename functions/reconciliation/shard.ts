import { shardOf } from '../kernel/canonical.ts'

/** Splits items by the hash of a key (event id, then entitlement id); within a shard they keep their order. */
export function sharded<Item>(items: readonly Item[], shards: number, keyOf: (item: Item) => string): Item[][] {
  if (shards === 1) return [[...items]]
  const parts: Item[][] = Array.from({ length: shards }, () => [])
  for (const item of items) parts[shardOf(keyOf(item), shards)]?.push(item)
  return parts
}
