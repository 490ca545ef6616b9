import { CapturedRedemption } from '../../schemas/disposition.ts'
import { EntitlementId } from '../../schemas/ids.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { RedemptionRecord } from '../../schemas/redemption.ts'
import { shardOf } from '../kernel/canonical.ts'
import { epochMilliseconds } from '../kernel/clock.ts'
import { type Page, put, recordType, type Table, type Write } from '../kernel/table.ts'

const redemption = recordType('redemption', RedemptionRecord)
const captured = recordType('captured-redemption', CapturedRedemption.extend({ entitlement: EntitlementId }))

/** Nothing is ever removed: an id names one redemption for ever. */
const redemptionKey = (partner: string, id: string) => ({ pk: `REDEMPTION#${partner}#${id}`, sk: 'HEAD' })

/** Holds that are due lie in so many partitions of the index. */
export const dueShards = 8
const duePartition = (shard: number): string => `DUE-REDEMPTIONS#${shard}`
const sortable = (instant: Instant): string => String(epochMilliseconds(instant)).padStart(15, '0')

/** Parallel to the partitions in which the entitlements lie, so that a close reads both side by side. */
export const capturedShards = 16
const capturedPartition = (partner: string, shard: number): string =>
  `CAPTURED#${partner}#${shard.toString(16).padStart(2, '0')}`

export const findRedemptionRecord = (
  table: Table,
  partner: string,
  id: string,
): Promise<RedemptionRecord | undefined> => table.get(redemption, redemptionKey(partner, id))

export const findRedemptionRecords = (table: Table, partner: string, ids: string[]): Promise<RedemptionRecord[]> =>
  table.getMany(
    redemption,
    ids.map(id => redemptionKey(partner, id)),
  )

export const heldWrite = (record: RedemptionRecord): Write =>
  put(
    redemption,
    {
      ...redemptionKey(record.partner, record.id),
      gsi1pk: duePartition(shardOf(`${record.partner}#${record.id}`, dueShards)),
      gsi1sk: sortable(record.expiresAt),
    },
    record,
    { when: 'absent' },
  )

/** Captured, voided or expired: whoever comes first, and once. It is due no more, hence without its index keys. */
export const settledWrite = (record: RedemptionRecord): Write =>
  put(redemption, redemptionKey(record.partner, record.id), record, { when: { equals: { state: 'held' } } })

export const capturedWrite = ({ partner, entitlement, id, heldAt, quantity }: RedemptionRecord): Write =>
  put(
    captured,
    { pk: capturedPartition(partner, shardOf(entitlement, capturedShards)), sk: `${entitlement}#${id}` },
    { entitlement, id, heldAt, quantity },
  )

export const eachCaptured = (table: Table, partner: string, shard: number) =>
  table.each(captured, { partition: capturedPartition(partner, shard) })

/** Holds whose time is over, as far as the index has heard. */
export const dueRedemptions = (
  table: Table,
  shard: number,
  at: Instant,
  cursor?: string,
): Promise<Page<RedemptionRecord>> =>
  table.query(redemption, { partition: duePartition(shard), index: 'gsi1', to: sortable(at), cursor })
