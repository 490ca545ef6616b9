import * as z from 'zod'
import type { LinkedEntitlement } from '../../schemas/entitlement.ts'
import { EntitlementId } from '../../schemas/ids.ts'
import { type Instant, Slug } from '../../schemas/primitives.ts'
import { previousQuotaPeriod, quotaPeriodOf } from '../kernel/calendar.ts'
import { recordType } from '../kernel/table.ts'

const Used = z.record(EntitlementId, z.record(z.string().max(10), z.int().min(0)))
/** How much of its quotas a link has used: by entitlement, then by quota period such as `2026-10`. */
export type UsedQuota = Readonly<Record<string, Readonly<Record<string, number>>>>

/** One item a link, beside the link itself: a token needs no more of all its uses. `used` is JSON, since short. */
export const quotaSummary = recordType(
  'quota-summary',
  z.strictObject({
    partner: Slug,
    version: z.int().min(1),
    used: z.string(),
  }),
)

export const usedText = (used: UsedQuota): string => JSON.stringify(Used.parse(used))
export const usedOf = (text: string): UsedQuota => Used.parse(JSON.parse(text))

/** What is left of an entitlement's quota at an instant; undefined where it has none. */
export function remainingOf(
  { id, quota, timeZone, validFrom }: LinkedEntitlement,
  used: UsedQuota,
  now: Instant,
): number | undefined {
  if (!quota) return undefined
  const usedIn = (period: string) => used[id]?.[period] ?? 0
  const current = quotaPeriodOf(now, quota.per, timeZone)
  const rest = quota.limit - usedIn(current)
  if (!quota.rollover) return Math.max(0, rest)
  const previous = previousQuotaPeriod(current, quota.per)
  const wasLive = quotaPeriodOf(validFrom, quota.per, timeZone) <= previous
  const carried = wasLive ? Math.max(0, quota.limit - usedIn(previous)) : 0
  return Math.max(0, rest + carried)
}
