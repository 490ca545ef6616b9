import type { Entitlement, QuotaUse } from '../../schemas/entitlement.ts'
import type { Instant } from '../../schemas/primitives.ts'
import type { Quota } from '../../schemas/programme.ts'
import type { RedemptionRecord } from '../../schemas/redemption.ts'
import { previousQuotaPeriod, quotaPeriodOf } from '../kernel/calendar.ts'
import { epochMilliseconds, isBefore, plusSeconds } from '../kernel/clock.ts'
import { type Days, daysOf } from '../reconciliation/days.ts'
import { quotaMeter } from '../reconciliation/quota.ts'
import type { QuotaTally, UsedQuota } from './remaining.ts'

export type Metered = Entitlement & { quota: Quota }
type Rules = Pick<Metered, 'quota' | 'windows' | 'timeZone'>

/** The present period, and where rests are carried over the one before it: older ones are nobody's news. */
export function oldestAsked(now: Instant, { quota: { per, rollover }, timeZone }: Omit<Rules, 'windows'>): string {
  const current = quotaPeriodOf(now, per, timeZone)
  return rollover ? previousQuotaPeriod(current, per) : current
}

/** The first period that matters to what is asked: what is left of the oldest one depends on the one before it. */
export const oldestCounted = (now: Instant, rules: Omit<Rules, 'windows'>): string =>
  previousQuotaPeriod(oldestAsked(now, rules), rules.quota.per)

/** What redemptions take: of each quota period, and for which of them, by id, events take nothing more. */
type Redeemed = {
  taken: Readonly<Record<string, number>>
  covered: ReadonlyMap<string, Pick<RedemptionRecord, 'quantity' | 'heldAt'>>
}
const nothingRedeemed: Redeemed = { taken: {}, covered: new Map() }

/**
 * How much of a quota events use in each period that a token can still ask for: after what redemptions took, uses in
 * order of (occurredAt, id), of which one that does not fit whole is over and takes nothing; a reversal gives back from
 * its own place on (domain.md, disposition `over-quota`). An event that names a redemption takes only what goes beyond
 * that. Pure, and the same whatever the order of the uses.
 */
export function usedOfQuota(
  { quota, windows, timeZone }: Rules,
  uses: QuotaUse[],
  now: Instant,
  { taken, covered }: Redeemed = nothingRedeemed,
): Record<string, number> {
  const days = daysOf(timeZone)
  const meter = quotaMeter(quota, windows, days)
  for (const [period, quantity] of Object.entries(taken)) meter.count(instantIn(period, quota.per, days), quantity)
  const used: Record<string, number> = {}
  const add = (at: Instant, quantity: number) => {
    const period = days.quotaPeriodOf(at, quota.per)
    used[period] = (used[period] ?? 0) + quantity
  }
  const left = new Map([...covered].map(([id, { quantity }]) => [id, quantity]))
  const took = new Map<string, { beyond: number; free: number }>()
  for (const { use, isReversal } of inOrder(uses)) {
    const { event, occurredAt, quantity, redemptionId = '' } = use
    if (isReversal) {
      const { beyond, free } = took.get(event) ?? { beyond: 0, free: 0 }
      for (const [at, back] of [[occurredAt, beyond] as const, [covered.get(redemptionId)?.heldAt, free] as const]) {
        if (at === undefined || back === 0) continue
        meter.giveBack(epochMilliseconds(at), back)
        add(at, -back)
      }
      continue
    }
    const free = Math.min(left.get(redemptionId) ?? 0, quantity)
    const beyond = quantity - free
    if (beyond > 0 && !meter.take(epochMilliseconds(occurredAt), beyond)) continue
    took.set(event, { beyond, free })
    if (free > 0) left.set(redemptionId, (left.get(redemptionId) ?? 0) - free)
    add(occurredAt, beyond)
  }
  const oldest = oldestAsked(now, { quota, timeZone })
  return Object.fromEntries(Object.entries(used).filter(([period, quantity]) => period >= oldest && quantity !== 0))
}

