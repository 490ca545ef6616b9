import type { LinkedEntitlement } from '../../schemas/entitlement.ts'
import type { LinkRecord } from '../../schemas/link.ts'
import type { Instant } from '../../schemas/primitives.ts'
import type { Quota } from '../../schemas/programme.ts'
import type { Redemption, RedemptionRecord, RedemptionRequest } from '../../schemas/redemption.ts'
import { remainingOf, type UsedQuota } from '../entitlements/remaining.ts'
import { nextQuotaPeriodFrom } from '../kernel/calendar.ts'
import { isBefore } from '../kernel/clock.ts'
import { Refusal } from '../kernel/refusal.ts'
import { isUsable } from '../tokens/mint.ts'

/** What a redemption is at an instant, whether or not anything was stored since: the clock alone makes a hold expire. */
export function asItStands(record: RedemptionRecord, at: Instant): RedemptionRecord {
  if (record.state !== 'held' || isBefore(at, record.expiresAt)) return record
  return settled(record, 'expired', record.expiresAt)
}

/** A redemption in a final state. What is not taken any more leaves nothing to tell of what it left. */
export function settled(
  { remaining, ...record }: RedemptionRecord,
  state: Exclude<RedemptionRecord['state'], 'held'>,
  settledAt: Instant,
): RedemptionRecord {
  return { ...record, state, settledAt, ...(state === 'captured' && remaining !== undefined && { remaining }) }
}

/** What its partner sees of a redemption. */
export function shown({ partner: _p, link, entitlement, quotaPeriod: _q, ...rest }: RedemptionRecord): Redemption {
  return { ...rest, linkId: link, entitlementId: entitlement }
}

/** @throws Refusal idempotency-key-reused when the id names another request */
export function refuseOther(record: RedemptionRecord, { linkId, benefit, quantity }: RedemptionRequest): void {
  if (record.link !== linkId || record.benefit !== benefit || record.quantity !== quantity)
    throw new Refusal(
      'idempotency-key-reused',
      `the id names the redemption of ${record.quantity} × ${record.benefit} that was held at ${record.heldAt}: ` +
        'use a fresh id for each redemption, for ever',
    )
}

/** The live entitlements of a link to a benefit. @throws Refusal not-entitled, which says why and what to do */
export function entitledTo(link: LinkRecord, benefit: string, at: Instant): LinkedEntitlement[] {
  if (link.state !== 'active')
    throw new Refusal('not-entitled', `the link is ${link.state}: the member must link the account again`)
  const own = link.entitlements.filter(entitlement => entitlement.benefit === benefit)
  const live = own.filter(entitlement => isUsable(entitlement, at))
  if (live.length > 0) return live
  const [last] = own.toReversed()
  throw new Refusal('not-entitled', last ? whyNot(last, at) : 'the link has no such benefit, or it has ended')
}

function whyNot({ state, benefit, validUntil }: LinkedEntitlement, at: Instant): string {
  if (state === 'suspended') return `${benefit} is suspended: try again once the membership is resumed`
  if (state === 'offered') return `${benefit} is not chosen: the member must choose it in the portal first`
  if (state === 'pending') return `${benefit} has not begun: a token of this link will carry it once it has`
  const ended = isBefore(at, validUntil) ? '' : ` at ${validUntil}`
  return `${benefit} ended${ended}: the member must renew the membership`
}

type Asked = { quantity: number; at: Instant }

/**
 * The entitlement that a hold takes its quantity from: the first that has enough left.
 * @throws Refusal quota-exhausted, which says what remains and when the next quota period begins, or that no period
 *   could ever give so much
 */
export function withEnough(
  entitlements: LinkedEntitlement[],
  quotas: UsedQuota,
  { quantity, at }: Asked,
): { entitlement: LinkedEntitlement; remaining: number | undefined } {
  let most: { entitlement: LinkedEntitlement; remaining: number } | undefined
  for (const entitlement of entitlements) {
    const left = remainingOf(entitlement, quotas, at)
    if (left === undefined) return { entitlement, remaining: undefined }
    if (left >= quantity) return { entitlement, remaining: left - quantity }
    if (!most || left > most.remaining) most = { entitlement, remaining: left }
  }
  const { quota, timeZone } = most?.entitlement ?? {}
  if (!most || !quota || !timeZone) throw new Error('a hold was asked of no entitlement')
  const ever = Math.max(...entitlements.map(entitlement => mostOf(entitlement.quota)))
  if (quantity > ever)
    throw new Refusal('quota-exhausted', `${quantity} never fits: at most ${ever} a period, ask for so many or fewer`)
  const next = nextQuotaPeriodFrom(at, quota.per, timeZone)
  // What was carried over comes on top of the limit, so the limit is no measure of it.
  const rest = quota.rollover ? `${most.remaining} remain` : `${most.remaining} of ${quota.limit} remain`
  throw new Refusal(
    'quota-exhausted',
    `${rest} and ${quantity} are asked for: the next quota period begins at ${next}`,
    { at: next },
  )
}

/** The most that a quota period can give: its limit, and a whole one that was carried over. */
const mostOf = (quota: Quota | undefined): number => (quota ? quota.limit * (quota.rollover ? 2 : 1) : 0)

/**
 * Whether a redemption is still to be brought into a final state, or in it already.
 * @throws Refusal redemption-settled when it is in another one
 */
export function decideSettlement(record: RedemptionRecord, wanted: 'captured' | 'voided', at: Instant): 'do' | 'done' {
  const { state, settledAt } = asItStands(record, at)
  if (state === 'held') return 'do'
  if (state === wanted) return 'done'
  throw new Refusal('redemption-settled', `it ${was[state]} at ${settledAt}: ${advice[state][wanted]}`)
}

const was = { captured: 'was captured', voided: 'was voided', expired: 'expired' } as const
const again = 'hold again under a fresh id'
const advice = {
  captured: { captured: '', voided: 'what was used is taken back by a usage event of type reversal' },
  voided: { captured: again, voided: '' },
  expired: { captured: again, voided: 'it takes nothing any more, and nothing is left to do' },
} as const
