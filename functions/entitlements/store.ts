import { z } from 'zod'
import { Entitlement } from '../../schemas/entitlement.ts'
import { EntitlementId, LinkId } from '../../schemas/ids.ts'
import { ForeignId } from '../../schemas/primitives.ts'
import { shardOf } from '../kernel/canonical.ts'
import { put, recordType, type Table, type Write } from '../kernel/table.ts'

const entitlement = recordType('entitlement', Entitlement)

/** Spread over partitions by a hash of the id, so that one lookup finds an id and a few queries find all. */
const shards = 16
const partition = (partner: string, shard: number) => `ENTITLEMENTS#${partner}#${shard.toString(16).padStart(2, '0')}`
const key = (partner: string, id: string) => ({ pk: partition(partner, shardOf(id, shards)), sk: id })

export const entitlementWrite = (record: Entitlement): Write => put(entitlement, key(record.partner, record.id), record)

export const findEntitlements = (table: Table, wanted: { partner: string; id: string }[]): Promise<Entitlement[]> =>
  table.getMany(
    entitlement,
    wanted.map(({ partner, id }) => key(partner, id)),
  )

export async function entitlementsOf(table: Table, partner: string): Promise<Entitlement[]> {
  const all = Array.from({ length: shards }, (_, shard) => shard)
  const pages = await Promise.all(all.map(shard => table.all(entitlement, { partition: partition(partner, shard) })))
  return pages.flat()
}

/** One matched use of an allowance, so that the remaining quota is known at mint time. One item an event id. */
export const QuotaUse = z.strictObject({
  entitlement: EntitlementId,
  link: LinkId,
  event: ForeignId,
  /** Quota period, such as `2026-10`. */
  period: z.string(),
  quantity: z.int().min(1),
  /** The event that took it back. The item stays, so that the use seen again is not counted again. */
  reversedBy: ForeignId.optional(),
})
export type QuotaUse = z.infer<typeof QuotaUse>
export const quotaUse = recordType('quota-use', QuotaUse)

const useKey = (use: QuotaUse) => ({ pk: `LINK#${use.link}`, sk: `USED#${use.period}#${use.event}` })

export const findUses = (table: Table, link: string): Promise<QuotaUse[]> =>
  table.all(quotaUse, { partition: `LINK#${link}`, startsWith: 'USED#' })

export const quotaUseWrite = (use: QuotaUse, ttl: number): Write =>
  put(quotaUse, useKey(use), use, { ttl, when: 'absent' })

export const reversedUseWrite = (use: QuotaUse, reversedBy: string, ttl: number): Write =>
  put(quotaUse, useKey(use), { ...use, reversedBy }, { ttl })
