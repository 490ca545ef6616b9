import { Period } from '../../schemas/primitives.ts'
import type { PeriodState, PeriodView } from '../../schemas/settlement.ts'
import { periodOf, periodsBetween } from '../kernel/calendar.ts'
import { localized } from '../portal/language.ts'
import { allProgrammes, findProgramme, type ProgrammeFrame } from '../programmes/find-programme.ts'
import { closesOf } from '../settlement/closed-periods.ts'
import { viewPeriod } from '../settlement/periods.ts'
import type { Desk, StaffPage, StaffVisit } from './desk.ts'
import { overviewView, type ProgrammeMonths } from './views/overview.tsx'

/** Months of one page, of each programme. */
const monthsOfPage = 12
/**
 * Closed months are read from what their closes stored; an open one is computed from its usage. So many of a programme
 * are, on this page: where nobody closes for a year, the others tell their figures on their own page.
 */
const mostComputed = 3

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
  const months: ProgrammeMonths['months'] = []
  let computed = 0
  for (const period of page) {
    const state = closes.get(period) ?? 'open'
    const isRead = isStored(state) || computed++ < mostComputed
    const view = isRead ? await viewPeriod(desk.settlement, { programme: id, period }) : undefined
    months.push({ period, state: view?.state ?? state, figures: view && figuresOf(view) })
  }
  return {
    id,
    name: localized(name, visit.language),
    months,
    older: all.length > page.length ? page.at(-1) : undefined,
  }
}

const isStored = (state: PeriodState): boolean => state !== 'open' && state !== 'cutoff' && state !== 'reconciled'

function figuresOf({ dispositions, totals }: PeriodView) {
  const { matched = 0, ...others } = dispositions
  return { matched, exceptional: Object.values(others).reduce((sum, lines) => sum + lines, 0), totals }
}
