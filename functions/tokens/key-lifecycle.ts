import type { KeyPurpose, KeyRecord, KeyState, KeyView } from '../../schemas/key.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { statusListLifetimeSeconds } from '../../schemas/status-list.ts'
import { epochMilliseconds, isBefore, type Now, plusSeconds } from '../kernel/clock.ts'

export type Clocks = { now: Now; wallNow: Now }

/**
 * The clock that a purpose's keys go by. Access tokens, and the assertions by which the gateway itself signs in at a
 * partner, live in real time, whatever the test clock says, and so do the keys that sign them; everything else goes by
 * the business clock.
 */
export const nowOf = ({ now, wallNow }: Clocks, purpose: KeyPurpose): Instant =>
  purpose === 'access' || purpose === 'client' ? wallNow() : now()

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
  // An assertion lives 60 s; what is held of the JWK Set by the partners, who verify it, is as old as anybody's.
  client: { publishSeconds, rotateSeconds: 30 * daySeconds, retainSeconds: pastLifetime(60) },
}

/** All functions here take the keys of one purpose in order of their sequence. */
export type Keys = readonly KeyRecord[]

/**
 * The key that signs: the latest that is active and not withdrawn. An instance whose clock lags behind the one that
 * made a key active would have none, or one from before the withdrawn: the first that will be active stands in.
 */
export function currentOf(keys: Keys, now: Instant): KeyRecord | undefined {
  const lastWithdrawn = keys.findLastIndex(key => key.withdrawnAt && key.activeFrom)
  const usable = keys.slice(lastWithdrawn + 1).filter(key => key.activeFrom)
  return usable.findLast(key => isActive(key, now)) ?? usable[0]
}

const isActive = ({ activeFrom }: KeyRecord, now: Instant): boolean =>
  activeFrom !== undefined && !isBefore(now, activeFrom)

export function stateOf(key: KeyRecord, keys: Keys, now: Instant): KeyState {
  const current = currentOf(keys, now)
  if (key.kid === current?.kid) return 'current'
  return key.withdrawnAt || (current && key.sequence < current.sequence) ? 'retired' : 'next'
}

/** When its successor took over, or takes over: the first later key that was not withdrawn before its time. */
const retiredAtOf = (key: KeyRecord, keys: Keys): Instant | undefined =>
  keys.find(({ sequence, activeFrom }) => sequence > key.sequence && activeFrom)?.activeFrom

function publishedUntilOf(key: KeyRecord, keys: Keys): Instant | undefined {
  if (key.withdrawnAt) return key.withdrawnAt
  const retiredAt = retiredAtOf(key, keys)
  const { retainSeconds } = policies[key.purpose]
  return retiredAt && retainSeconds !== undefined ? plusSeconds(retiredAt, retainSeconds) : undefined
}

const order: KeyState[] = ['current', 'next', 'retired']
/** Whether it stands in the JWK Set. */
export const isPublished = (key: KeyRecord, keys: Keys, now: Instant): boolean => {
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
