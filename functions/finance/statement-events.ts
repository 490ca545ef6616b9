import type { Statement, StatementLine } from '../../schemas/settlement.ts'
import { Refusal } from '../kernel/refusal.ts'
import type { Answer } from '../portal/visit.ts'
import { eventTable } from '../reports/event-table.ts'
import { tableFile } from '../reports/table.ts'
import { eventsOfFile, lineEvents } from '../settlement/line-events.ts'
import type { Desk, StaffVisit } from './desk.ts'
import type { EventPage } from './views/statement-line.tsx'

type Asked = { statement: Statement; line: StatementLine }

/** As many as one looks through without getting lost. */
const pageSize = 50

/** A page of the events behind a line, from where the address says; undefined for a cursor that no page gave. */
export async function lineEventsPage(desk: Desk, { url }: StaffVisit, asked: Asked): Promise<EventPage | undefined> {
  const cursor = url.searchParams.get('cursor') ?? undefined
  const page = await lineEvents(desk, asked, { limit: pageSize, cursor }).catch(unlessNoCursor)
  return page && { ...page, isFirst: cursor === undefined }
}

function unlessNoCursor(error: unknown): undefined {
  if (!(error instanceof Refusal && error.code === 'invalid-request')) throw error
}

/** All events behind a line as `events.csv` or `events.xlsx`, the same as the API's. @throws Refusal not-found, download-too-large */
export async function lineEventsDownload(desk: Desk, asked: Asked, file: string): Promise<Answer> {
  const { statement, line } = asked
  const name = `${statement.id}-${line.id.replaceAll(/[^A-Za-z0-9.-]/g, '-')}-${file}`
  if (file !== 'events.csv' && file !== 'events.xlsx') throw new Refusal('not-found')
  const form = file === 'events.csv' ? 'csv' : 'xlsx'
  const table = await tableFile(form, 'Events', eventTable, await eventsOfFile(desk, asked))
  return { download: { name, ...table } }
}
