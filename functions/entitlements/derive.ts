import type { Entitlement, EntitlementState, LinkedEntitlement } from '../../schemas/entitlement.ts'
import type { LinkRecord } from '../../schemas/link.ts'
import type { Membership } from '../../schemas/membership.ts'
import type { Instant } from '../../schemas/primitives.ts'
import type { ChoiceGroup } from '../../schemas/programme.ts'
import { previousQuotaPeriod, quotaPeriodOf } from '../kernel/calendar.ts'
import { epochMilliseconds, instantOf, isBefore } from '../kernel/clock.ts'

export const isTerminal = (state: EntitlementState): boolean => ['ended', 'revoked', 'failed'].includes(state)
export const isLive = (state: EntitlementState): boolean => state === 'active' || state === 'ending'

/** What an entitlement's state follows from. */
export type Grounds = {
  membership: Membership
  /** The member's link at the entitlement's partner, if there is one. */
  link: LinkRecord | undefined
  /** Whether the benefit is an option of a choice group that the member has not taken. */
  unchosen: boolean
}

/**
 * The entitlement as it must be from an instant on (domain.md "Four state machines"). Terminal states are final; a
 * window opens when it becomes live and closes when it ceases to be.
 */
export function derive(entitlement: Entitlement, grounds: Grounds, at: Instant): Entitlement {
  if (isTerminal(entitlement.state)) return entitlement
  const state = stateOf(entitlement, grounds, at)
  const linked = grounds.link?.state === 'active' && entitlement.linkRequired ? grounds.link.id : entitlement.link
  const { suspendedFrom: _before, ...rest } = entitlement
  const after: Entitlement = {
    ...rest,
    ...(linked && { link: linked }),
    ...(state === 'suspended' && { suspendedFrom: entitlement.suspendedFrom ?? entitlement.state }),
    state,
    windows: windowsAfter(entitlement, state, at),
    validUntil: isTerminal(state) ? at : validUntilOf(grounds.membership),
  }
  return state === entitlement.state ? after : { ...after, changedAt: at }
}

const revoking: ReadonlySet<Membership['endedReason']> = new Set(['refunded', 'fraud', 'erased'])

function stateOf(entitlement: Entitlement, { membership, link, unchosen }: Grounds, at: Instant): EntitlementState {
  if (membership.state === 'ended') return revoking.has(membership.endedReason) ? 'revoked' : 'ended'
  // A link that ended takes its entitlements with it; coming back makes new ones.
  const lostLink = entitlement.link !== undefined && link?.state !== 'active'
  if (lostLink) return 'ended'
  if (unchosen) return 'offered'
  if (entitlement.linkRequired && link?.state !== 'active') return 'offered'
  if (membership.state === 'suspended') return 'suspended'
  const waits = isBefore(at, membership.startsAt) || (entitlement.notBefore && isBefore(at, entitlement.notBefore))
  if (waits) return 'pending'
  return membership.cancelAtEnd || membership.state === 'grace' ? 'ending' : 'active'
}

/** Taken away while the membership lives: given up for another choice, or no longer in the programme. */
export function endedAt({ suspendedFrom: _before, ...entitlement }: Entitlement, at: Instant): Entitlement {
  const windows = windowsAfter(entitlement, 'ended', at)
  return { ...entitlement, state: 'ended', windows, validUntil: at, changedAt: at }
}

function windowsAfter({ state: before, windows }: Entitlement, after: EntitlementState, at: Instant) {
  if (isLive(before) === isLive(after)) return windows
  if (isLive(after)) return [...windows, { from: at }]
  return (
    windows
      .map(({ from, until = at }) => ({ from, until }))
      // What opens and closes at one instant never was.
      .filter(({ from, until }) => isBefore(from, until))
  )
}

/** When the entitlement ends if nothing happens: with the term, or in grace with that. */
const validUntilOf = ({ state, endsAt, graceEndsAt }: Membership): Instant =>
  state === 'grace' && graceEndsAt ? graceEndsAt : endsAt

/** Whether a group still waits for the member: with no more options than may be chosen there is nothing to choose. */
export function groupStanding(group: ChoiceGroup, entitlements: Entitlement[]) {
  const options = entitlements.filter(({ choiceGroup, state }) => choiceGroup === group.id && !isTerminal(state))
  // What was live before there was anything to choose is taken too.
  const chosen = options.filter(({ chosenAt, state }) => chosenAt !== undefined || state !== 'offered')
  const benefits = new Set(options.map(option => option.benefit))
  const trivial = benefits.size <= group.choose
  return { trivial, open: !trivial && chosen.length < group.choose, options, chosen }
}

/** What needs no link is told to the partner by the link there is: nobody else could ask for its token. */
const isOf = (link: LinkRecord, { link: own, linkRequired, partner }: Entitlement): boolean =>
  own === link.id || (!linkRequired && partner === link.partner)

/** The copies of a link's entitlements that stand in its item: all that a token can need. */
export function projection(
  link: LinkRecord,
  entitlements: Entitlement[],
  memberships: Membership[],
): LinkedEntitlement[] {
  return entitlements
    .filter(entitlement => isOf(link, entitlement) && !isTerminal(entitlement.state))
    .map(entitlement => {
      const membership = memberships.find(({ id }) => id === entitlement.membership)
      const graceUntil = membership && !membership.cancelAtEnd ? membership.graceEndsAt : undefined
      const { id, benefit, kind, state, validUntil, limits, quota, timeZone } = entitlement
      const idle = idlePeriods(entitlement)
      return {
        id,
        membership: entitlement.membership,
        benefit,
        kind,
        state,
        validUntil,
        timeZone,
        validFrom: entitlement.windows[0]?.from ?? membership?.startsAt ?? entitlement.createdAt,
        ...(limits && { limits }),
        ...(quota && { quota }),
        ...(idle && { idle }),
        ...(graceUntil && { graceUntil }),
      }
    })
    .sort((a, b) => (a.id < b.id ? -1 : 1))
}

/** The latest quota periods that lie wholly between two windows, where their rests would be carried over. */
function idlePeriods({ windows, quota, timeZone }: Entitlement): LinkedEntitlement['idle'] {
  if (!quota?.rollover) return undefined
  const periodOf = (instant: Instant) => quotaPeriodOf(instant, quota.per, timeZone)
  const gaps = windows.slice(1).flatMap(({ from }, index) => {
    const until = windows[index]?.until
    if (!until) return []
    const [after, before] = [periodOf(instantOf(epochMilliseconds(until) - 1)), periodOf(from)]
    return after < previousQuotaPeriod(before, quota.per) ? [{ after, before }] : []
  })
  return gaps.at(-1)
}
