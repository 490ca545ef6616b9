import type { ExceptionState } from '../../schemas/exception.ts'
import type { Instant } from '../../schemas/primitives.ts'
import type { CloseRecord } from '../../schemas/settlement.ts'
import { countExceptions } from '../exceptions/count-exceptions.ts'
import { nextPeriod, periodBounds } from '../kernel/calendar.ts'
import { isBefore } from '../kernel/clock.ts'
import { Refusal, refusals } from '../kernel/refusal.ts'
import type { Answer } from '../portal/visit.ts'
import { requestClose } from '../settlement/close.ts'
import { closesOf } from '../settlement/closed-periods.ts'
import { preview, viewPeriod } from '../settlement/periods.ts'
import { type Month, monthAsked } from './close-month.ts'
import { amongRivals, type Desk, type StaffPage, type StaffVisit } from './desk.ts'
import { monthPath } from './paths.ts'
import { brandNames, programmeName } from './statement-names.ts'
import { askView, type CloseRefusal, type Undecided } from './views/close.tsx'
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
    await amongRivals(() => requestClose(desk.settlement, { programme, period }))
  } catch (error) {
    if (!(error instanceof Refusal) || !(error.code in visit.words.money.close.refusals)) throw error
    return page(desk, visit, month, { status: refusals[error.code][0], isBusy: error.code === 'busy' })
  }
  return { location: monthPath(month, 'close') }
}

type More = { status?: number; unconfirmed?: boolean; isBusy?: boolean }

async function page(desk: Desk, visit: StaffVisit, month: Month, more: More = {}): Promise<Answer> {
  const closes = await closesOf(desk, month.programme)
  const close = closes.find(({ period }) => period === month.period)
  const programme = await programmeName(desk, visit, month.programme)
  if (close) {
    const { timeZone } = month.frame
    // While it runs, the record alone is read: people look every few seconds.
    const view = close.state === 'published' ? await viewPeriod(desk.settlement, month) : undefined
    const isMoving = isMovingAt(desk.now(), close.changedAt)
    return {
      view: closingView(visit, { close, programme, timeZone, totals: view?.totals, isMoving, isBusy: more.isBusy }),
    }
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
      exceptions: await undecided(desk, month),
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

/** Nobody waits at a page for what stands still. */
const movingMilliseconds = 60_000
const isMovingAt = (now: Instant, changedAt: Instant): boolean =>
  Date.parse(now) - Date.parse(changedAt) < movingMilliseconds

/** Exceptions of the month that nobody has decided, by their state. */
async function undecided(desk: Desk, { programme, period }: Month): Promise<Undecided> {
  const counts = await countExceptions(desk, { programme, period })
  const of = (state: ExceptionState) => {
    const own = counts.filter(one => one.state === state)
    return { count: own.reduce((sum, { count }) => sum + count, 0), more: own.some(({ isWhole }) => !isWhole) }
  }
  return { open: of('open'), assigned: of('assigned') }
}
