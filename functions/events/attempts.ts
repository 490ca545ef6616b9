import type { OutgoingEvent } from '../../schemas/event.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { epochMilliseconds, isBefore, later, plusSeconds } from '../kernel/clock.ts'

/** The pauses between attempts grow from a minute to six hours. */
const firstPauseSeconds = 60
const longestPauseSeconds = 6 * 3600
/** An event is tried for a day at least. Where it is the rate that the partner limits, nothing but patience is amiss. */
const lastsSeconds = 24 * 3600
const limitedLastsSeconds = 7 * 24 * 3600
/** How long a partner that did not answer well is not asked again, unless it says for how long. */
const usualRestSeconds = 30
const longestRestSeconds = 3600

/** What became of an attempt; `limited` and `down` are about the partner, `refused` about the event alone. */
export type Outcome = 'taken' | 'refused' | 'limited' | 'down'

export function outcomeOf({ ok, status }: Pick<Response, 'ok' | 'status'>): Outcome {
  if (ok) return 'taken'
  if (status === 429) return 'limited'
  return status >= 500 ? 'down' : 'refused'
}

/** Whether an attempt may be made now. */
export const isOpen = ({ nextAttemptAt, failedAt }: OutgoingEvent, now: Instant): boolean =>
  failedAt === undefined && (nextAttemptAt === undefined || !isBefore(now, nextAttemptAt))

/** The event with an attempt begun: the next one follows it by more than the time that any attempt takes. */
export function attempted(event: OutgoingEvent, now: Instant): OutgoingEvent {
  const pause = Math.min(longestPauseSeconds, firstPauseSeconds * 2 ** event.attempts)
  return {
    ...event,
    attempts: event.attempts + 1,
    firstAttemptAt: event.firstAttemptAt ?? now,
    nextAttemptAt: plusSeconds(now, pause),
  }
}

/** The event put off without an attempt: its partner's trouble is none of its own, so its pauses do not grow by it. */
export const putOff = (event: OutgoingEvent, until: Instant): OutgoingEvent => ({ ...event, nextAttemptAt: until })

/** The event after an attempt in vain. A partner that rests has it back when it is rested, and not before. */
export function attemptedInVain(begun: OutgoingEvent, outcome: Outcome, restsUntil: Instant | undefined) {
  const { nextAttemptAt } = begun
  if (restsUntil === undefined || nextAttemptAt === undefined) return begun
  return putOff(begun, outcome === 'limited' ? restsUntil : later(nextAttemptAt, restsUntil))
}

/** Whether an attempt in vain was the last one. */
export function isExhausted({ firstAttemptAt }: OutgoingEvent, outcome: Outcome, now: Instant): boolean {
  const lasts = outcome === 'limited' ? limitedLastsSeconds : lastsSeconds
  return firstAttemptAt !== undefined && !isBefore(now, plusSeconds(firstAttemptAt, lasts))
}

/**
 * How long the partner rests after an answer that was not good, or none. It may say so (RFC 9110 section 10.2.3: seconds
 * or a date), within bounds.
 */
export function restSecondsOf(retryAfter: string | null | undefined, now: Instant): number {
  const given = retryAfter?.trim() ?? ''
  const asked = /^\d+$/.test(given) ? Number(given) : (Date.parse(given) - epochMilliseconds(now)) / 1000
  return Number.isNaN(asked) ? usualRestSeconds : Math.min(longestRestSeconds, Math.max(1, Math.ceil(asked)))
}
