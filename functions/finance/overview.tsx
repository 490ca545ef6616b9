import { Period } from '../../schemas/primitives.ts'
import type { PeriodState } from '../../schemas/settlement.ts'
import { periodOf, periodsBetween } from '../kernel/calendar.ts'
import { errorFields } from '../kernel/log.ts'
import { localized } from '../portal/language.ts'
import { allProgrammes, findProgramme, type ProgrammeFrame } from '../programmes/find-programme.ts'
import { closesOf } from '../settlement/closed-periods.ts'
import { monthPicture } from '../settlement/month-picture.ts'
import type { Desk, StaffPage, StaffVisit } from './desk.ts'
import { type Figures, overviewView, type ProgrammeMonths } from './views/overview.tsx'

/** Months of one page, of each programme. */
const monthsOfPage = 12
/** Every programme with its months, the newest first. */
export const showOverview: StaffPage = async (desk, visit) => {
  const asked = Period.safeParse(visit.url.searchParams.get('before'))
  const before = asked.success ? asked.data : undefined
  const programmes: ProgrammeMonths[] = []
  for (const frame of await allProgrammes(desk)) programmes.push(await monthsOf(desk, visit, frame, before))
  programmes.sort((a, b) => (a.id < b.id ? -1 : 1))
  return { view: overviewView(visit, { programmes, before }) }
}

async function monthsOf(
  desk: Desk,
  visit: StaffVisit,
  frame: ProgrammeFrame,
  before: Period | undefined,
): Promise<ProgrammeMonths> {
  const { id, firstPeriod, timeZone } = frame
  const { name } = await findProgramme(desk, id)
  const all = periodsBetween(firstPeriod, periodOf(desk.now(), timeZone)).filter(
    period => before === undefined || period < before,
  )
  const page = all.slice(-monthsOfPage).reverse()
  const closes = new Map((await closesOf(desk, id)).map(({ period, state }) => [period, state]))
  const present = periodOf(desk.now(), timeZone)
  const oldest = periodsBetween(firstPeriod, present).find(period => !isStored(closes.get(period)))
  const months: ProgrammeMonths['months'] = []
  for (const period of page) {
    const state = closes.get(period) ?? 'open'
    // Closed months are read from what their closes stored; the others are computed from their usage, which takes
    // time: the oldest of them and the present one here, the rest on their own pages.
    const isTold = isStored(state) || period === oldest || period === present
    const figures = isTold ? await figuresOf(desk, { programme: id, period }) : undefined
    months.push({ period, state, figures })
  }
  return {
    id,
    name: localized(name, visit.language),
    months,
    older: all.length > page.length ? page.at(-1) : undefined,
  }
}

const isStored = (state: PeriodState | undefined): boolean =>
  state !== undefined && state !== 'open' && state !== 'cutoff'

/** One month that cannot be computed leaves the others their figures. */
async function figuresOf(desk: Desk, closing: { programme: string; period: Period }): Promise<Figures | 'failed'> {
  try {
    const { dispositions, totals } = await monthPicture(desk.settlement, closing)
    const { matched = 0, ...others } = dispositions
    return { matched, exceptional: Object.values(others).reduce((sum, lines) => sum + lines, 0), totals }
  } catch (error) {
    desk.log('error', 'month-not-computed', { ...closing, ...errorFields(error) })
    return 'failed'
  }
}
