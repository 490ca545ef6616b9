import { Temporal } from 'temporal-polyfill'
import type { Day, Instant, Period } from '../../schemas/primitives.ts'
import { epochMilliseconds, instantOf } from './clock.ts'

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

/** How much of an ISO date names the day, the month, the year. */
const lengths = { P1D: 10, P1M: 7, P1Y: 4 } as const

/** The calendar day, month or year an instant falls into, as `2026-10-03`, `2026-10` or `2026`. */
export const quotaPeriodOf = (instant: Instant, per: keyof typeof lengths, timeZone: string): string =>
  placeDay(instant, timeZone).slice(0, lengths[per])

type Place = { format: Intl.DateTimeFormat; days: Map<Instant, string> }
const places = new Map<string, Place>()
const [heldPlaces, heldDays] = [500, 200]
const firstDay = Date.parse('0001-01-02T00:00:00Z')

/**
 * `dayOf` for the token path, which asks for a few instants many times and has no room for Temporal. Instants of before
 * the year 1, in which nobody has a quota, count as its second day.
 */
function placeDay(instant: Instant, timeZone: string): string {
  const { format, days } = placeOf(timeZone)
  const known = days.get(instant)
  if (known !== undefined) return known
  const named = format.formatToParts(Math.max(epochMilliseconds(instant), firstDay))
  const part = (type: Intl.DateTimeFormatPartTypes) => named.find(one => one.type === type)?.value ?? ''
  const day = `${part('year').padStart(4, '0')}-${part('month')}-${part('day')}`
  if (days.size >= heldDays) days.clear()
  days.set(instant, day)
  return day
}

function placeOf(timeZone: string): Place {
  const known = places.get(timeZone)
  if (known) return known
  const parts = { year: 'numeric', month: '2-digit', day: '2-digit' } as const
  const place: Place = {
    format: new Intl.DateTimeFormat('en-u-ca-iso8601-nu-latn', { timeZone, ...parts }),
    days: new Map(),
  }
  if (places.size >= heldPlaces) places.clear()
  places.set(timeZone, place)
  return place
}

/** The quota period before one of `quotaPeriodOf`. */
export function previousQuotaPeriod(period: string, per: keyof typeof lengths): string {
  const [year = 0, month = 1, day = 1] = period.split('-').map(Number)
  const before = new Date(0)
  if (per === 'P1D') before.setUTCFullYear(year, month - 1, day - 1)
  else if (per === 'P1M') before.setUTCFullYear(year, month - 2, 1)
  else before.setUTCFullYear(year - 1, 0, 1)
  return before.toISOString().slice(0, lengths[per])
}

/** The first instant of the quota period after the one that an instant falls into. */
export function nextQuotaPeriodFrom(instant: Instant, per: keyof typeof lengths, timeZone: string): Instant {
  const first = Temporal.PlainDate.from(`${quotaPeriodOf(instant, per, timeZone)}-01-01`.slice(0, 10))
  return toInstant(first.add(Temporal.Duration.from(per)).toZonedDateTime(timeZone))
}
