import type { CloseRecord } from '../../schemas/settlement.ts'
import { listExceptions } from '../exceptions/list-exceptions.ts'
import { nextPeriod, periodBounds } from '../kernel/calendar.ts'
import { isBefore } from '../kernel/clock.ts'
import { Refusal, refusals } from '../kernel/refusal.ts'
import type { Answer } from '../portal/visit.ts'
import { requestClose } from '../settlement/close.ts'
import { closesOf } from '../settlement/closed-periods.ts'
import { preview, viewPeriod } from '../settlement/periods.ts'
import { type Month, monthAsked } from './close-month.ts'
import { callerFor, type Desk, type StaffPage, type StaffVisit } from './desk.ts'
import { monthPath } from './paths.ts'
import { brandNames, programmeName } from './statement-names.ts'
import { askView, type CloseRefusal } from './views/close.tsx'
import { closingView } from './views/close-progress.tsx'

/** Before a close what it will do; while it runs how far it is; after it that it is done. */
export const askClose: StaffPage = async (desk, visit) => page(desk, visit, await monthAsked(desk, visit))

/** Starts a close for finance, or asks again for one that stands still. What cannot be is said on the page. */
export const startClose: StaffPage = async (desk, visit) => {
  const month = await monthAsked(desk, visit)
  const { programme, period } = month
  const isUnderWay = (await closesOf(desk, programme)).some(close => close.period === period)
  // One who asks again confirmed already, or a colleague did.
  if (!isUnderWay && visit.form.get('confirm') !== period)
    return page(desk, visit, month, { status: 400, unconfirmed: true })
  try {
    await requestClose(desk.settlement, { programme, period })
  } catch (error) {
    if (!(error instanceof Refusal) || !(error.code in visit.words.money.close.refusals)) throw error
    return page(desk, visit, month, { status: refusals[error.code][0] })
  }
  return { location: monthPath(month, 'close') }
}

type More = { status?: number; unconfirmed?: boolean }

async function page(desk: Desk, visit: StaffVisit, month: Month, more: More = {}): Promise<Answer> {
  const closes = await closesOf(desk, month.programme)
  const close = closes.find(({ period }) => period === month.period)
  const programme = await programmeName(desk, visit, month.programme)
  if (close) {
    const { timeZone } = month.frame
    // While it runs, the record alone is read: people look every two seconds.
    const view = close.state === 'published' ? await viewPeriod(desk.settlement, month) : undefined
    return { view: closingView(visit, { close, programme, timeZone, totals: view?.totals }) }
  }
  const { statements, totals, dispositions } = await preview(desk.settlement, month)
  return {
    view: askView(visit, {
      month,
      programme,
      statements,
      totals,
      dispositions,
      nameOf: await brandNames(
        desk,
        visit,
        statements.flatMap(({ debtor, creditor }) => [debtor, creditor]),
        month.frame.brand,
      ),
      exceptions: await undecided(desk, visit, month),
      refused: refusalOf(desk, month, closes),
      ...more,
    }),
  }
}

/** Why `requestClose` would refuse now, told before anybody asks. */
function refusalOf({ now }: Desk, { period, frame }: Month, closes: CloseRecord[]): CloseRefusal | undefined {
  const { until } = periodBounds(period, frame.timeZone)
  if (isBefore(now(), until)) return { code: 'period-not-over', until }
  const before = closes.filter(close => close.period < period)
  const unfinished = before.find(({ state }) => state !== 'published')?.period
  const last = before.at(-1)
  const first = unfinished ?? (last ? nextPeriod(last.period) : frame.firstPeriod)
  return first < period ? { code: 'earlier-period-open', first } : undefined
}

const mostCounted = 100

/** Exceptions of the month that nobody has decided, counted up to a hundred of each state. */
async function undecided({ exceptions }: Desk, visit: StaffVisit, { programme, period, frame }: Month) {
  const caller = callerFor(visit, frame.brand)
  const pages = await Promise.all(
    (['open', 'assigned'] as const).map(state =>
      listExceptions(exceptions, { caller, programme, period, state, limit: mostCounted }),
    ),
  )
  return {
    count: pages.reduce((sum, { items }) => sum + items.length, 0),
    more: pages.some(({ next }) => next !== undefined),
  }
}
