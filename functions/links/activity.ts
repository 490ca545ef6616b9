import type { ActivityEntry } from '../../schemas/link.ts'
import { epochMilliseconds } from '../kernel/clock.ts'
import type { NewId } from '../kernel/ids.ts'
import { againOnConflict, type Page, type Table } from '../kernel/table.ts'
import { findErasure, notErased } from '../privacy/records.ts'
import { activityPage, activityWrite } from './store.ts'

/**
 * Writes a line to the member's own log, apart from any other change: for what was refused or only looked at. Once the
 * member's erasure has begun nothing is written, since it would stay behind.
 */
export async function recordActivity(
  { table, newId }: { table: Table; newId: NewId },
  member: string,
  entry: ActivityEntry,
): Promise<void> {
  await againOnConflict(async () => {
    if (await findErasure(table, member)) return
    await table.commit([activityWrite(member, newId('act'), entry), notErased(member)])
  })
}

/** Within this time the same again is no news. */
const sameSeconds = 600
/** How far back a line is looked for: one page of the log. */
const looksBack = 30

/**
 * Writes a line unless the same was written within the last ten minutes: for what a page that is opened again, or
 * opened by another site, would write each time. Two at the same instant may both be written.
 */
export async function noteOnce(
  needs: { table: Table; newId: NewId },
  member: string,
  entry: ActivityEntry,
): Promise<void> {
  const { items } = await activityPage(needs.table, member, { limit: looksBack })
  if (!items.some(line => isSame(line, entry))) await recordActivity(needs, member, entry)
}

function isSame(line: ActivityEntry, entry: ActivityEntry): boolean {
  const told = ['action', 'code', 'partner', 'via'] as const
  if (told.some(field => line[field] !== entry[field])) return false
  return epochMilliseconds(entry.at) - epochMilliseconds(line.at) < sameSeconds * 1000
}

/** The member's own log, newest first. */
export const activityOf = (
  { table }: { table: Table },
  member: string,
  page: { limit?: number; cursor?: string | undefined } = {},
): Promise<Page<ActivityEntry>> => activityPage(table, member, page)
