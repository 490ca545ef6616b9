import * as z from 'zod'
import type { LinkedEntitlement } from '../../schemas/entitlement.ts'
import { EntitlementId, LinkId } from '../../schemas/ids.ts'
import { Instant, Slug } from '../../schemas/primitives.ts'
import { previousQuotaPeriod, quotaPeriodOf } from '../kernel/calendar.ts'
import { isBefore } from '../kernel/clock.ts'
import { recordType } from '../kernel/table.ts'

/** By quota period such as `2026-10`. What a reversal gives back of a redemption makes a number negative. */
const PerPeriod = z.record(z.string().max(10), z.int())
const Used = z.record(EntitlementId, PerPeriod)

/** What redemptions of one entitlement hold that expires at one instant. */
const Hold = z.strictObject({ until: Instant, period: z.string().max(10), quantity: z.int().min(1) })
export type Hold = z.infer<typeof Hold>
const Taken = z.record(
  EntitlementId,
  z.strictObject({ captured: PerPeriod, holds: z.array(Hold), isNamedAhead: z.literal(true).optional() }),
)

/** What is taken of the quota of one entitlement. */
export type QuotaTally = {
  /** By usage events, but for those whose redemption is counted below. */
  used: Readonly<Record<string, number>>
  /** By captured redemptions. */
  captured?: Readonly<Record<string, number>>
  /** By redemptions that are held, also ones that have expired since. */
  holds?: readonly Hold[]
  /** Some of `used` names a redemption that does not exist: if that is held yet, it is to be counted anew. */
  isNamedAhead?: boolean | undefined
}
/** How much of its quotas a link has used, by entitlement. */
export type UsedQuota = Readonly<Record<string, QuotaTally>>

/**
 * One item a link, beside the link itself, for its tokens and for holding redemptions: neither reads all of its uses.
 * One item and not two, since every hold rests on what events used and every count of events on what is held.
 */
export const quotaSummary = recordType(
  'quota-summary',
  z.strictObject({
    partner: Slug,
    version: z.int().min(1),
    /** JSON, since short. */
    used: z.string(),
    taken: z.string().optional(),
    /** The latest instant by which holds were judged; whoever comes after goes by no earlier one. */
    asOf: Instant.optional(),
    /** Under which earlier link of the member the uses are kept that are bound to none; under this one where absent. */
    usesAt: LinkId.optional(),
    /** Entitlements bound to no link that the link which came after this one counts by now. */
    moved: z.strictObject({ to: LinkId, entitlements: z.array(EntitlementId) }).optional(),
  }),
)
export type QuotaSummary = z.infer<typeof quotaSummary.schema>

export function summaryTexts(quotas: UsedQuota): Pick<QuotaSummary, 'used' | 'taken'> {
  const entries = Object.entries(quotas)
  const used = entries.flatMap(([id, tally]) => (isEmpty(tally.used) ? [] : [[id, tally.used]]))
  const taken = entries.flatMap(([id, { captured = {}, holds = [], isNamedAhead }]) =>
    isEmpty(captured) && holds.length === 0 && !isNamedAhead
      ? []
      : [[id, { captured, holds, ...(isNamedAhead && { isNamedAhead }) }]],
  )
  return {
    used: JSON.stringify(Used.parse(Object.fromEntries(used))),
    ...(taken.length > 0 && { taken: JSON.stringify(Taken.parse(Object.fromEntries(taken))) }),
  }
}
const isEmpty = (record: object): boolean => Object.keys(record).length === 0

export function usedOf(summary: Pick<QuotaSummary, 'used' | 'taken'> | undefined): UsedQuota {
  if (!summary) return {}
  const used: Readonly<Record<string, QuotaTally['used']>> = Used.parse(JSON.parse(summary.used))
  const taken: Readonly<Record<string, Partial<QuotaTally>>> =
    summary.taken === undefined ? {} : Taken.parse(JSON.parse(summary.taken))
  const ids = new Set([...Object.keys(used), ...Object.keys(taken)])
  return Object.fromEntries([...ids].map(id => [id, { ...taken[id], used: used[id] ?? {} }]))
}

/** What is taken of each quota period at an instant: holds that have expired take nothing. */
function takenIn({ used, captured = {}, holds = [] }: QuotaTally, now: Instant): Map<string, number> {
  const taken = new Map(Object.entries(used))
  const add = (period: string, quantity: number) => taken.set(period, (taken.get(period) ?? 0) + quantity)
  for (const [period, quantity] of Object.entries(captured)) add(period, quantity)
  for (const { until, period, quantity } of holds) if (isBefore(now, until)) add(period, quantity)
  return taken
}

/** What is left of an entitlement's quota at an instant; undefined where it has none. */
export function remainingOf(
  { id, quota, timeZone, validFrom, idle }: LinkedEntitlement,
  quotas: UsedQuota,
  now: Instant,
): number | undefined {
  if (!quota) return undefined
  const { per, limit, rollover } = quota
  const taken = takenIn(quotas[id] ?? { used: {} }, now)
  const current = quotaPeriodOf(now, per, timeZone)
  const rest = limit - (taken.get(current) ?? 0)
  if (!rollover) return Math.max(0, rest)
  const previous = previousQuotaPeriod(current, per)
  const wasIdle = idle !== undefined && idle.after < previous && previous < idle.before
  const wasLive = !wasIdle && quotaPeriodOf(validFrom, per, timeZone) <= previous
  const carried = wasLive ? Math.max(0, limit - (taken.get(previous) ?? 0)) : 0
  // A sender's clock may be ahead: what the next period carried over and used is not there any more.
  const ahead = [...taken].filter(([period]) => period > current && previousQuotaPeriod(period, per) === current)
  const lent = ahead.map(([, quantity]) => Math.max(0, quantity - limit))
  return Math.max(
    0,
    Math.min(rest + carried, ...lent.filter(quantity => quantity > 0).map(quantity => rest - quantity)),
  )
}
