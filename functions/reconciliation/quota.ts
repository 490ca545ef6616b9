import type { Window } from '../../schemas/entitlement.ts'
import type { Instant } from '../../schemas/primitives.ts'
import type { Quota } from '../../schemas/programme.ts'
import { type Days, justBefore } from './days.ts'

/** When a use happened: an instant, or its epoch milliseconds where they are known already. */
type Moment = Instant | number

/** How much of an entitlement's quota is used in each of its quota periods. */
export type QuotaMeter = {
  /** Takes the quantity if it fits whole, and tells whether it did. */
  take(at: Moment, quantity: number): boolean
  /** Counts what is used already, whether it fits or not. */
  count(at: Moment, quantity: number): void
  giveBack(at: Moment, quantity: number): void
}

const boundless: QuotaMeter = { take: () => true, count: () => {}, giveBack: () => {} }

/**
 * Without a quota everything fits. A quota period in which the entitlement was live only for a part counts as one.
 * With `rollover` a period has its own limit and what the one before left of its own limit, if it was live then: a
 * rest is carried one period on and no further.
 */
export function quotaMeter(quota: Quota | undefined, windows: readonly Window[], days: Days): QuotaMeter {
  if (!quota) return boundless
  const { per, limit, rollover } = quota
  const used = new Map<string, number>()
  const usedIn = (period: string) => used.get(period) ?? 0
  const periodOf = (at: Moment) => (typeof at === 'number' ? days.quotaPeriodAt(at, per) : days.quotaPeriodOf(at, per))
  const live = !rollover
    ? []
    : windows.map(({ from, until }) => ({
        from: days.quotaPeriodOf(from, per),
        last: until && days.quotaPeriodOf(justBefore(until), per),
      }))
  const carriedInto = (period: string): number => {
    if (!rollover) return 0
    const before = days.previousQuotaPeriod(period, per)
    const wasLive = live.some(({ from, last }) => from <= before && (last === undefined || before <= last))
    return wasLive ? Math.max(0, limit - usedIn(before)) : 0
  }
  const add = (at: Moment, quantity: number) => {
    const period = periodOf(at)
    used.set(period, usedIn(period) + quantity)
  }
  return {
    take(at, quantity) {
      const period = periodOf(at)
      const after = usedIn(period) + quantity
      if (after > limit + carriedInto(period)) return false
      // A late event must not use a rest that the following period has carried over and used.
      if (rollover && !leavesWhatWasCarried(period, after)) return false
      used.set(period, after)
      return true
    },
    count: add,
    giveBack: (at, quantity) => add(at, -quantity),
  }

  function leavesWhatWasCarried(period: string, after: number): boolean {
    for (const [other, taken] of used) {
      if (taken > limit && days.previousQuotaPeriod(other, per) === period)
        return taken <= limit + Math.max(0, limit - after)
    }
    return true
  }
}
