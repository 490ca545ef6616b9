import type { Membership, MembershipVerb } from '../../schemas/membership.ts'
import type { Instant } from '../../schemas/primitives.ts'
import type { Plan } from '../../schemas/programme.ts'
import { plusDuration, plusDurations } from '../kernel/calendar.ts'
import { isBefore } from '../kernel/clock.ts'
import { Refusal } from '../kernel/refusal.ts'

/** The end of a term, and of the grace after it where the plan has one. */
export const termFrom = (startsAt: Instant, plan: Plan, timeZone: string): Term =>
  withGrace(plusDuration(startsAt, plan.term, timeZone), plan, timeZone)

type Term = Pick<Membership, 'endsAt' | 'graceEndsAt'>
const withGrace = (endsAt: Instant, { grace }: Plan, timeZone: string): Term => ({
  endsAt,
  ...(grace && { graceEndsAt: plusDuration(endsAt, grace, timeZone) }),
})

/** Terms are counted from the start: sold on 31 October, a month ends on 30 November and the next one on 31 December. */
const mostTerms = 1_200
function nextEnd({ startsAt, endsAt }: Membership, { term }: Plan, timeZone: string): Instant {
  for (let terms = 1; terms <= mostTerms; terms++) {
    const end = plusDurations(startsAt, term, terms, timeZone)
    if (end === endsAt) return plusDurations(startsAt, term, terms + 1, timeZone)
    if (isBefore(endsAt, end)) break
  }
  // The term has changed since the sale: what is paid now counts from the present end.
  return plusDuration(endsAt, term, timeZone)
}

/**
 * The membership's own state machine: `trialing → active ⇄ grace`, live ⇄ `suspended`, any → `ended`. Asking again for
 * what already holds changes nothing, so that every action may be retried.
 * @throws Refusal wrong-state
 */
export function act(
  membership: Membership,
  verb: Exclude<MembershipVerb, 'renew'>,
  at: Instant,
  { isFraud = false } = {},
): Membership {
  const { state } = membership
  const refunded = isFraud ? 'fraud' : 'refunded'
  if (state === 'ended') {
    const asked = verb === 'refund' ? refunded : verb === 'cancel' ? 'cancelled' : undefined
    if (asked && membership.endedReason === asked) return membership
    throw refused(membership, verb)
  }
  switch (verb) {
    case 'refund':
      return ended(membership, refunded, at)
    case 'cancel':
      // The paid term is over in grace: there is no end left to wait for.
      if (underlying(membership) === 'grace') return ended(membership, 'cancelled', at)
      return membership.cancelAtEnd ? membership : { ...membership, cancelAtEnd: true }
    case 'suspend':
      return state === 'suspended' ? membership : { ...membership, state: 'suspended', suspendedFrom: state }
    case 'resume':
      return resumed(membership)
  }
}

/** What a membership is apart from a suspension, which stops neither trial nor grace from running out. */
const underlying = ({ state, suspendedFrom }: Membership) => suspendedFrom ?? state

function resumed(membership: Membership): Membership {
  const { suspendedFrom, ...rest } = membership
  return suspendedFrom ? { ...rest, state: suspendedFrom } : membership
}

/** A further term from the end of the present one; a renewal takes back a cancellation and ends grace. */
export function renewed(membership: Membership, plan: Plan, timeZone: string, programmeVersion: number): Membership {
  if (!['trialing', 'active', 'grace'].includes(membership.state)) throw refused(membership, 'renew')
  const { graceEndsAt: _before, ...rest } = membership
  return {
    ...rest,
    ...withGrace(nextEnd(membership, plan, timeZone), plan, timeZone),
    state: membership.state === 'grace' ? 'active' : membership.state,
    cancelAtEnd: false,
    programmeVersion,
  }
}

/** Over because its member is erased; one that is over already stays what it is. */
export const erased = (membership: Membership, at: Instant): Membership =>
  membership.state === 'ended' ? membership : ended(membership, 'erased', at)

function ended(membership: Membership, reason: NonNullable<Membership['endedReason']>, at: Instant): Membership {
  const { suspendedFrom: _before, ...rest } = membership
  return { ...rest, state: 'ended', endedReason: reason, endedAt: at }
}

/**
 * The next change that time alone brings up to `now`, and exactly when it was due: a timer that fires late must not
 * make a window longer. Nothing is due any more when it answers undefined.
 */
export function nextDue(membership: Membership, now: Instant): { membership: Membership; at: Instant } | undefined {
  const { state, trialEndsAt, endsAt, graceEndsAt, cancelAtEnd } = membership
  const phase = underlying(membership)
  const isDue = (instant: Instant | undefined): instant is Instant => instant !== undefined && !isBefore(now, instant)
  if (state === 'ended') return undefined
  if (phase === 'trialing' && isDue(trialEndsAt) && isBefore(trialEndsAt, endsAt)) {
    const after = state === 'suspended' ? { suspendedFrom: 'active' as const } : { state: 'active' as const }
    return { membership: { ...membership, ...after }, at: trialEndsAt }
  }
  if (phase === 'grace')
    return isDue(graceEndsAt) ? { membership: ended(membership, 'expired', graceEndsAt), at: graceEndsAt } : undefined
  if (!isDue(endsAt)) return undefined
  if (graceEndsAt && !cancelAtEnd && state !== 'suspended')
    return { membership: { ...membership, state: 'grace' }, at: endsAt }
  return { membership: ended(membership, cancelAtEnd ? 'cancelled' : 'expired', endsAt), at: endsAt }
}

const refused = ({ state, endedReason }: Membership, verb: MembershipVerb) =>
  new Refusal('wrong-state', `a membership that is ${state}${endedReason ? ` (${endedReason})` : ''} cannot ${verb}`)
