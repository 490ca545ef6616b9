import type { KeyPurpose, KeyRecord, KeyState, KeyView } from '../../schemas/key.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { statusListLifetimeSeconds } from '../../schemas/status-list.ts'
import { epochMilliseconds, isBefore, later, plusSeconds } from '../kernel/clock.ts'

/** How long an instance goes by the key records that it has read: so late may it learn of a rotation. */
export const holdSeconds = 60
/** By how much the clocks of two instances, or of the gateway and a partner, may differ. */
const toleranceSeconds = 60
const daySeconds = 86_400

type Policy = {
  /** How long a key stands in the JWK Set before it signs. */
  publishSeconds: number
  /** Age at which the current key is replaced by itself. */
  rotateSeconds: number
  /** How long it stays in the JWK Set once its successor signs; absent: for ever. */
  retainSeconds?: number
}

/** Verifiers keep the JWK Set for 300 s, and an instance may publish one that is `holdSeconds` old: 360 s, and some air. */
const publishSeconds = 600
/** Until the last of what it signed is dead, also by an instance that has not yet heard of the successor. */
const pastLifetime = (lifetimeSeconds: number) => lifetimeSeconds + holdSeconds + toleranceSeconds

export const policies: Record<KeyPurpose, Policy> = {
  // The longest `tokenTtlSeconds` of a partner.
  entitlement: { publishSeconds, rotateSeconds: 30 * daySeconds, retainSeconds: pastLifetime(3600) },
  'status-list': {
    publishSeconds,
    rotateSeconds: 30 * daySeconds,
    retainSeconds: pastLifetime(statusListLifetimeSeconds),
  },
  // Security event tokens carry no `exp`: this is how long a receiver that was down may take to come back.
  event: { publishSeconds, rotateSeconds: 30 * daySeconds, retainSeconds: pastLifetime(30 * daySeconds) },
  // Receipts and statements are evidence for years: whoever holds one must find its key.
  statement: { publishSeconds, rotateSeconds: 365 * daySeconds },
  // `accessTokenTtlSeconds` of the authorization server.
  access: { publishSeconds, rotateSeconds: 30 * daySeconds, retainSeconds: pastLifetime(600) },
}

/** All functions here take the keys of one purpose in order of their sequence. */
type Keys = readonly KeyRecord[]

/**
 * The key that signs: the latest that is active and not withdrawn. An instance whose clock lags behind the one that
 * made a key active would have none, or one from before the withdrawn: the first that will be active stands in.
 */
export function currentOf(keys: Keys, now: Instant): KeyRecord | undefined {
  const usable = keys.slice(keys.findLastIndex(key => key.withdrawnAt) + 1).filter(key => key.activeFrom)
  return usable.findLast(key => isActive(key, now)) ?? usable[0]
}

const isActive = ({ activeFrom }: KeyRecord, now: Instant): boolean =>
  activeFrom !== undefined && !isBefore(now, activeFrom)

export function stateOf(key: KeyRecord, keys: Keys, now: Instant): KeyState {
  const current = currentOf(keys, now)
  if (key.kid === current?.kid) return 'current'
  return key.withdrawnAt || (current && key.sequence < current.sequence) ? 'retired' : 'next'
}

/** When the next key of the sequence took over, or takes over. */
const retiredAtOf = (key: KeyRecord, keys: Keys): Instant | undefined =>
  keys.find(({ sequence }) => sequence === key.sequence + 1)?.activeFrom

function publishedUntilOf(key: KeyRecord, keys: Keys): Instant | undefined {
  if (key.withdrawnAt) return key.withdrawnAt
  const retiredAt = retiredAtOf(key, keys)
  const { retainSeconds } = policies[key.purpose]
  return retiredAt && retainSeconds !== undefined ? plusSeconds(retiredAt, retainSeconds) : undefined
}

const order: KeyState[] = ['current', 'next', 'retired']
const isPublished = (key: KeyRecord, keys: Keys, now: Instant): boolean => {
  const until = publishedUntilOf(key, keys)
  return !key.withdrawnAt && (until === undefined || isBefore(now, until))
}

/** What stands in the JWK Set: the current key, the next ones, and those that something alive is signed with. */
export const publishedOf = (keys: Keys, now: Instant): KeyRecord[] =>
  order.flatMap(state => keys.filter(key => stateOf(key, keys, now) === state && isPublished(key, keys, now)))

