import { type AuditEntry, type ExceptionRecord, exceptionLimits, type ResolveRequest } from '../../schemas/exception.ts'
import type { Money } from '../../schemas/money.ts'
import type { Instant, Period } from '../../schemas/primitives.ts'
import { isBefore } from '../kernel/clock.ts'
import { Refusal } from '../kernel/refusal.ts'
import { disputeDeadline } from './plan.ts'

/** Who decides, and when by the business clock. */
export type Act = { actor: string; at: Instant }

const next = (before: ExceptionRecord, at: Instant, entries: AuditEntry[]) => ({
  ...before,
  touched: true,
  version: before.version + 1,
  changedAt: at,
  audit: [...before.audit, ...entries],
})

const isFinalRejection = ({ dispute }: ExceptionRecord): boolean => dispute?.reopened === true

/** To whom decides: what can be done yet. */
function resolved(before: ExceptionRecord): Refusal {
  const { resolution, deadline } = before
  const rejected = isFinalRejection(before)
    ? 'it was disputed once: that is final'
    : `it opens again if the partner disputes it until ${deadline}`
  const next = {
    rejected,
    cleared: 'its lines are no exception any more, and nothing is to be decided',
    accepted: `it is billed in ${resolution?.billedIn}; to bill another amount, adjust the next one`,
    adjusted: `it is billed in ${resolution?.billedIn}, and the amount stands`,
  }
  return wasResolved(before, next[resolution?.outcome ?? 'cleared'])
}

const wasResolved = ({ resolution }: ExceptionRecord, next: string): Refusal =>
  new Refusal('exception-resolved', `it was resolved as ${resolution?.outcome} at ${resolution?.at}: ${next}`)

/** @returns undefined where nothing changes @throws Refusal exception-resolved, wrong-state */
export function decideAssignment(
  before: ExceptionRecord,
  assignee: string,
  { actor, at }: Act,
): ExceptionRecord | undefined {
  if (before.state === 'resolved') throw resolved(before)
  if (before.assignee === assignee && before.state === 'assigned') return undefined
  if (before.audit.length >= exceptionLimits.audit)
    throw new Refusal('wrong-state', 'it was assigned too often: resolve it')
  const entry = { at, actor, action: 'assigned', note: assignee } as const
  return { ...next(before, at, [entry]), state: 'assigned', assignee }
}

/**
 * What may be decided at all, before anything is billed for it. The same decision again by the same client is the one
 * that stands.
 * @returns whether it is new @throws Refusal exception-resolved
 */
export function isNewResolution(before: ExceptionRecord, request: ResolveRequest, { actor }: Act): boolean {
  const { state, resolution } = before
  if (state !== 'resolved') return true
  const isSame =
    resolution?.actor === actor &&
    resolution.outcome === request.outcome &&
    resolution.reason === request.reason &&
    resolution.amount?.amountMinor === request.amountMinor
  if (!isSame) throw resolved(before)
  return false
}

/** `billing` is of what is accepted or adjusted: the period whose close bills it, and an adjusted one's amount. */
export function decideResolution(
  before: ExceptionRecord,
  { outcome, reason }: ResolveRequest,
  billing: { billedIn: Period; amount?: Money } | undefined,
  { actor, at }: Act,
): ExceptionRecord {
  const entry = { at, actor, action: 'resolved', note: `${outcome}: ${reason}` } as const
  return {
    ...next(before, at, [entry]),
    state: 'resolved',
    resolution: { outcome, reason, at, actor, ...billing },
    // A rejection may be disputed for as long as an opening may.
    ...(outcome === 'rejected' && { deadline: disputeDeadline(at) }),
  }
}

/**
 * A partner disputes what is open, and opens what was rejected again, once.
 * @returns undefined where nothing changes @throws Refusal dispute-too-late, exception-resolved, wrong-state
 */
export function decideDispute(
  before: ExceptionRecord,
  reason: string,
  { actor, at }: Act,
): ExceptionRecord | undefined {
  const { state, dispute, deadline, resolution } = before
  if (before.programme === undefined)
    throw new Refusal(
      'wrong-state',
      'it belongs to no programme: nobody decides about it; send it again, corrected, under a new id',
    )
  const isStanding = state !== 'resolved' && dispute !== undefined
  if (isStanding && dispute.reason === reason && dispute.actor === actor) return undefined
  if (state === 'resolved' && resolution?.outcome !== 'rejected')
    throw wasResolved(before, 'only a rejection is disputed, within 30 days of it')
  if (state === 'resolved' && isFinalRejection(before))
    throw new Refusal(
      'exception-resolved',
      'it was opened again by a dispute already, and rejected again: that is final',
    )
  if (isBefore(deadline, at))
    throw new Refusal('dispute-too-late', `it could be disputed until ${deadline}`, { at: deadline })
  if (isStanding) throw new Refusal('wrong-state', 'it is disputed already; wait for the decision')
  if (state !== 'resolved') {
    const after = next(before, at, [{ at, actor, action: 'disputed', note: reason }])
    return { ...after, dispute: { reason, at, actor, reopened: false } }
  }
  const entries = [
    { at, actor, action: 'disputed', note: reason },
    { at, actor, action: 'reopened' },
  ] as const
  const { resolution: _rejection, assignee: _assignee, ...after } = next(before, at, [...entries])
  return { ...after, state: 'open', dispute: { reason, at, actor, reopened: true } }
}
