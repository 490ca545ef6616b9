import type { Instant } from '../../schemas/primitives.ts'

/** The time, handed in. On AWS the system's; under `npm start` and in tests a clock that can be moved forward. */
export type Now = () => Instant

/** Whole seconds print without a fraction, so that instants stay as short as people write them. */
export const instantOf = (epochMilliseconds: number): Instant =>
  new Date(epochMilliseconds).toISOString().replace('.000Z', 'Z') as Instant

export const systemNow: Now = () => instantOf(Date.now())

export const epochMilliseconds = (instant: Instant): number => Date.parse(instant)
export const epochSeconds = (instant: Instant): number => Math.floor(Date.parse(instant) / 1000)

/** Negative, zero or positive. Instants may or may not carry milliseconds, so their text does not sort by time. */
export const compareInstants = (a: Instant, b: Instant): number => epochMilliseconds(a) - epochMilliseconds(b)
export const isBefore = (a: Instant, b: Instant): boolean => compareInstants(a, b) < 0
export const earlier = (a: Instant, b: Instant): Instant => (compareInstants(a, b) <= 0 ? a : b)
export const later = (a: Instant, b: Instant): Instant => (compareInstants(a, b) >= 0 ? a : b)
export const plusSeconds = (instant: Instant, seconds: number): Instant =>
  instantOf(epochMilliseconds(instant) + seconds * 1000)

/** A clock that moves only forward: the sandbox feature behind `/test/clock`. */
export function testClock(start?: Instant): { now: Now; moveTo(instant: Instant): boolean } {
  // An offset keeps time flowing between moves, as people expect of a clock; a start pins the first reading.
  let offset = start === undefined ? 0 : epochMilliseconds(start) - Date.now()
  return {
    now: () => instantOf(Date.now() + offset),
    moveTo(instant) {
      const ahead = epochMilliseconds(instant) - (Date.now() + offset)
      if (ahead < 0) return false
      offset += ahead
      return true
    },
  }
}
