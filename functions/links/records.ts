import type { LinkRecord } from '../../schemas/link.ts'
import type { Table } from '../kernel/table.ts'
import { findLinkRecords, linkedAccounts } from './store.ts'

/** What other domains may use of a link's records: to find them, and to write them within a larger commit. */
export {
  accountWrite,
  activityWrite,
  findAccount,
  findLinkRecord,
  findLinkRecords,
  linkIsUnchanged,
  linkWrite,
} from './store.ts'

/** The member's live links in a programme, at most one a partner. */
export async function liveLinks(table: Table, member: string, programme: string): Promise<LinkRecord[]> {
  const linked = (await linkedAccounts(table, member, programme)).filter(({ state }) => state === 'active')
  return linked.length === 0
    ? []
    : findLinkRecords(
        table,
        linked.map(({ link }) => link),
      )
}

/** The member's latest link at each partner of a programme, whatever its state. */
export async function linksOfMember(table: Table, member: string, programme: string): Promise<LinkRecord[]> {
  const linked = await linkedAccounts(table, member, programme)
  return findLinkRecords(
    table,
    linked.map(({ link }) => link),
  )
}
