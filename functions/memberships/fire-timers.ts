import { epochMilliseconds, type Now } from '../kernel/clock.ts'
import type { NewId, Random } from '../kernel/ids.ts'
import type { Table } from '../kernel/table.ts'
import { advanceMembership } from './change.ts'
import { dueMemberships, timerShards } from './store.ts'

type Needs = { table: Table; now: Now; newId: NewId; random: Random }

/**
 * Advances every membership whose timer is due. Running it twice, or two at once, changes nothing more.
 * @throws AggregateError of those that failed, once all others have been advanced
 */
export async function fireDueTimers(needs: Needs): Promise<number> {
  const shards = Array.from({ length: timerShards }, (_, shard) => shard)
  const failures: unknown[] = []
  const fired = await Promise.all(shards.map(shard => fireShard(needs, shard, failures)))
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} memberships were not advanced`)
  return fired.reduce((sum, count) => sum + count, 0)
}

async function fireShard(needs: Needs, shard: number, failures: unknown[]): Promise<number> {
  let fired = 0
  let cursor: string | undefined
  do {
    const page = await dueMemberships(needs.table, shard, epochMilliseconds(needs.now()), cursor)
    for (const { id } of page.items) {
      // One that fails must not keep the others of its shard waiting for ever.
      await advanceMembership(needs, id).then(
        () => {
          fired += 1
        },
        error => failures.push(error),
      )
    }
    cursor = page.next
  } while (cursor)
  return fired
}
