import { Entitlement, QuotaUse } from '../../schemas/entitlement.ts'
import { shardOf } from '../kernel/canonical.ts'
import { put, recordType, type Table, type Write } from '../kernel/table.ts'
import { quotaSummary, type UsedQuota, usedOf, usedText } from './remaining.ts'

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

const quotaUse = recordType('quota-use', QuotaUse)

const useKey = (use: QuotaUse) => ({ pk: `USES#${use.link}`, sk: `${use.period}#${use.event}` })

/** Uses of a quota period and later ones; a period sorts after the longer ones that it lies in. */
export const findUses = (table: Table, link: string, from: string): Promise<QuotaUse[]> =>
  table.all(quotaUse, { partition: `USES#${link}`, from })

/** The oldest uses of a link that are still kept. */
export const firstUses = async (table: Table, link: string, limit: number): Promise<QuotaUse[]> =>
  (await table.query(quotaUse, { partition: `USES#${link}`, limit })).items

export const quotaUseWrite = (use: QuotaUse, ttl: number): Write =>
  put(quotaUse, useKey(use), use, { ttl, when: 'absent' })

export const reversedUseWrite = (use: QuotaUse, ttl: number): Write => put(quotaUse, useKey(use), use, { ttl })

const summaryKey = (link: string) => ({ pk: `LINK#${link}`, sk: 'QUOTA' })

/** What was used of a link's quotas, as its tokens tell it; `version` guards it against rivals. */
export async function findUsed(table: Table, link: string): Promise<{ version: number; used: UsedQuota } | undefined> {
  const found = await table.get(quotaSummary, summaryKey(link))
  return found && { version: found.version, used: usedOf(found.used) }
}

export const usedWrite = (
  { link, partner, used }: { link: string; partner: string; used: UsedQuota },
  before: { version: number } | undefined,
): Write =>
  put(
    quotaSummary,
    summaryKey(link),
    { partner, version: (before?.version ?? 0) + 1, used: usedText(used) },
    { when: before ? { equals: { version: before.version } } : 'absent' },
  )
