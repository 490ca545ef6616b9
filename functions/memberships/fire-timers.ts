import { epochMilliseconds, type Now } from '../kernel/clock.ts'
import type { NewId, Random } from '../kernel/ids.ts'
import type { Table } from '../kernel/table.ts'
import { advanceMembership } from './change.ts'
import { dueMemberships, timerShards } from './store.ts'

type Needs = { table: Table; now: Now; newId: NewId; random: Random }

/** Advances every membership whose timer is due. Running it twice, or two at once, changes nothing more. */
export async function fireDueTimers(needs: Needs): Promise<number> {
  const shards = Array.from({ length: timerShards }, (_, shard) => shard)
  const fired = await Promise.all(shards.map(shard => fireShard(needs, shard)))
  return fired.reduce((sum, count) => sum + count, 0)
}

async function fireShard(needs: Needs, shard: number): Promise<number> {
  let fired = 0
  let cursor: string | undefined
  do {
    const page = await dueMemberships(needs.table, shard, epochMilliseconds(needs.now()), cursor)
    for (const { id } of page.items) await advanceMembership(needs, id)
    fired += page.items.length
    cursor = page.next
  } while (cursor)
  return fired
}