/** Uses and reversals by (occurredAt, id); a reversal never before what it takes back. */
function inOrder(uses: QuotaUse[]): { use: QuotaUse; isReversal: boolean }[] {
  const placed = uses.flatMap(use => {
    const own = { use, isReversal: false, at: epochMilliseconds(use.occurredAt), id: use.event }
    if (!use.reversal) return [own]
    const at = epochMilliseconds(use.reversal.occurredAt)
    const isAfter = at > own.at || (at === own.at && use.reversal.event > use.event)
    return [own, { ...(isAfter ? { ...own, at, id: use.reversal.event } : own), isReversal: true }]
  })
  return placed.sort(
    (a, b) => a.at - b.at || (a.id < b.id ? -1 : a.id > b.id ? 1 : Number(a.isReversal) - Number(b.isReversal)),
  )
}

const firstDays = { P1D: '', P1M: '-15', P1Y: '-07-01' } as const satisfies Record<Quota['per'], string>

/**
 * Some instant of a quota period, in epoch milliseconds. No place is so far from Greenwich that its day has neither
 * midnight nor noon of there.
 */
function instantIn(period: string, per: Quota['per'], days: Days): number {
  const day = `${period}${firstDays[per]}`
  const [midnight, noon] = [Date.parse(`${day}T00:00:00Z`), Date.parse(`${day}T12:00:00Z`)]
  return days.quotaPeriodAt(midnight, per) === period ? midnight : noon
}

/** A tally counted anew from the uses of the entitlement and the redemptions that they name (pure). */
export function tallyAnew(
  entitlement: Metered,
  { uses, before, redemptions }: { uses: QuotaUse[]; before: QuotaTally; redemptions: RedemptionRecord[] },
  at: Instant,
): QuotaTally {
  const oldest = oldestCounted(at, entitlement)
  const captured = fromPeriod(oldest, before.captured)
  const holds = (before.holds ?? []).filter(({ until }) => isBefore(at, until))
  const taken: Record<string, number> = { ...captured }
  for (const { period, quantity } of holds) taken[period] = (taken[period] ?? 0) + quantity
  const standing = redemptions.filter(
    ({ entitlement: id, state, expiresAt }) =>
      id === entitlement.id && (state === 'captured' || (state === 'held' && isBefore(at, expiresAt))),
  )
  const covered = new Map(standing.map(redemption => [redemption.id, redemption]))
  const known = new Set(redemptions.map(({ id }) => id))
  const isNamedAhead = uses.some(({ redemptionId }) => redemptionId !== undefined && !known.has(redemptionId))
  const used = usedOfQuota(entitlement, uses, at, { taken, covered })
  return { used, captured, holds, ...(isNamedAhead && { isNamedAhead }) }
}

const fromPeriod = (oldest: string, quantities: Readonly<Record<string, number>> = {}): Record<string, number> =>
  Object.fromEntries(Object.entries(quantities).filter(([period]) => period >= oldest))

const perOfLength: Record<number, Quota['per']> = { 4: 'P1Y', 7: 'P1M', 10: 'P1D' }

/** Tallies without what nobody can ask for any more, anywhere on earth: two periods, of redemptions a third. */
export function stillAsked(quotas: UsedQuota, at: Instant): UsedQuota {
  const dayBefore = plusSeconds(at, -86_400)
  const since = (count: number) => (entry: [string, number]) => {
    const per = perOfLength[entry[0].length]
    if (per === undefined) return false
    let oldest = quotaPeriodOf(dayBefore, per, 'UTC')
    for (let back = 0; back < count; back++) oldest = previousQuotaPeriod(oldest, per)
    return entry[0] >= oldest
  }
  const kept = Object.entries(quotas).map(([id, tally]) => {
    const used = Object.fromEntries(Object.entries(tally.used).filter(since(1)))
    const captured = Object.fromEntries(Object.entries(tally.captured ?? {}).filter(since(2)))
    const holds = (tally.holds ?? []).filter(({ period }) => since(2)([period, 0]))
    return [id, { ...tally, used, captured, holds }] as const
  })
  return Object.fromEntries(kept.filter(([, { used, captured, holds }]) => isKept(used, captured, holds)))
}

const isKept = (used: object, captured: object, holds: readonly unknown[]): boolean =>
  Object.keys(used).length + Object.keys(captured).length + holds.length > 0
