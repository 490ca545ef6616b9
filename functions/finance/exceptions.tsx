import { exceptionLines } from '../exceptions/exception-lines.ts'
import { findOne } from '../exceptions/view.ts'
import { Refusal } from '../kernel/refusal.ts'
import type { Answer } from '../portal/visit.ts'
import { type TableForm, tableFile } from '../reports/table.ts'
import type { Desk, StaffPage, StaffVisit } from './desk.ts'
import { askedFilter, filterQuery } from './exception-filter.ts'
import { everyException, listForStaff, tallyOf } from './exception-list.ts'
import { queueNames } from './exception-names.ts'
import { exceptionPath } from './exception-paths.ts'
import { type FormName, loadShown, requestOf } from './exception-shown.ts'
import { exceptionColumns } from './exception-table.ts'
import { linesView } from './views/exception-lines.tsx'
import { exceptionsView } from './views/exception-list.tsx'
import { exceptionView } from './views/exception-page.tsx'

const rowsOfPage = 25
const linesOfPage = 100

const cursorIn = ({ url }: StaffVisit): string | undefined => url.searchParams.get('cursor') || undefined

/** What a cursor that no page gave makes of a page. */
const unlessNoCursor = (error: unknown): undefined => {
  if (error instanceof Refusal && error.code === 'invalid-request') return undefined
  throw error
}

/** The queue, filtered and page by page. */
export const showExceptions: StaffPage = async (desk, visit) => {
  const asked = askedFilter(visit.url.searchParams)
  const names = await queueNames(desk, visit.language)
  const cursor = cursorIn(visit)
  const common = { asked, names, isFirst: cursor === undefined, isBadCursor: false }
  if (asked.faults.length > 0) return { view: exceptionsView(visit, common) }
  const [page, tally] = await Promise.all([
    listForStaff(desk, visit, { filter: asked.filter, limit: rowsOfPage, cursor }).catch(unlessNoCursor),
    cursor === undefined ? tallyOf(desk, visit, asked.filter) : undefined,
  ])
  return {
    view: exceptionsView(visit, {
      ...common,
      ...(page ? { page } : { isBadCursor: true }),
      ...(tally && { tally }),
    }),
  }
}

/** Everything that the filter shows, on whichever pages. A filter that is not understood shows itself as a page. */
export const downloadExceptions: StaffPage = async (desk, visit) => {
  const asked = askedFilter(visit.url.searchParams)
  if (asked.faults.length > 0) return { location: `/finance/exceptions${filterQuery(asked)}` }
  const form = visit.url.pathname.endsWith('.xlsx') ? 'xlsx' : 'csv'
  return fileOf(desk, visit, form, asked)
}

async function fileOf(
  desk: Desk,
  visit: StaffVisit,
  form: TableForm,
  { filter }: ReturnType<typeof askedFilter>,
): Promise<Answer> {
  const { words } = visit
  const rows = everyException(desk, visit, filter)
  const file = await tableFile(form, words.exceptions.title, exceptionColumns(words), rows)
  return { download: { name: `exceptions.${form}`, ...file } }
}

const forms: readonly FormName[] = ['assigned', 'accepted', 'rejected', 'adjusted']

/** One exception, with all that speaks for it and what can be done. */
export const showException: StaffPage = async (desk, visit) => {
  const shown = await loadShown(desk, visit)
  const done = forms.find(form => form === visit.url.searchParams.get('done'))
  // The address may be opened again when somebody else has decided otherwise.
  const { state, resolution } = shown.exception
  const isSo = done !== undefined && (done === 'assigned' ? state === 'assigned' : resolution?.outcome === done)
  return { view: exceptionView(visit, { ...shown, ...(isSo && { done }) }) }
}

/** Every line of an exception. */
export const showExceptionLines: StaffPage = async (desk, visit) => {
  const { id, caller } = await requestOf(desk, visit)
  const exception = await findOne(desk.exceptions, { caller, id })
  const cursor = cursorIn(visit)
  const page = await exceptionLines(desk.exceptions, { caller, id, limit: linesOfPage, cursor }).catch(unlessNoCursor)
  // The lines begin anew where nobody can tell which page was meant.
  if (!page) return { location: exceptionPath(id, '/lines') }
  return { view: linesView(visit, exception, page, cursor === undefined) }
}
