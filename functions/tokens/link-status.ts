import type { LinkedEntitlement } from '../../schemas/entitlement.ts'
import type { LinkRecord } from '../../schemas/link.ts'
import type { Quota } from '../../schemas/programme.ts'
import { type TokenStatus, tokenStatus } from '../../schemas/status-list.ts'
import { isLive } from '../entitlements/derive.ts'
import { isBefore } from '../kernel/clock.ts'

/** What of a link its status follows from. */
type Shown = Pick<LinkRecord, 'state' | 'entitlements' | 'status'>

/** What the bit at a link's present index must be. */
export function statusOf({ state, entitlements }: Shown): TokenStatus {
  if (state !== 'active') return tokenStatus.invalid
  if (entitlements.some(held => isLive(held.state))) return tokenStatus.valid
  return entitlements.some(held => held.state === 'suspended') ? tokenStatus.suspended : tokenStatus.valid
}

/**
 * What becomes of a link's index when the link changes (domain.md "Status list"). While entitlements only grow, every
 * token that was minted stays true enough and the index is kept. What takes something away retires it: a fresh one is
 * drawn if there is still something to say, none if not. An ended link keeps the index whose bit will end its tokens.
 */
export function nextStatus(before: Shown | undefined, after: Shown): 'keep' | 'draw' | 'none' {
  if (after.state !== 'active') return 'keep'
  // What is only offered no token tells of, today or ever under this index.
  const speaks = after.entitlements.some(({ state }) => state !== 'offered')
  const isKept = before?.status !== undefined && !takesAway(before, after)
  if (isKept) return 'keep'
  return speaks ? 'draw' : 'none'
}

/** Whether a token that was minted before says more than the link now gives. */
function takesAway(before: Shown, after: Shown): boolean {
  const now = new Map(after.entitlements.map(held => [held.id, held]))
  const stands = after.entitlements.some(held => isLive(held.state))
  const wasSilent = !before.entitlements.some(held => isLive(held.state))
  return before.entitlements.some(held => {
    if (!isShown(held)) return false
    const then = now.get(held.id)
    if (!then || isLess(held, then)) return true
    // One bit cannot suspend a part. Where the whole was suspended, older tokens may name what stays so.
    return stands && then.state === 'suspended' && (isLive(held.state) || wasSilent)
  })
}

/** Whether a token may name it: one that is suspended was minted before that. */
const isShown = ({ state }: LinkedEntitlement): boolean => isLive(state) || state === 'suspended'

function isLess(before: LinkedEntitlement, after: LinkedEntitlement): boolean {
  return (
    !isShown(after) ||
    isBefore(after.validUntil, before.validUntil) ||
    !isLimitKept(before.limits, after.limits) ||
    !isQuotaKept(before.quota, after.quota)
  )
}

/** Only the partner knows what a limit means, so any change counts as a cut but a number that grows. */
function isLimitKept(before: LinkedEntitlement['limits'] = {}, after: LinkedEntitlement['limits'] = {}): boolean {
  const names = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...names].every(name => {
    const [was, is] = [before[name], after[name]]
    return was === is || (typeof was === 'number' && typeof is === 'number' && is > was)
  })
}

function isQuotaKept(before: Quota | undefined, after: Quota | undefined): boolean {
  if (!before || !after) return before === after
  return after.limit >= before.limit && after.per === before.per && after.rollover === before.rollover
}
