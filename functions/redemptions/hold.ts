import type { LinkedEntitlement } from '../../schemas/entitlement.ts'
import type { LinkRecord } from '../../schemas/link.ts'
import type { Instant } from '../../schemas/primitives.ts'
import {
  type Redemption,
  type RedemptionRecord,
  type RedemptionRequest,
  redemptionTimes,
} from '../../schemas/redemption.ts'
import { entitlementsById } from '../entitlements/history.ts'
import { type CountedQuota, countAnew, countedQuota, quotaChange } from '../entitlements/quota-use.ts'
import type { UsedQuota } from '../entitlements/remaining.ts'
import { quotaPeriodOf } from '../kernel/calendar.ts'
import { epochMilliseconds, instantOf, isBefore, later, type Now, plusSeconds } from '../kernel/clock.ts'
import { Refusal } from '../kernel/refusal.ts'
import { againOnConflict, type Table } from '../kernel/table.ts'
import { findLinkRecord, linkIsUnchanged } from '../links/records.ts'
import { asItStands, entitledTo, refuseOther, shown, withEnough } from './decide.ts'
import { findRedemptionRecord, heldWrite } from './store.ts'

type Needs = { table: Table; now: Now }
type Request = RedemptionRequest & { partner: string }

/**
 * Holds a quantity of a benefit's quota for 15 minutes, in one commit: the redemption, the count of the link's quotas by
 * its version, and the link as it was read. So rivals never hold more than there is, and the same id never holds twice:
 * it gets the first redemption as that now stands, which need not be held any more.
 * @throws Refusal link-not-found (also for another partner's link), not-entitled, quota-exhausted,
 *   idempotency-key-reused
 */
export const hold = (needs: Needs, request: Request): Promise<Held> =>
  againOnConflict(async () => {
    const { record, isNew } = await attempt(needs, request)
    return { redemption: shown(record), isNew }
  })

/** `isNew` unless the id was sent before. */
export type Held = { redemption: Redemption; isNew: boolean }

async function attempt({ table, now }: Needs, request: Request): Promise<{ record: RedemptionRecord; isNew: boolean }> {
  const { partner, id, linkId, benefit, quantity } = request
  const [before, counted, link] = await Promise.all([
    findRedemptionRecord(table, partner, id),
    countedQuota({ table }, linkId),
    findLinkRecord(table, linkId),
  ])
  const at = counted?.asOf ? later(now(), counted.asOf) : now()
  if (before) {
    refuseOther(before, request)
    return { record: asItStands(before, at), isNew: false }
  }
  if (!link || link.partner !== partner) throw new Refusal('link-not-found', 'you have no link of this id')
  const candidates = entitledTo(link, benefit, at)
  const quotas = await upToDate(table, { link, candidates, counted, request, at })
  const { entitlement, remaining } = withEnough(candidates, quotas, { quantity, at })
  const record = heldRecord(request, { entitlement, remaining, at })
  const place = { partner, link: linkId }
  await table.commit([
    heldWrite(record),
    linkIsUnchanged(link),
    ...(record.quotaPeriod === undefined
      ? []
      : [quotaChange(place, { before: counted, quotas: withHold(quotas, record), at })]),
  ])
  return { record, isNew: true }
}

type Standing = {
  link: LinkRecord
  candidates: LinkedEntitlement[]
  counted: CountedQuota | undefined
  request: Request
  at: Instant
}

/**
 * The tallies on which a hold may build. Where a hold has expired that nobody has cleared yet, or where an event came
 * before the redemption that it names, they are counted anew: as if the event named what is held now, which takes the
 * quota in its place.
 */
async function upToDate(
  table: Table,
  { link, candidates, counted: before, request, at }: Standing,
): Promise<UsedQuota> {
  const { quotas = {}, usesAt } = before ?? {}
  const stale = candidates.filter(({ id }) => {
    const { isNamedAhead = false, holds = [] } = quotas[id] ?? {}
    return isNamedAhead || holds.some(({ until }) => !isBefore(at, until))
  })
  const { partner } = request
  let counted = quotas
  for (const linked of stale) {
    const entitlements = [...(await entitlementsById({ table }, partner, [linked.id])).values()]
    const assumed = heldRecord(request, { entitlement: linked, remaining: undefined, at })
    counted = await countAnew(
      { table },
      { partner, link: link.id, usesAt },
      { entitlements, before: counted, at, assumed },
    )
  }
  return counted
}

type Granted = { entitlement: LinkedEntitlement; remaining: number | undefined; at: Instant }

function heldRecord(request: Request, { entitlement, remaining, at }: Granted): RedemptionRecord {
  const { partner, id, linkId, benefit, quantity } = request
  const { quota, timeZone } = entitlement
  const expiresAt = plusSeconds(at, redemptionTimes.holdSeconds)
  return {
    id,
    partner,
    link: linkId,
    benefit,
    quantity,
    entitlement: entitlement.id,
    state: 'held',
    heldAt: at,
    // Whole seconds, so that holds of one second are one entry of the tally.
    expiresAt: instantOf(Math.ceil(epochMilliseconds(expiresAt) / 1000) * 1000),
    ...(remaining !== undefined && { remaining }),
    ...(quota && { quotaPeriod: quotaPeriodOf(at, quota.per, timeZone) }),
  }
}

function withHold(quotas: UsedQuota, record: RedemptionRecord): UsedQuota {
  const { entitlement, quotaPeriod: period = '', expiresAt: until, quantity } = record
  const tally = quotas[entitlement] ?? { used: {} }
  const others = (tally.holds ?? []).filter(held => held.until !== until || held.period !== period)
  const same = (tally.holds ?? []).filter(held => !others.includes(held)).reduce((sum, held) => sum + held.quantity, 0)
  const holds = [...others, { until, period, quantity: same + quantity }]
  return { ...quotas, [entitlement]: { ...tally, holds } }
}
