import type { Day, Instant, Period } from '../../schemas/primitives.ts'
import type { Quota } from '../../schemas/programme.ts'
import { dayOf, previousQuotaPeriod } from '../kernel/calendar.ts'
import { epochMilliseconds, instantOf } from '../kernel/clock.ts'

/** The calendar of one time zone, for judging many instants. */
export type Days = {
  dayOf(instant: Instant): Day
  /** As `dayOf`, of epoch milliseconds: parsing an instant takes longer than finding its day. */
  dayAt(at: number): Day
  periodOf(instant: Instant): Period
  /** As the kernel calendar’s functions of these names have it. */
  quotaPeriodOf(instant: Instant, per: Quota['per']): string
  quotaPeriodAt(at: number, per: Quota['per']): string
  previousQuotaPeriod(period: string, per: Quota['per']): string
}

const quarterMilliseconds = 15 * 60_000
/** Until 2011 Newfoundland changed its clocks one minute past midnight; since then every place does at a quarter. */
const quartersSince = Date.UTC(2012, 0, 1)
const heldDays = 100_000

/** Remembers the day of each quarter of an hour: events of a batch lie close together. */
export function daysOf(timeZone: string): Days {
  const days = new Map<number, Day>()
  const previous = new Map<string, string>()
  const dayAt = (at: number): Day => {
    if (at < quartersSince) return dayOf(instantOf(at), timeZone)
    const quarter = Math.floor(at / quarterMilliseconds)
    const known = days.get(quarter)
    if (known) return known
    if (days.size >= heldDays) days.clear()
    const found = dayOf(instantOf(at), timeZone)
    days.set(quarter, found)
    return found
  }
  const dayIn = (instant: Instant): Day => dayAt(epochMilliseconds(instant))
  return {
    dayOf: dayIn,
    dayAt,
    periodOf: instant => dayIn(instant).slice(0, 7) as Period,
    quotaPeriodAt: (at, per) => dayAt(at).slice(0, lengths[per]),
    quotaPeriodOf: (instant, per) => dayIn(instant).slice(0, lengths[per]),
    previousQuotaPeriod(period, per) {
      const known = previous.get(period)
      if (known) return known
      const found = previousQuotaPeriod(period, per)
      previous.set(period, found)
      return found
    },
  }
}

/** How much of an ISO date names the year, the month, the day. */
const lengths = { P1Y: 4, P1M: 7, P1D: 10 } as const satisfies Record<Quota['per'], number>

/** The last instant of a window that ends before `until`. */
export const justBefore = (until: Instant): Instant => instantOf(epochMilliseconds(until) - 1)
