import type { CapturedRedemption, HistoryEntry } from '../../schemas/disposition.ts'
import type { Entitlement, QuotaUse } from '../../schemas/entitlement.ts'
import type { Table } from '../kernel/table.ts'
import type { HistorySource } from '../reconciliation/history.ts'
import { entitlementShards, entitlementsInShard, findEntitlements, firstUses, historyInShard } from './store.ts'

type Needs = { table: Table }

/**
 * What a partner captured of the entitlements of one shard (`shardOf` of the entitlement's id, of as many shards as
 * entitlements are stored in), in the order of their ids.
 */
type CapturedOf = (partner: string, shard: number) => AsyncIterable<CapturedRedemption & { entitlement: string }>

/** Every entitlement that ever was at these partners, with all windows in which it was live, by id. */
export async function entitlementHistory({ table }: Needs, partners: string[]): Promise<Map<string, Entitlement>> {
  const shards = Array.from({ length: entitlementShards }, (_, shard) => shard)
  const lists = await Promise.all(
    [...new Set(partners)].flatMap(partner =>
      shards.map(shard => Array.fromAsync(entitlementsInShard(table, partner, shard))),
    ),
  )
  return new Map(lists.flat().map(entitlement => [entitlement.id, entitlement]))
}

/** Entitlements as reconciliation reads them: whole parts with what was captured of them, some by their ids without. */
export const historySource = ({ table, capturedOf }: Needs & { capturedOf: CapturedOf }): HistorySource => ({
  shards: entitlementShards,
  shard: (partner, shard) => withCaptured(historyInShard(table, partner, shard), () => capturedOf(partner, shard)),
  async find(partner, ids) {
    const found = new Map<string, HistoryEntry>()
    for (const [id, entitlement] of await entitlementsById({ table }, partner, ids)) found.set(id, entryOf(entitlement))
    return found
  },
})

/**
 * Joins both, which come in the order of the entitlements' ids. What was captured matters to a quota and else to
 * nothing: where nobody has one, it is not asked for.
 */
async function* withCaptured(
  entitlements: AsyncIterable<HistoryEntry>,
  redemptions: () => ReturnType<CapturedOf>,
): AsyncGenerator<HistoryEntry> {
  let captured: AsyncIterator<CapturedRedemption & { entitlement: string }> | undefined
  let next: Awaited<ReturnType<NonNullable<typeof captured>['next']>> | undefined
  for await (const entry of entitlements) {
    if (!entry.quota) {
      yield entry
      continue
    }
    captured ??= redemptions()[Symbol.asyncIterator]()
    next ??= await captured.next()
    const own: CapturedRedemption[] = []
    while (!next.done && next.value.entitlement <= entry.id) {
      const { entitlement: of, ...redemption } = next.value
      if (of === entry.id) own.push(redemption)
      next = await captured.next()
      if (!next.done && next.value.entitlement < of) throw new Error('captured redemptions come in the wrong order')
    }
    yield own.length > 0 ? { ...entry, captured: own } : entry
  }
}

function entryOf(entitlement: Entitlement): HistoryEntry {
  const { id, programme, partner, benefit, plan, subject, windows, quota, timeZone } = entitlement
  return { id, programme, partner, benefit, plan, subject, windows, timeZone, ...(quota && { quota }) }
}

/** Of a lookup, and so many lookups side by side. */
const lookup = { ids: 1_000, atOnce: 4 } as const

/** Those of the given ids that exist at the partner, by id. */
export async function entitlementsById(
  { table }: Needs,
  partner: string,
  ids: Iterable<string>,
): Promise<Map<string, Entitlement>> {
  const wanted = Array.from(new Set(ids), id => ({ partner, id }))
  const found = new Map<string, Entitlement>()
  const piece = lookup.ids * lookup.atOnce
  for (let start = 0; start < wanted.length; start += piece) {
    const starts = Array.from({ length: lookup.atOnce }, (_, at) => start + at * lookup.ids)
    const lists = await Promise.all(starts.map(at => findEntitlements(table, wanted.slice(at, at + lookup.ids))))
    for (const entitlement of lists.flat()) found.set(entitlement.id, entitlement)
  }
  return found
}

/** What is still kept of the metered uses of a link, oldest first. */
export const usesOfLink = ({ table }: Needs, link: string, limit: number): Promise<QuotaUse[]> =>
  firstUses(table, link, limit)

/** Entitlements by partner and id, in no particular order. */
export const entitlementsNamed = (
  { table }: Needs,
  wanted: { partner: string; id: string }[],
): Promise<Entitlement[]> => findEntitlements(table, wanted)
