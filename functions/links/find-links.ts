import type { Link, LinkRecord } from '../../schemas/link.ts'
import type { UsedQuota } from '../entitlements/remaining.ts'
import type { Table } from '../kernel/table.ts'
import { findAccount, findLinkWithQuota } from './store.ts'

/** The links of one partner account, ended ones too; none for an account nobody ever linked. */
export async function linksOfAccount({ table }: { table: Table }, partner: string, account: string): Promise<Link[]> {
  return (await findAccount(table, partner, account))?.links ?? []
}

/** A link and what was used of its quotas; undefined where there is none or it is another partner's. */
export const linkWithQuota = (
  { table }: { table: Table },
  partner: string,
  id: string,
): Promise<{ link: LinkRecord; used: UsedQuota } | undefined> => findLinkWithQuota(table, partner, id)
