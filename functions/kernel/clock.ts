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

/** The time by the business clock, which a test clock may move, and by one that nobody moves; milliseconds. */
type Moment = { business: number; monotonic: number }
type Dated<T> = { value: T; since: Moment }

export type HeldValues<Value> = {
  /**
   * The value of a key. `load` begins at once where none is held; it is given the value that was held last, if any.
   * A load that fails is tried again by the next call.
   */
  get(key: string, now: Instant, load: (last: Value | undefined) => Promise<Value>): Promise<Value>
  /** What was loaded, or is being loaded, is not given out any more: it has just changed. */
  forget(): void
}

/**
 * Values that an instance goes by for so many seconds, each loaded once for all who ask meanwhile. Time counts from
 * before the load, so that a value is never older than that, by either clock: a test clock may leap, and one that stands
 * still must not hold a value for ever. Beyond `entries` keys, the one that was loaded longest ago is dropped.
 */
export function heldFor<Value>(
  seconds: number,
  { entries = 1, monotonic = () => performance.now() }: { entries?: number; monotonic?: () => number } = {},
): HeldValues<Value> {
  const held = new Map<string, Dated<Value>>()
  const loading = new Map<string, Dated<Promise<Value>>>()
  const isRecent = ({ since }: Dated<unknown>, at: Moment): boolean =>
    at.monotonic - since.monotonic < seconds * 1000 && Math.abs(at.business - since.business) < seconds * 1000

  function hold(key: string, value: Dated<Value>): void {
    held.delete(key)
    held.set(key, value)
    const [oldest] = held.keys()
    if (held.size > entries && oldest !== undefined) held.delete(oldest)
  }

  return {
    async get(key, now, load) {
      const at = { business: epochMilliseconds(now), monotonic: monotonic() }
      const known = held.get(key)
      if (known && isRecent(known, at)) return known.value
      const running = loading.get(key)
      if (running && isRecent(running, at)) return running.value
      const started = { value: load(known?.value), since: at }
      loading.set(key, started)
      try {
        const value = await started.value
        // Overtaken by a later load, or forgotten: whoever waited gets it, and nobody else.
        if (loading.get(key) === started) hold(key, { value, since: at })
        return value
      } finally {
        if (loading.get(key) === started) loading.delete(key)
      }
    },
    forget() {
      held.clear()
      loading.clear()
    },
  }
}
