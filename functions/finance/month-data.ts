import { Period, Slug } from '../../schemas/primitives.ts'
import type { Programme } from '../../schemas/programme.ts'
import { periodBounds } from '../kernel/calendar.ts'
import { isBefore } from '../kernel/clock.ts'
import { Refusal } from '../kernel/refusal.ts'
import { localized } from '../portal/language.ts'
import { findProgramme } from '../programmes/find-programme.ts'
import { type MonthPicture, monthBefore, monthPicture } from '../settlement/month-picture.ts'
import { knownPeriod } from '../settlement/periods.ts'
import type { Desk, StaffVisit } from './desk.ts'
import { periodIn } from './formats.ts'
import { brandNames, type Names } from './statement-names.ts'

/** How a page of a month calls what it shows. */
export type MonthNames = {
  programme: string
  month: string
  monthBefore: string
  brand: Names
  benefit: Names
  plan: Names
}

/** What the pages of a month are made of. */
export type MonthData = {
  picture: MonthPicture
  /** None in the programme's first month, nor where nobody asked for it. */
  before: MonthPicture | undefined
  programme: Programme
  /** Whether the month itself is over; it may be open all the same. */
  isOver: boolean
  names: MonthNames
}

/** The month of the page's address. @throws Refusal programme-not-found, period-not-found */
export function monthOf({ parameters }: Pick<StaffVisit, 'parameters'>): { programme: string; period: Period } {
  const programme = Slug.safeParse(parameters['programme'])
  const period = Period.safeParse(parameters['period'])
  if (!programme.success) throw new Refusal('programme-not-found')
  if (!period.success) throw new Refusal('period-not-found')
  return { programme: programme.data, period: period.data }
}

/** A month, and the one before it for pages that compare: each from its close, or computed while it is open. */
export async function loadMonth(desk: Desk, visit: StaffVisit, { compared = true } = {}): Promise<MonthData> {
  const closing = monthOf(visit)
  const picture = await monthPicture(desk.settlement, closing)
  const { frame } = picture
  const earlier = monthBefore(frame, closing.period)
  const before = compared && earlier ? await monthPicture(desk.settlement, { ...closing, period: earlier }) : undefined
  const programme = await findProgramme(desk, closing.programme)
  const parties = [...picture.statements, ...(before?.statements ?? [])]
  const brands = parties.flatMap(({ debtor, creditor }) => [debtor, creditor])
  return {
    picture,
    before,
    programme,
    isOver: !isBefore(desk.now(), periodBounds(closing.period, frame.timeZone).until),
    names: {
      ...plainNames(visit, programme, closing.period),
      monthBefore: earlier ? periodIn(visit.language, earlier) : '',
      brand: await brandNames(desk, visit, brands, frame.brand),
    },
  }
}

/** For tables that need no statements. @throws Refusal programme-not-found, period-not-found */
export async function loadNames(desk: Desk, visit: StaffVisit): Promise<Pick<MonthNames, 'month' | 'benefit'>> {
  const closing = monthOf(visit)
  await knownPeriod(desk.settlement, closing)
  return plainNames(visit, await findProgramme(desk, closing.programme), closing.period)
}

const plainNames = (visit: StaffVisit, { name, benefits, plans }: Programme, period: Period) => ({
  programme: localized(name, visit.language),
  month: periodIn(visit.language, period),
  benefit: namesOf(benefits, visit),
  plan: namesOf(plans, visit),
})

type Named = { id: string; name?: Programme['name'] | undefined }
function namesOf(items: readonly Named[], { language }: Pick<StaffVisit, 'language'>): Names {
  const names = new Map(items.map(({ id, name }) => [id, name ? localized(name, language) : id]))
  return id => names.get(id) ?? id
}
