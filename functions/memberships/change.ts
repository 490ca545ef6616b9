import type { Caller } from '../../schemas/client.ts'
import type { Membership, MembershipAction, MembershipVerb } from '../../schemas/membership.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { attachLinks } from '../entitlements/attach.ts'
import { type Holding, holdingWrites, loadHolding, settle } from '../entitlements/holding.ts'
import { compareInstants, later, type Now } from '../kernel/clock.ts'
import type { NewId, Random } from '../kernel/ids.ts'
import { Refusal } from '../kernel/refusal.ts'
import { againOnConflict, passOverConflict, type Table, type Write } from '../kernel/table.ts'
import { findProgramme } from '../programmes/find-programme.ts'
import { caughtUp } from './catch-up.ts'
import { act, erased, renewed } from './lifecycle.ts'
import { subjectsFor } from './pairwise.ts'
import { signOutWrites } from './sign-out-everywhere.ts'
import { findMemberRecord, forgottenSaleWrite, memberWrites, subjectsOf } from './store.ts'

type Needs = { table: Table; now: Now; newId: NewId; random: Random }
type ChangeNeeds = Needs & { wallNow: Now }
type Request = { id: string; verb: MembershipVerb; action: MembershipAction }

/**
 * Renews, cancels, suspends, resumes or refunds a membership, and with it everything that follows from it. A suspension
 * or refund for the reason `fraud` also signs the member out everywhere, in the same commit.
 * @throws Refusal membership-not-found, not-yours, wrong-state, at-out-of-range; for a renewal also plan-not-found, and
 *   already-entitled when the newer programme adds what a linked account has from elsewhere
 */
export async function changeMembership(
  needs: ChangeNeeds,
  caller: Pick<Caller, 'brand'>,
  request: Request,
): Promise<Membership> {
  const { table, now } = needs
  const { membership, isWhole } = await againOnConflict(async () => {
    const before = await loadHolding(table, request.id)
    if (before.programme.brand !== caller.brand) throw new Refusal('not-yours')
    const time = now()
    const at = effectiveAt(request.action.at, before.membership, time)
    const current = await caughtUp(needs, before, at)
    const isFraud = endsSessions(request)
    const { holding, writes } =
      request.verb === 'renew'
        ? await renewal(needs, current, at)
        : {
            holding: await acted(needs, current, { verb: request.verb, at, isFraud }),
            writes: isFraud ? await signOutWrites(needs, current.membership.member) : [],
          }
    if (holding === before) {
      // What was paused for another reason is found to be fraud.
      if (writes.length > 0) await table.commit(writes)
      return { membership: before.membership, isWhole: true }
    }
    const after = await caughtUp(needs, holding, time)
    const whole = [...(await holdingWrites(needs, after, before, at)), ...writes]
    const isWhole = whole.length <= transactionItems
    // A renewal that replaces nearly all of a large programme: what ends first, then what comes, by a timer that is due.
    const first = isWhole
      ? whole
      : [...(await holdingWrites(needs, withoutFresh(after, before, at), before, at)), ...writes]
    await table.commit(first)
    return { membership: after.membership, isWhole }
  })
  // What was paid for is stored. If the rest fails here, the timer does it: the caller must not pay again for a failure.
  if (!isWhole) await advanceMembership(needs, request.id).catch(() => undefined)
  return membership
}

/** What DynamoDB takes in one transaction. */
const transactionItems = 100

/** A holding whose new entitlements are still to be made; should nobody come back for them, the timer does. */
function withoutFresh({ membership, entitlements, ...rest }: Holding, before: Holding, at: Instant): Holding {
  const known = new Set(before.entitlements.map(({ id }) => id))
  return {
    ...rest,
    entitlements: entitlements.filter(({ id }) => known.has(id)),
    membership: {
      ...membership,
      entitlements: membership.entitlements.filter(({ id }) => known.has(id)),
      nextTimerAt: at,
    },
  }
}

/** Brings one membership up to date with the clock. Late timers change nothing but when the change is stored. */
export async function advanceMembership(needs: Needs, id: string): Promise<void> {
  await againOnConflict(async () => {
    const before = await loadHolding(needs.table, id)
    const after = await caughtUp(needs, before, needs.now())
    if (after === before) return
    await needs.table.commit(await holdingWrites(needs, after, before, after.membership.changedAt))
  })
}

const endsSessions = ({ verb, action }: Request): boolean =>
  action.reason === 'fraud' && (verb === 'refund' || verb === 'suspend')

/**
 * Ends a membership whose member is erased. Again, or for one that is over, it changes nothing.
 */
export async function endErased(needs: Needs, id: string): Promise<void> {
  const { table, now, newId } = needs
  await againOnConflict(async () => {
    const before = await loadHolding(table, id)
    if (before.membership.state === 'ended') return
    const at = later(now(), before.membership.changedAt)
    const { membership, ...rest } = await caughtUp(needs, before, at)
    const over = { ...rest, membership: { ...erased(membership, at), changedAt: at } }
    const subjects = await subjectsOf(table, membership.member)
    await table.commit(await holdingWrites(needs, settle(over, { at, newId, subjects }), before, at))
  })
}

/** Forgets who a sale was to; the seller's id of it cannot be used for another one. */
export const forgetSale = ({ table }: Pick<Needs, 'table'>, sold: Membership): Promise<void> =>
  table.write(forgottenSaleWrite(sold)).catch(passOverConflict)

type Action = { verb: Exclude<MembershipVerb, 'renew'>; at: Instant; isFraud: boolean }

async function acted({ table, newId }: Needs, holding: Holding, { verb, at, isFraud }: Action): Promise<Holding> {
  const membership = act(holding.membership, verb, at, { isFraud })
  if (membership === holding.membership) return holding
  const subjects = await subjectsOf(table, membership.member)
  return settle({ ...holding, membership: { ...membership, changedAt: at } }, { at, newId, subjects })
}

/** A further term, under the programme's newest version: its benefits are offered, those it lacks end. */
async function renewal({ table, newId, random }: Needs, holding: Holding, at: Instant) {
  const programme = await findProgramme({ table }, holding.programme.id)
  const plan = programme.plans.find(({ id }) => id === holding.membership.plan)
  if (!plan) throw new Refusal('plan-not-found', `version ${programme.version} has no plan ${holding.membership.plan}`)
  const membership = renewed(holding.membership, plan, programme.timeZone, programme.version)
  const member = await findMemberRecord(table, membership.member)
  if (!member) throw new Refusal('membership-not-found')
  const subjects = subjectsFor(member, programme, random)
  const known = Object.keys(member.subjects).length
  const writes: Write[] =
    Object.keys(subjects).length > known
      ? memberWrites({ ...member, subjects, version: member.version + 1 }, member)
      : []
  const after = settle({ ...holding, programme, membership: { ...membership, changedAt: at } }, { at, newId, subjects })
  return { holding: after, writes: [...writes, ...(await attachLinks(table, after.links, after.entitlements))] }
}

/** @throws Refusal at-out-of-range */
function effectiveAt(asked: Instant | undefined, { changedAt }: Membership, now: Instant): Instant {
  if (asked === undefined) return now
  if (compareInstants(asked, now) > 0 || compareInstants(asked, changedAt) < 0)
    throw new Refusal('at-out-of-range', `the instant must lie between the last change (${changedAt}) and now (${now})`)
  return asked
}
