import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  dayOf,
  nextPeriod,
  periodBounds,
  periodDays,
  periodOf,
  periodsBetween,
  plusDuration,
  previousQuotaPeriod,
  quotaPeriodOf,
} from '../../functions/kernel/calendar.ts'
import { compareInstants, instantOf, isBefore, plusSeconds, testClock } from '../../functions/kernel/clock.ts'
import { Instant, type Period } from '../../schemas/primitives.ts'

const at = (text: string) => Instant.parse(text)
const period = (text: string) => text as Period
const zones = ['Asia/Shanghai', 'UTC', 'America/New_York', 'America/Santiago', 'Asia/Kathmandu', 'Pacific/Apia']
const instants = fc
  .tuple(fc.integer({ min: Date.UTC(2015, 0), max: Date.UTC(2035, 0) }), fc.constantFrom(...zones))
  .map(([time, zone]) => [instantOf(time), zone] as const)

describe('adding a duration', () => {
  it.each([
    ['2026-01-30T17:00:00Z', 'P1M', 'Asia/Shanghai', '2026-02-27T17:00:00Z'],
    ['2024-02-29T00:00:00Z', 'P1Y', 'UTC', '2025-02-28T00:00:00Z'],
    ['2026-10-03T00:00:00.250Z', 'P1W2D', 'UTC', '2026-10-12T00:00:00.250Z'],
    ['2026-03-07T12:00:00Z', 'P1D', 'America/New_York', '2026-03-08T11:00:00Z'],
    ['2026-10-31T12:00:00Z', 'P1D', 'America/New_York', '2026-11-01T13:00:00Z'],
    ['2026-03-07T07:30:00Z', 'P1D', 'America/New_York', '2026-03-08T07:30:00Z'],
    ['2026-10-03T00:00:00Z', 'P0D', 'UTC', '2026-10-03T00:00:00Z'],
    ['2026-10-03T00:00:00Z', 'P9999Y9999M9999W9999D', 'UTC', '9999-12-31T23:59:59Z'],
  ])('%s + %s in %s', (start, duration, zone, expected) => {
    expect(plusDuration(at(start), duration, zone)).toBe(expected)
  })

  it('always gives an instant, never an earlier one', () => {
    const durations = fc.stringMatching(/^P\d{1,4}[YMWD]$/)
    fc.assert(
      fc.property(instants, durations, ([start, zone], duration) => {
        const end = plusDuration(start, duration, zone)
        expect(Instant.safeParse(end).success).toBe(true)
        expect(isBefore(end, start)).toBe(false)
      }),
    )
  })
})

describe('days and periods', () => {
  it('are those of the place', () => {
    expect(dayOf(at('2026-09-30T16:00:00Z'), 'Asia/Shanghai')).toBe('2026-10-01')
    expect(periodOf(at('2026-09-30T15:59:59.999Z'), 'Asia/Shanghai')).toBe('2026-09')
    expect(periodBounds(period('2026-10'), 'Asia/Shanghai')).toEqual({
      from: '2026-09-30T16:00:00Z',
      until: '2026-10-31T16:00:00Z',
    })
    // Chile turned its clocks at midnight: 8 September 2024 began at 01:00.
    expect(periodBounds(period('2024-09'), 'America/Santiago').from).toBe('2024-09-01T04:00:00Z')
    expect(periodDays(period('2028-02'))).toEqual({ first: '2028-02-01', last: '2028-02-29' })
    expect(nextPeriod(period('2026-12'))).toBe('2027-01')
    expect(periodsBetween(period('2026-11'), period('2027-02'))).toEqual(['2026-11', '2026-12', '2027-01', '2027-02'])
    expect(periodsBetween(period('2027-02'), period('2026-11'))).toEqual([])
  })

  it('hold every instant in exactly one period, each following the other without a gap', () => {
    fc.assert(
      fc.property(instants, ([time, zone]) => {
        const own = periodOf(time, zone)
        const { from, until } = periodBounds(own, zone)
        expect(compareInstants(from, time)).toBeLessThanOrEqual(0)
        expect(compareInstants(time, until)).toBeLessThan(0)
        expect(periodBounds(nextPeriod(own), zone).from).toBe(until)
      }),
    )
  })

  it.each([
    ['P1D', '2026-10-01', '2026-09-30'],
    ['P1M', '2026-10', '2026-09'],
    ['P1Y', '2026', '2025'],
  ] as const)('of a quota: %s', (per, own, before) => {
    expect(quotaPeriodOf(at('2026-09-30T16:00:00Z'), per, 'Asia/Shanghai')).toBe(own)
    expect(previousQuotaPeriod(own, per)).toBe(before)
  })
  it('of a quota is the day of the place, in every zone and year', () => {
    const years = fc.integer({ min: Date.parse('0001-01-03T00:00:00Z'), max: Date.parse('9999-12-30T00:00:00Z') })
    const anywhere = fc.constantFrom(...Intl.supportedValuesOf('timeZone'))
    fc.assert(
      fc.property(years, anywhere, (time, zone) => {
        const day = dayOf(instantOf(time), zone)
        expect(quotaPeriodOf(instantOf(time), 'P1D', zone)).toBe(day)
        expect(previousQuotaPeriod(day, 'P1D')).toBe(dayOf(instantOf(Date.parse(day) - 1), 'UTC'))
      }),
      { numRuns: 500 },
    )
  })

  it('of a quota cross the year', () => {
    expect(previousQuotaPeriod('2026-01-01', 'P1D')).toBe('2025-12-31')
    expect(previousQuotaPeriod('2026-01', 'P1M')).toBe('2025-12')
  })
})

describe('instants', () => {
  it('compare by time, not by text', () => {
    expect(isBefore(at('2026-10-03T00:00:00Z'), at('2026-10-03T00:00:00.001Z'))).toBe(true)
    expect(compareInstants(at('2026-10-03T00:00:00.000Z'), at('2026-10-03T00:00:00Z'))).toBe(0)
    expect(plusSeconds(at('2026-10-03T00:00:00.5Z'), 0.5)).toBe('2026-10-03T00:00:01Z')
  })

  it('of a test clock move forward only, and time flows on', async () => {
    const clock = testClock(at('2026-10-01T00:00:00Z'))
    expect(clock.moveTo(at('2026-09-30T00:00:00Z'))).toBe(false)
    expect(clock.moveTo(at('2026-11-01T00:00:00Z'))).toBe(true)
    const before = clock.now()
    expect(isBefore(before, at('2026-11-01T00:00:00Z'))).toBe(false)
    await new Promise(done => setTimeout(done, 15))
    expect(isBefore(before, clock.now())).toBe(true)
  })
})
