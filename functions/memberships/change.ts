import type { Caller } from '../../schemas/client.ts'
import type { Membership, MembershipAction, MembershipVerb } from '../../schemas/membership.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { type Holding, holdingWrites, loadHolding, settle } from '../entitlements/holding.ts'
import { compareInstants, type Now } from '../kernel/clock.ts'
import type { NewId, Random } from '../kernel/ids.ts'
import { Refusal } from '../kernel/refusal.ts'
import { againOnConflict, type Table } from '../kernel/table.ts'
import { findProgramme } from '../programmes/find-programme.ts'
import { act, nextDue, renewed } from './lifecycle.ts'
import { findMemberRecord } from './store.ts'

type Needs = { table: Table; now: Now; newId: NewId; random: Random }
type Request = { id: string; verb: MembershipVerb; action: MembershipAction }

/** Renews, cancels, suspends, resumes or refunds a membership, and with it everything that follows from it. */
export async function changeMembership(
  needs: Needs,
  caller: Pick<Caller, 'brand'>,
  request: Request,
): Promise<Membership> {
  const { table, now } = needs
  return againOnConflict(async () => {
    const before = await loadHolding(table, request.id)
    if (before.programme.brand !== caller.brand) throw new Refusal('not-yours')
    const at = effectiveAt(request.action.at, before.membership, now())
    const current = await caughtUp(needs, before, at)
    const acted = await actedOn(needs, current, request.verb, at)
    if (acted === current && current === before) return before.membership
    const settled = await settledAt(needs, acted, at)
    const after = await caughtUp(needs, settled, now())
    await table.commit(holdingWrites(after, before, at))
    return after.membership
  })
}

/** Brings one membership up to date with the clock. Late timers change nothing but when the change is stored. */
export async function advanceMembership(needs: Needs, id: string): Promise<void> {
  await againOnConflict(async () => {
    const before = await loadHolding(needs.table, id)
    const after = await caughtUp(needs, before, needs.now())
    await needs.table.commit(holdingWrites(after, before, needs.now()))
  })
}

/** Applies every boundary up to `until`, each at the instant at which it was due, so that windows are exact. */
async function caughtUp(needs: Needs, holding: Holding, until: Instant): Promise<Holding> {
  let current = holding
  for (;;) {
    const due = nextDue(current.membership, until)
    const boundary = current.membership.nextTimerAt
    const waiting = boundary !== undefined && compareInstants(boundary, until) <= 0
    if (!due && !waiting) return current
    const at = due && (!waiting || compareInstants(due.at, boundary) <= 0) ? due.at : boundary
    if (at === undefined) return current
    const membership = due && at === due.at ? due.membership : current.membership
    current = await settledAt(needs, { ...current, membership }, at)
  }
}

async function actedOn({ table }: Needs, holding: Holding, verb: MembershipVerb, at: Instant): Promise<Holding> {
  if (verb !== 'renew') {
    const membership = act(holding.membership, verb, at)
    return membership === holding.membership ? holding : { ...holding, membership }
  }
  const programme = await findProgramme({ table }, holding.programme.id)
  const plan = programme.plans.find(({ id }) => id === holding.membership.plan)
  if (!plan) throw new Refusal('plan-not-found', `version ${programme.version} has no plan ${holding.membership.plan}`)
  const membership = renewed(holding.membership, plan, programme.timeZone, programme.version)
  return { ...holding, programme, membership }
}

async function settledAt({ table, newId }: Needs, holding: Holding, at: Instant): Promise<Holding> {
  const member = await findMemberRecord(table, holding.membership.member)
  return settle(holding, { at, newId, subjects: member?.subjects ?? {} })
}

/** @throws Refusal at-out-of-range */
function effectiveAt(asked: Instant | undefined, { changedAt }: Membership, now: Instant): Instant {
  if (asked === undefined) return now
  if (compareInstants(asked, now) > 0 || compareInstants(asked, changedAt) < 0)
    throw new Refusal('at-out-of-range', `the instant must lie between the last change (${changedAt}) and now (${now})`)
  return asked
}
