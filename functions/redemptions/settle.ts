import type { Redemption, RedemptionRecord } from '../../schemas/redemption.ts'
import { entitlementsById } from '../entitlements/history.ts'
import { standingCount } from '../entitlements/quota-move.ts'
import { countAnew, quotaChange } from '../entitlements/quota-use.ts'
import type { QuotaTally, UsedQuota } from '../entitlements/remaining.ts'
import { isBefore, later, type Now } from '../kernel/clock.ts'
import { Refusal } from '../kernel/refusal.ts'
import { againOnConflict, type Table, type Write } from '../kernel/table.ts'
import { asItStands, decideSettlement, settled, shown } from './decide.ts'
import { capturedWrite, findRedemptionRecord, settledWrite } from './store.ts'

type Needs = { table: Table; now: Now }
type Named = { partner: string; id: string }

/** @throws Refusal redemption-not-found */
export const findRedemption = async ({ table, now }: Needs, named: Named): Promise<Redemption> =>
  shown(asItStands(await known(table, named), now()))

/**
 * Makes a held redemption final: what it took of the quota is used. Also after its link or entitlement ended, until it
 * expires: the goods are being handed over. Captured already, it is answered again.
 * @throws Refusal redemption-not-found, redemption-settled when it was voided or has expired
 */
export const capture = (needs: Needs, named: Named): Promise<Redemption> => settleAs(needs, named, 'captured')

/**
 * Gives back what a held redemption took. Voided already, it is answered again.
 * @throws Refusal redemption-not-found, redemption-settled when it was captured or has expired
 */
export const voidRedemption = (needs: Needs, named: Named): Promise<Redemption> => settleAs(needs, named, 'voided')

/** Stores that a hold has expired, which it has by the clock already. @returns whether there was anything to store */
export const expire = ({ table, now }: Needs, named: Named): Promise<boolean> =>
  againOnConflict(async () => {
    const record = await known(table, named)
    const standing = await countedAt(table, record, now)
    const { at } = standing
    if (record.state !== 'held' || isBefore(at, record.expiresAt)) return false
    await table.commit(await settlementWrites(table, { ...standing, before: record, after: asItStands(record, at) }))
    return true
  })

const settleAs = (needs: Needs, named: Named, state: 'captured' | 'voided'): Promise<Redemption> =>
  againOnConflict(async () => {
    const { table, now } = needs
    const record = await known(table, named)
    const standing = await countedAt(table, record, now)
    const { at } = standing
    if (decideSettlement(record, state, at) === 'done') return shown(record)
    const after = settled(record, state, at)
    await table.commit(await settlementWrites(table, { ...standing, before: record, after }))
    return shown(after)
  })

async function known(table: Table, { partner, id }: Named): Promise<RedemptionRecord> {
  const record = await findRedemptionRecord(table, partner, id)
  if (!record) throw new Refusal('redemption-not-found', 'you hold and held no redemption of this id')
  return record
}

/**
 * What it takes is counted by its link, or by the one that the member has made since. Whoever judged the holds there by
 * a later clock has taken them for expired: all go by the latest.
 */
async function countedAt(table: Table, record: RedemptionRecord, now: Now) {
  const { link: countedBy, counted } = await standingCount({ table }, record)
  return { countedBy, counted, at: counted?.asOf ? later(now(), counted.asOf) : now() }
}

type Settlement = Awaited<ReturnType<typeof countedAt>> & { before: RedemptionRecord; after: RedemptionRecord }

/** The redemption as it ends, if nobody ended it before, and the count of its link's quotas with it. */
async function settlementWrites(table: Table, { before, after, countedBy, counted, at }: Settlement): Promise<Write[]> {
  const { partner, entitlement, quotaPeriod } = before
  const isCaptured = after.state === 'captured'
  const own = [settledWrite(after), ...(isCaptured ? [capturedWrite(after)] : [])]
  if (quotaPeriod === undefined) return own
  const place = { partner, link: countedBy, usesAt: counted?.usesAt }
  const released = withoutHold(counted?.quotas ?? {}, before)
  if (isCaptured) return [...own, quotaChange(place, { before: counted, quotas: withCapture(released, before), at })]
  // Events that name it count from now on, and so do those that found no room beside it.
  const entitlements = [...(await entitlementsById({ table }, partner, [entitlement])).values()]
  const quotas = await countAnew({ table }, place, { entitlements, before: released, at, assumed: after })
  return [...own, quotaChange(place, { before: counted, quotas, at })]
}

const tallyOf = (quotas: UsedQuota, entitlement: string): QuotaTally => quotas[entitlement] ?? { used: {} }

/** What has expired may have been cleared by another already. */
function withoutHold(
  quotas: UsedQuota,
  { entitlement, quotaPeriod, expiresAt, quantity }: RedemptionRecord,
): UsedQuota {
  const tally = tallyOf(quotas, entitlement)
  const holds = (tally.holds ?? []).flatMap(held => {
    if (held.until !== expiresAt || held.period !== quotaPeriod) return [held]
    return held.quantity > quantity ? [{ ...held, quantity: held.quantity - quantity }] : []
  })
  return { ...quotas, [entitlement]: { ...tally, holds } }
}

function withCapture(quotas: UsedQuota, { entitlement, quotaPeriod = '', quantity }: RedemptionRecord): UsedQuota {
  const tally = tallyOf(quotas, entitlement)
  const captured = { ...tally.captured, [quotaPeriod]: (tally.captured?.[quotaPeriod] ?? 0) + quantity }
  return { ...quotas, [entitlement]: { ...tally, captured } }
}
