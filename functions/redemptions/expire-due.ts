import type { Now } from '../kernel/clock.ts'
import type { Table } from '../kernel/table.ts'
import { expire } from './settle.ts'
import { dueRedemptions, dueShards } from './store.ts'

type Needs = { table: Table; now: Now }

/**
 * Stores of every hold whose time is over that it has expired, and counts its link's quotas anew. Nothing waits for it:
 * the clock alone decides. Running it twice, or two at once, changes nothing more.
 * @returns how many expired
 * @throws AggregateError of those that failed, once all others are done
 */
export async function expireDue(needs: Needs): Promise<number> {
  const failures: unknown[] = []
  const shards = Array.from({ length: dueShards }, (_, shard) => shard)
  const expired = await Promise.all(shards.map(shard => expireShard(needs, shard, failures)))
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} redemptions did not expire`)
  return expired.reduce((sum, count) => sum + count, 0)
}

async function expireShard(needs: Needs, shard: number, failures: unknown[]): Promise<number> {
  let expired = 0
  let cursor: string | undefined
  do {
    const page = await dueRedemptions(needs.table, shard, needs.now(), cursor)
    for (const { partner, id } of page.items) {
      // One that fails must not keep the others of its shard waiting for ever.
      await expire(needs, { partner, id }).then(
        isNew => {
          if (isNew) expired += 1
        },
        error => failures.push(error),
      )
    }
    cursor = page.next
  } while (cursor)
  return expired
}
