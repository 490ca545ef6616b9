import { Period, Slug } from '../../schemas/primitives.ts'
import { Refusal } from '../kernel/refusal.ts'
import type { Frame } from '../settlement/inputs.ts'
import { knownPeriod } from '../settlement/periods.ts'
import type { Desk, StaffVisit } from './desk.ts'

/** The month that an address names. */
export type Month = { programme: string; period: Period; frame: Frame }

/** @throws Refusal programme-not-found, period-not-found, also where the address names none at all */
export async function monthAsked({ settlement }: Desk, { parameters }: StaffVisit): Promise<Month> {
  const programme = Slug.safeParse(parameters['programme'])
  if (!programme.success) throw new Refusal('programme-not-found')
  const period = Period.safeParse(parameters['period'])
  if (!period.success) throw new Refusal('period-not-found')
  const closing = { programme: programme.data, period: period.data }
  return { ...closing, frame: await knownPeriod(settlement, closing) }
}
