import type { Link, LinkRecord } from '../../schemas/link.ts'
import { type QuotaUse, quotaUse } from '../entitlements/quota-use.ts'
import type { Table } from '../kernel/table.ts'
import { findAccount, link, linkPartition } from './store.ts'

/** The links of one partner account, ended ones too; none for an account nobody ever linked. */
export async function linksOfAccount({ table }: { table: Table }, partner: string, account: string): Promise<Link[]> {
  return (await findAccount(table, partner, account))?.links ?? []
}

/** All that a token needs, in one Query: the link with its entitlements, and the uses that its quotas have seen. */
export async function linkWithUses(
  { table }: { table: Table },
  id: string,
): Promise<{ link: LinkRecord; uses: QuotaUse[] } | undefined> {
  const found = await table.collection({ links: link, uses: quotaUse }, { partition: linkPartition(id) })
  const [only] = found.links
  return only && { link: only, uses: found.uses }
}
