import { Period, Slug } from '../../schemas/primitives.ts'
import type { Programme } from '../../schemas/programme.ts'
import { Refusal } from '../kernel/refusal.ts'
import { localized } from '../portal/language.ts'
import { findProgramme } from '../programmes/find-programme.ts'
import { type MonthPicture, monthBefore, monthPicture } from '../settlement/month-picture.ts'
import type { Desk, StaffVisit } from './desk.ts'
import { periodIn } from './formats.ts'
import { brandNames, type Names } from './statement-names.ts'

/** What the pages of a month are made of. */
export type MonthData = {
  picture: MonthPicture
  /** None in the programme's first month. */
  before: MonthPicture | undefined
  programme: Programme
  names: { programme: string; month: string; monthBefore: string; brand: Names; benefit: Names; plan: Names }
}

/** The month of the page's address. @throws Refusal programme-not-found, period-not-found */
export function monthOf({ parameters }: Pick<StaffVisit, 'parameters'>): { programme: string; period: Period } {
  const programme = Slug.safeParse(parameters['programme'])
  const period = Period.safeParse(parameters['period'])
  if (!programme.success) throw new Refusal('programme-not-found')
  if (!period.success) throw new Refusal('period-not-found')
  return { programme: programme.data, period: period.data }
}

/** A month and the one before it: each from its close, or computed while it is open. */
export async function loadMonth(desk: Desk, visit: StaffVisit): Promise<MonthData> {
  const closing = monthOf(visit)
  const picture = await monthPicture(desk.settlement, closing)
  const earlier = monthBefore(picture.frame, closing.period)
  const before = earlier && (await monthPicture(desk.settlement, { ...closing, period: earlier }))
  const programme = await findProgramme(desk, closing.programme)
  const parties = [...picture.statements, ...(before?.statements ?? [])]
  const brands = parties.flatMap(({ debtor, creditor }) => [debtor, creditor])
  const { language } = visit
  return {
    picture,
    before,
    programme,
    names: {
      programme: localized(programme.name, language),
      month: periodIn(language, closing.period),
      monthBefore: earlier ? periodIn(language, earlier) : '',
      brand: await brandNames(desk, visit, brands, picture.frame.brand),
      benefit: namesOf(programme.benefits, visit),
      plan: namesOf(programme.plans, visit),
    },
  }
}

type Named = { id: string; name?: Programme['name'] | undefined }
function namesOf(items: readonly Named[], { language }: Pick<StaffVisit, 'language'>): Names {
  const names = new Map(items.map(({ id, name }) => [id, name ? localized(name, language) : id]))
  return id => names.get(id) ?? id
}
