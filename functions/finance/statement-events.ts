import type { Statement, StatementLine } from '../../schemas/settlement.ts'
import { Refusal } from '../kernel/refusal.ts'
import type { Answer } from '../portal/visit.ts'
import { eventTable } from '../reports/event-table.ts'
import { tableCsv, tableXlsx } from '../reports/table.ts'
import { eachLineEvent, lineEvents } from '../settlement/line-events.ts'
import type { Desk, StaffVisit } from './desk.ts'
import type { EventPage } from './views/statement-line.tsx'

type Asked = { statement: Statement; line: StatementLine }

/** As many as one looks through without getting lost. */
const pageSize = 50

/** A page of the events behind a line, from where the address says. @throws Refusal invalid-request for another cursor */
export async function lineEventsPage(desk: Desk, { url }: StaffVisit, asked: Asked): Promise<EventPage> {
  const cursor = url.searchParams.get('cursor') ?? undefined
  const page = await lineEvents(desk, asked, { limit: pageSize, cursor })
  return { ...page, isFirst: cursor === undefined }
}

/** All events behind a line as `events.csv` or `events.xlsx`, the same as the API's. @throws Refusal not-found */
export async function lineEventsDownload(desk: Desk, asked: Asked, file: string): Promise<Answer> {
  const { statement, line } = asked
  const name = `${statement.id}-${line.id.replaceAll(/[^A-Za-z0-9.-]/g, '-')}-${file}`
  const events = () => eachLineEvent(desk, asked)
  if (file === 'events.csv')
    return { download: { name, type: 'text/csv; charset=utf-8', body: tableCsv(eventTable, events()) } }
  if (file === 'events.xlsx')
    return { download: { name, type: xlsxType, body: await tableXlsx('Events', eventTable, events()) } }
  throw new Refusal('not-found')
}

const xlsxType = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'
