import type { CapturedRedemption } from '../../schemas/disposition.ts'
import type { EntitlementId } from '../../schemas/ids.ts'
import type { RedemptionRecord } from '../../schemas/redemption.ts'
import type { Table } from '../kernel/table.ts'
import { eachCaptured, findRedemptionRecords } from './store.ts'

type Needs = { table: Table }

/** A captured redemption and the entitlement whose quota it took. */
export type CapturedOf = CapturedRedemption & { entitlement: EntitlementId }

/**
 * Everything that a partner ever captured of the entitlements of one shard (that of `shardOf(entitlement, 16)`, as
 * entitlements are stored), by entitlement and then by id.
 */
export const capturedOf = ({ table }: Needs, partner: string, shard: number): AsyncGenerator<CapturedOf> =>
  eachCaptured(table, partner, shard)

/** Those of the partner's redemptions of these ids that are captured, in no particular order. */
export async function capturedByIds(
  needs: Needs,
  partner: string,
  redemptionIds: Iterable<string>,
): Promise<CapturedOf[]> {
  const found = await redemptionsByIds(needs, partner, redemptionIds)
  return found
    .filter(({ state }) => state === 'captured')
    .map(({ entitlement, id, heldAt, quantity }) => ({ entitlement, id, heldAt, quantity }))
}

/** Those of the partner's redemptions of these ids that exist, in no particular order. */
export const redemptionsByIds = (
  { table }: Needs,
  partner: string,
  ids: Iterable<string>,
): Promise<RedemptionRecord[]> => findRedemptionRecords(table, partner, [...new Set(ids)])
