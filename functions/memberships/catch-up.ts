import type { Membership } from '../../schemas/membership.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { type Holding, settle } from '../entitlements/holding.ts'
import { isBefore, later } from '../kernel/clock.ts'
import type { NewId } from '../kernel/ids.ts'
import type { Table } from '../kernel/table.ts'
import { nextDue } from './lifecycle.ts'
import { subjectsOf } from './store.ts'

type Needs = { table: Table; newId: NewId }

/**
 * Applies every boundary up to `until`, each at the instant at which it was due, so that windows are exact however late
 * timers are. Whatever changes a holding starts from here. The same object comes back when nothing was due.
 */
export async function caughtUp({ table, newId }: Needs, holding: Holding, until: Instant): Promise<Holding> {
  let step = nextStep(holding.membership, until)
  if (!step) return holding
  const subjects = await subjectsOf(table, holding.membership.member)
  let current = holding
  while (step) {
    const membership: Membership = { ...step.membership, changedAt: step.at }
    current = settle({ ...current, membership }, { at: step.at, newId, subjects })
    step = nextStep(current.membership, until)
  }
  return current
}

/** A boundary is the membership's own, or a timer's for one of its entitlements; time never runs backwards. */
function nextStep(membership: Membership, until: Instant): { membership: Membership; at: Instant } | undefined {
  const { nextTimerAt: timer, changedAt } = membership
  const due = nextDue(membership, until)
  const isTimerDue = timer !== undefined && !isBefore(until, timer)
  if (due && !(isTimerDue && isBefore(timer, due.at))) return { ...due, at: later(due.at, changedAt) }
  return isTimerDue ? { membership, at: later(timer, changedAt) } : undefined
}
