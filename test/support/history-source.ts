import { shardOf } from '../../functions/kernel/canonical.ts'
import type { HistorySource } from '../../functions/reconciliation/history.ts'
import type { CapturedRedemption, HistoryEntry } from '../../schemas/disposition.ts'
import type { Entitlement } from '../../schemas/entitlement.ts'

const shards = 16

export function entryOf(entitlement: Entitlement | HistoryEntry): HistoryEntry {
  const { id, programme, partner, benefit, plan, subject, windows, quota, timeZone } = entitlement
  const captured: CapturedRedemption[] | undefined = 'captured' in entitlement ? entitlement.captured : undefined
  return {
    ...{ id, programme, partner, benefit, plan, subject, windows, timeZone },
    ...(quota && { quota }),
    ...(captured && { captured }),
  }
}

/** A list of entitlements as reconciliation reads the stored ones. */
export function sourceOf(list: Iterable<Entitlement | HistoryEntry>): HistorySource {
  const entries = Array.from(list, entryOf).sort((a, b) => (a.id < b.id ? -1 : 1))
  return {
    shards,
    async *shard(partner, index) {
      for (const entry of entries) if (entry.partner === partner && shardOf(entry.id, shards) === index) yield entry
    },
    async find(partner, ids) {
      const wanted = new Set(ids)
      return new Map(
        entries.filter(entry => entry.partner === partner && wanted.has(entry.id)).map(entry => [entry.id, entry]),
      )
    },
  }
}