/** The first instant after `now` at which the current key or the published ones are others, in epoch milliseconds. */
export function nextChangeOf(keys: Keys, now: Instant): number {
  const times = keys.flatMap(key => [key.activeFrom ?? [], publishedUntilOf(key, keys) ?? []].flat())
  return Math.min(...times.filter(time => isBefore(now, time)).map(epochMilliseconds))
}

export const viewsOf = (keys: Keys, now: Instant): KeyView[] =>
  keys.map(key => {
    const { kid, sequence, publishedAt, activeFrom, withdrawnAt, reason } = key
    const retiredAt = key.withdrawnAt ?? retiredAtOf(key, keys)
    const publishedUntil = publishedUntilOf(key, keys)
    return {
      kid,
      state: stateOf(key, keys, now),
      sequence,
      publishedAt,
      ...(activeFrom && { activeFrom }),
      ...(retiredAt && { retiredAt }),
      ...(withdrawnAt && { withdrawnAt }),
      ...(publishedUntil && { publishedUntil }),
      ...(reason !== undefined && { reason }),
    }
  })

/** Whether the current key is so old that it is replaced by itself. */
export function isDue(purpose: KeyPurpose, keys: Keys, now: Instant): boolean {
  const { activeFrom } = currentOf(keys, now) ?? {}
  const isScheduled = keys.some(key => key.activeFrom && isBefore(now, key.activeFrom))
  return !!activeFrom && !isScheduled && !isBefore(now, plusSeconds(activeFrom, policies[purpose].rotateSeconds))
}

export type Rotation = {
  /** The key that takes over, and the one that is withdrawn for it: as they were, and as they become. */
  changes: { before: KeyRecord; after: KeyRecord }[]
  /** Of the key that becomes the next one; absent where there is one already. */
  nextSequence?: number
}
type Wish = {
  now: Instant
  /** The kid of the key that was current when somebody asked. */
  replaces: string | undefined
  emergency: boolean
  reason?: string | undefined
}

/**
 * Who signs after the current key. A scheduled rotation waits until every verifier has the key that takes over; an
 * emergency does not, as a token that nobody can verify for a minute is better than one that anybody can forge.
 * @returns undefined where nothing is to be done: a rotation is under way, or was done a moment ago or by a rival
 */
export function decideRotation(keys: Keys, { now, replaces, emergency, reason }: Wish): Rotation | undefined {
  const current = currentOf(keys, now)
  const replaced = keys.find(({ kid }) => kid === replaces)
  if (!current || !replaced) throw new Error('there is no key to rotate from')
  const withdrawal = { before: replaced, after: { ...replaced, withdrawnAt: now } }
  // A rival has replaced it, but only an emergency withdraws what it signed.
  if (replaced !== current) return emergency && !replaced.withdrawnAt ? { changes: [withdrawal] } : undefined
  if (isJustDone(current, keys, { now, emergency })) return undefined
  const scheduled = keys.find(key => key !== current && key.activeFrom && isBefore(now, key.activeFrom))
  if (scheduled && !emergency) return undefined
  const waiting = keys.find(key => !key.activeFrom)
  const successor = scheduled ?? waiting
  if (!successor) throw new Error('there is no key to rotate to')
  const { publishSeconds } = policies[successor.purpose]
  const activeFrom = emergency ? now : later(now, plusSeconds(successor.publishedAt, publishSeconds))
  const after = { ...successor, activeFrom, ...(reason !== undefined && { reason }) }
  return {
    changes: [{ before: successor, after }, ...(emergency ? [withdrawal] : [])],
    ...(successor === waiting && { nextSequence: successor.sequence + 1 }),
  }
}

/** Whoever asks within the instances' hold asks again for what has been done: its answer was lost, or it had a rival. */
function isJustDone(current: KeyRecord, keys: Keys, { now, emergency }: Pick<Wish, 'now' | 'emergency'>): boolean {
  const before = keys.find(({ sequence }) => sequence === current.sequence - 1)
  if (!before || !current.activeFrom || (emergency && !before.withdrawnAt)) return false
  return isBefore(now, plusSeconds(current.activeFrom, holdSeconds))
}
