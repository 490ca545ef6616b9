import { Temporal } from 'temporal-polyfill'
import type { Day, Instant, Period } from '../../schemas/primitives.ts'
import { instantOf } from './clock.ts'

const zoned = (instant: Instant, timeZone: string) => Temporal.Instant.from(instant).toZonedDateTimeISO(timeZone)
const toInstant = (moment: Temporal.ZonedDateTime): Instant => instantOf(Number(moment.epochMilliseconds))

/** The last instant that RFC 3339 can write. */
const endOfTime = Date.UTC(9999, 11, 31, 23, 59, 59)

/**
 * Adds an ISO 8601 duration on the calendar of a place: P1M from 31 January is the last day of February. What would lie
 * past the year 9999 is its last second.
 */
export const plusDuration = (instant: Instant, duration: string, timeZone: string): Instant =>
  instantOf(Math.min(Number(zoned(instant, timeZone).add(duration).epochMilliseconds), endOfTime))

/** Adds a duration several times over at once: two months from 31 January are 31 March, not 28 and a month. */
export function plusDurations(instant: Instant, duration: string, times: number, timeZone: string): Instant {
  const { years, months, weeks, days } = Temporal.Duration.from(duration)
  const whole = { years: years * times, months: months * times, weeks: weeks * times, days: days * times }
  return plusDuration(instant, Temporal.Duration.from(whole).toString(), timeZone)
}

export const dayOf = (instant: Instant, timeZone: string): Day =>
  zoned(instant, timeZone).toPlainDate().toString() as Day

export const periodOf = (instant: Instant, timeZone: string): Period =>
  zoned(instant, timeZone).toPlainDate().toPlainYearMonth().toString() as Period

export const nextPeriod = (period: Period): Period =>
  Temporal.PlainYearMonth.from(period).add({ months: 1 }).toString() as Period

/** First instant of a period and of the one after it: daylight saving makes some days start at 01:00. */
export function periodBounds(period: Period, timeZone: string): { from: Instant; until: Instant } {
  const first = Temporal.PlainYearMonth.from(period).toPlainDate({ day: 1 })
  return {
    from: toInstant(first.toZonedDateTime(timeZone)),
    until: toInstant(first.add({ months: 1 }).toZonedDateTime(timeZone)),
  }
}

/** First and last day of a period. */
export function periodDays(period: Period): { first: Day; last: Day } {
  const month = Temporal.PlainYearMonth.from(period)
  return {
    first: month.toPlainDate({ day: 1 }).toString() as Day,
    last: month.toPlainDate({ day: month.daysInMonth }).toString() as Day,
  }
}

/** Periods from one to another, both included, oldest first. */
export function periodsBetween(first: Period, last: Period): Period[] {
  const periods: Period[] = []
  for (let period = first; period <= last; period = nextPeriod(period)) periods.push(period)
  return periods
}

/** The calendar day, month or year an instant falls into, as `2026-10-03`, `2026-10` or `2026`. */
export function quotaPeriodOf(instant: Instant, per: 'P1D' | 'P1M' | 'P1Y', timeZone: string): string {
  const day = dayOf(instant, timeZone)
  return per === 'P1D' ? day : per === 'P1M' ? day.slice(0, 7) : day.slice(0, 4)
}

/** The quota period before one of `quotaPeriodOf`. */
export function previousQuotaPeriod(period: string, per: 'P1D' | 'P1M' | 'P1Y'): string {
  if (per === 'P1D') return Temporal.PlainDate.from(period).subtract({ days: 1 }).toString()
  if (per === 'P1M') return Temporal.PlainYearMonth.from(period).subtract({ months: 1 }).toString()
  return String(Number(period) - 1).padStart(4, '0')
}
