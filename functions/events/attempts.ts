import type { OutgoingEvent } from '../../schemas/event.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { isBefore, plusSeconds } from '../kernel/clock.ts'

/** The pauses grow from a minute to six hours; after a day it is given up. */
const firstPauseSeconds = 60
const longestPauseSeconds = 6 * 3600
const lastsSeconds = 24 * 3600

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

/** Whether the next attempt would come too late. */
export const isExhausted = ({ firstAttemptAt, nextAttemptAt }: OutgoingEvent): boolean =>
  firstAttemptAt !== undefined &&
  nextAttemptAt !== undefined &&
  isBefore(plusSeconds(firstAttemptAt, lastsSeconds), nextAttemptAt)
