import type { ActivityEntry } from '../../schemas/link.ts'
import type { NewId } from '../kernel/ids.ts'
import type { Page, Table } from '../kernel/table.ts'
import { activityPage, activityWrite } from './store.ts'

/** Writes a line to the member's own log, apart from any other change: for what was refused or only looked at. */
export async function recordActivity(
  { table, newId }: { table: Table; newId: NewId },
  member: string,
  entry: ActivityEntry,
): Promise<void> {
  await table.commit([activityWrite(member, newId('act'), entry)])
}

/** The member's own log, newest first. */
export const activityOf = (
  { table }: { table: Table },
  member: string,
  page: { limit?: number; cursor?: string | undefined } = {},
): Promise<Page<ActivityEntry>> => activityPage(table, member, page)
