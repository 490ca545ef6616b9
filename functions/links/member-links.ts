import type { LinkId } from '../../schemas/ids.ts'
import type { ActivityEntry, LinkedAccount, LinkRecord } from '../../schemas/link.ts'
import type { Table } from '../kernel/table.ts'
import { allLinkedAccounts, eachActivity, findLinkRecords } from './store.ts'

type Needs = { table: Table }

/** The member's latest link at each partner and programme, as the member's own items tell it. */
export const latestLinks = ({ table }: Needs, member: string): Promise<LinkedAccount[]> =>
  allLinkedAccounts(table, member)

/** The member's log, oldest first. */
export const wholeActivity = ({ table }: Needs, member: string): AsyncGenerator<ActivityEntry> =>
  eachActivity(table, member)

/**
 * Every link that the member ever had, oldest first. Only the latest of each partner has an item at the member; the
 * others are named by the member's log, which gets a line in the same commit as every link.
 * @param lines of the log at most, for whom the first and the latest links do
 */
export async function everyLink(
  { table }: Needs,
  member: string,
  lines = Number.POSITIVE_INFINITY,
): Promise<LinkRecord[]> {
  const ids = new Set<LinkId>()
  let read = 0
  for await (const { link } of eachActivity(table, member)) {
    if (link) ids.add(link)
    read += 1
    if (read >= lines) break
  }
  for (const { link } of await allLinkedAccounts(table, member)) ids.add(link)
  const links = await findLinkRecords(table, [...ids])
  return links.filter(link => link.member === member).toSorted((a, b) => (a.id < b.id ? -1 : 1))
}
