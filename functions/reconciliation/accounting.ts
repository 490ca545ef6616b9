import type { Period } from '../../schemas/primitives.ts'
import type { ReceivedLine } from '../usage/read.ts'
import type { Days } from './days.ts'

export type ProgrammeCalendar = {
  id: string
  days: Days
  firstPeriod: Period
  /** The oldest period that is not final: lines that no close took belong to it or a later one. */
  openFrom: Period
}

/**
 * The period in which an event is accounted: that of `occurredAt`, but never earlier than the oldest open one at
 * receipt and never later than that of receipt. What would be of a period that is final by now, because no close saw
 * it, is of the oldest open one: no line is lost between two closes.
 */
export function accountingPeriod(
  {
    event,
    receivedAt,
    oldestOpen,
  }: Pick<ReceivedLine, 'receivedAt' | 'oldestOpen'> & { event: { occurredAt: ReceivedLine['receivedAt'] } },
  programme: ProgrammeCalendar,
): Period {
  return accountedIn(programme.days.periodOf(event.occurredAt), accountingBounds({ receivedAt, oldestOpen }, programme))
}

/** Between which periods the events of a batch are accounted. */
export type AccountingBounds = { oldest: Period; received: Period; openFrom: Period }

export const accountingBounds = (
  { receivedAt, oldestOpen }: Pick<ReceivedLine, 'receivedAt' | 'oldestOpen'>,
  { id, firstPeriod, days, openFrom }: ProgrammeCalendar,
): AccountingBounds => ({
  oldest: oldestOpen[id] ?? firstPeriod,
  received: days.periodOf(receivedAt),
  openFrom,
})

/** The accounting period of an event by the period in which it occurred. */
export const accountedIn = (occurred: Period, { oldest, received, openFrom }: AccountingBounds): Period =>
  laterOf(earlierOf(laterOf(occurred, oldest), received), openFrom)

/** Periods are months of four-digit years, so that their text sorts by time. */
export const laterOf = (a: Period, b: Period): Period => (a > b ? a : b)
export const earlierOf = (a: Period, b: Period): Period => (a < b ? a : b)
