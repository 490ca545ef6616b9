import * as z from 'zod'
import { HistoryEntry } from '../../schemas/disposition.ts'
import { Entitlement, QuotaReversal, QuotaUse } from '../../schemas/entitlement.ts'
import { shardOf } from '../kernel/canonical.ts'
import { put, recordType, type Table, type Write } from '../kernel/table.ts'
import { type QuotaSummary, quotaSummary, summaryTexts, type UsedQuota, usedOf } from './remaining.ts'

const entitlement = recordType('entitlement', Entitlement)

/** Spread over partitions by a hash of the id, so that one lookup finds an id and a few queries find all. */
export const entitlementShards = 16
const partition = (partner: string, shard: number) => `ENTITLEMENTS#${partner}#${shard.toString(16).padStart(2, '0')}`
const key = (partner: string, id: string) => ({ pk: partition(partner, shardOf(id, entitlementShards)), sk: id })

export const entitlementWrite = (record: Entitlement): Write => put(entitlement, key(record.partner, record.id), record)

export const findEntitlements = (table: Table, wanted: { partner: string; id: string }[]): Promise<Entitlement[]> =>
  table.getMany(
    entitlement,
    wanted.map(({ partner, id }) => key(partner, id)),
  )

/** Those of one partition, in the order of their ids. */
export const entitlementsInShard = (table: Table, partner: string, shard: number): AsyncGenerator<Entitlement> =>
  table.each(entitlement, { partition: partition(partner, shard) })

/** What reconciliation reads of it. All else in the item is passed over, unread: a partner has millions of them. */
const history = recordType('entitlement', z.object(HistoryEntry.omit({ captured: true }).shape))

/** Those of one partition as reconciliation reads them, in the order of their ids. */
export const historyInShard = (table: Table, partner: string, shard: number): AsyncGenerator<HistoryEntry> =>
  table.each(history, { partition: partition(partner, shard) })

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

/** What takes back a use, whether that has been noted or not: the first of each use. */
const quotaReversal = recordType('quota-reversal', QuotaReversal)

export const quotaReversalWrite = (reversal: QuotaReversal, ttl: number): Write =>
  put(
    quotaReversal,
    { pk: `REVERSALS#${reversal.link}`, sk: `${reversal.entitlement}#${reversal.reverses}` },
    reversal,
    { ttl, when: 'absent' },
  )

export const findReversals = (table: Table, link: string): Promise<QuotaReversal[]> =>
  table.all(quotaReversal, { partition: `REVERSALS#${link}` })

const summaryKey = (link: string) => ({ pk: `LINK#${link}`, sk: 'QUOTA' })

/** What is taken of a link's quotas, as its tokens tell it; `version` guards it against rivals. */
export type CountedQuota = Pick<QuotaSummary, 'version' | 'asOf' | 'usesAt' | 'moved'> & { quotas: UsedQuota }

export async function findCounted(table: Table, link: string): Promise<CountedQuota | undefined> {
  const found = await table.get(quotaSummary, summaryKey(link))
  if (!found) return undefined
  const { version, asOf, usesAt, moved } = found
  return { version, quotas: usedOf(found), asOf, usesAt, moved }
}

type Counted = { link: string; partner: string; quotas: UsedQuota } & Pick<QuotaSummary, 'asOf' | 'usesAt' | 'moved'>

export const countedWrite = (
  { link, partner, quotas, asOf, usesAt, moved }: Counted,
  before: { version: number } | undefined,
): Write =>
  put(
    quotaSummary,
    summaryKey(link),
    {
      partner,
      version: (before?.version ?? 0) + 1,
      ...summaryTexts(quotas),
      ...(asOf && { asOf }),
      ...(usesAt && { usesAt }),
      ...(moved && { moved }),
    },
    { when: before ? { equals: { version: before.version } } : 'absent' },
  )
