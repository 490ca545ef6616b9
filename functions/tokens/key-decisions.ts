import type { KeyPurpose, KeyRecord } from '../../schemas/key.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { compareInstants, isBefore, later, plusSeconds } from '../kernel/clock.ts'
import { currentOf, holdSeconds, isPublished, type Keys, policies, stateOf } from './key-lifecycle.ts'

/** What becomes of the keys of one purpose. */
export type Rotation = {
  /** The key that takes over, and those that are withdrawn: as they were, and as they become. */
  changes: { before: KeyRecord; after: KeyRecord }[]
  /** The current key, where it stays: the decision holds only for as long as it does. */
  signsOn?: KeyRecord
  /** Of the key that becomes the next one; absent where there is one already. */
  nextSequence?: number
}

/** Whether the current key is so old that it is replaced by itself. */
export function isDue(purpose: KeyPurpose, keys: Keys, now: Instant): boolean {
  const { activeFrom } = currentOf(keys, now) ?? {}
  const isOld = activeFrom && !isBefore(now, plusSeconds(activeFrom, policies[purpose].rotateSeconds))
  return !!isOld && !scheduledOf(keys, now)
}

type Wish = {
  now: Instant
  /** The kid of the key that was current when somebody asked. */
  replaces: string | undefined
  reason?: string | undefined
}

/**
 * Who signs after the current key, once every verifier has the key that takes over.
 * @returns undefined where nothing is to be done: a rotation is under way, or was done a moment ago or by a rival
 */
export function decideRotation(keys: Keys, { now, replaces, reason }: Wish): Rotation | undefined {
  const current = presentOf(keys, now)
  if (current.kid !== replaces || isFresh(current, keys, now) || scheduledOf(keys, now)) return undefined
  const waiting = waitingOf(keys)
  if (!waiting) throw new Error('there is no key to rotate to')
  const { publishSeconds } = policies[waiting.purpose]
  const activeFrom = later(now, plusSeconds(waiting.publishedAt, publishSeconds))
  return {
    changes: [{ before: waiting, after: { ...waiting, activeFrom, ...(reason !== undefined && { reason }) } }],
    nextSequence: sequenceAfter(keys),
  }
}

/**
 * The kids that an emergency is about which names none: the current key, and every retired one that is still published,
 * since a leak may be noticed only after a rotation. Retired keys of statements vouch for years of receipts: they go by
 * name only. Whoever asks again within the instances' hold is not about the key that took over in this emergency.
 */
export function compromisedOf(keys: Keys, now: Instant): string[] {
  const current = presentOf(keys, now)
  const isRepeated = isFresh(current, keys, now) && tookOverInEmergency(current, keys)
  const retired = keys.filter(key => stateOf(key, keys, now) === 'retired' && isPublished(key, keys, now))
  return [...(isRepeated ? [] : [current]), ...(current.purpose === 'statement' ? [] : retired)].map(({ kid }) => kid)
}

/** Keys of one withdrawal, which is one transaction; more of them take several. */
const mostWithdrawn = 50

/**
 * The withdrawal of keys that are not to be trusted any more. Where the current one is among them the next one takes over
 * at once, published long enough or not: a token that nobody can verify for a minute is better than one that anybody can
 * forge. Where the next one is among them it gets a successor, and a rotation to it is called off.
 * @returns undefined where none of them is published (any more)
 */
export function decideWithdrawal(
  keys: Keys,
  kids: readonly string[],
  { now, reason }: Pick<Wish, 'now' | 'reason'>,
): Rotation | undefined {
  const current = presentOf(keys, now)
  const published = keys.filter(key => kids.includes(key.kid) && isPublished(key, keys, now))
  // The one that signs forges most.
  const withdrawn = published.toSorted((a, b) => Number(b === current) - Number(a === current)).slice(0, mostWithdrawn)
  if (withdrawn.length === 0) return undefined
  const [scheduled, waiting] = [scheduledOf(keys, now), waitingOf(keys)].map(key =>
    key && withdrawn.includes(key) ? undefined : key,
  )
  const isCurrentGone = withdrawn.includes(current)
  const successor = isCurrentGone ? (scheduled ?? waiting) : undefined
  if (isCurrentGone && !successor) throw new Error('there is no key to rotate to')
  const because = reason !== undefined && { reason }
  const withdrawals = withdrawn.map(before => {
    const isNext = stateOf(before, keys, now) === 'next'
    const after = { ...(isNext ? unscheduled(before) : before), withdrawnAt: now, ...(!successor && because) }
    return { before, after }
  })
  const takesOver = successor ? [{ before: successor, after: { ...successor, activeFrom: now, ...because } }] : []
  return {
    changes: [...takesOver, ...withdrawals],
    ...(!isCurrentGone && { signsOn: current }),
    ...((!waiting || waiting === successor) && { nextSequence: sequenceAfter(keys) }),
  }
}

function presentOf(keys: Keys, now: Instant): KeyRecord {
  const current = currentOf(keys, now)
  if (!current) throw new Error('there is no key to rotate from')
  return current
}

/** The key whose turn comes by itself. */
const scheduledOf = (keys: Keys, now: Instant): KeyRecord | undefined =>
  keys.find(key => key.activeFrom && isBefore(now, key.activeFrom) && stateOf(key, keys, now) === 'next')

/** The key that nobody has asked for yet. */
const waitingOf = (keys: Keys): KeyRecord | undefined => keys.find(key => !key.activeFrom && !key.withdrawnAt)

const sequenceAfter = (keys: Keys): number => Math.max(...keys.map(({ sequence }) => sequence)) + 1

function unscheduled({ activeFrom: _, ...key }: KeyRecord): KeyRecord {
  return key
}

/** Whoever asks within the instances' hold asks again for what has been done: its answer was lost, or it had a rival. */
const isFresh = ({ sequence, activeFrom }: KeyRecord, keys: Keys, now: Instant): boolean =>
  activeFrom !== undefined &&
  keys.some(key => key.sequence < sequence && key.activeFrom) &&
  isBefore(now, plusSeconds(activeFrom, holdSeconds))

/** One commit withdrew a key and made this one current: both say the same instant. */
const tookOverInEmergency = ({ activeFrom }: KeyRecord, keys: Keys): boolean =>
  keys.some(({ withdrawnAt }) => withdrawnAt && activeFrom && compareInstants(withdrawnAt, activeFrom) === 0)
