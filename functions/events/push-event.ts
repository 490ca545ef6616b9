import type { OutgoingEvent } from '../../schemas/event.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { epochSeconds } from '../kernel/clock.ts'
import { Refusal } from '../kernel/refusal.ts'
import { type Outcome, outcomeOf, restSecondsOf } from './attempts.ts'

type Push = { endpoint: string; token: string; answerSeconds: number; now: Instant }
type Answer = { outcome: Outcome; restSeconds?: number }

/** One push of a signed event (RFC 8935). @param fetch a guarded one */
export async function push(fetch: typeof globalThis.fetch, { endpoint, token, answerSeconds, now }: Push) {
  const headers = { 'content-type': 'application/secevent+jwt', accept: 'application/json' }
  const signal = AbortSignal.timeout(answerSeconds * 1000)
  try {
    const response = await fetch(endpoint, { method: 'POST', headers, body: token, signal })
    return answerOf(outcomeOf(response), response.headers.get('retry-after'), now)
  } catch (error) {
    if (error instanceof Refusal) return answerOf('down', null, now)
    throw error
  }
}

/** One that refuses an event is well, and may take the others. */
function answerOf(outcome: Outcome, retryAfter: string | null, now: Instant): Answer {
  const isWell = outcome === 'taken' || outcome === 'refused'
  return isWell ? { outcome } : { outcome, restSeconds: restSecondsOf(retryAfter, now) }
}

/**
 * A security event token (RFC 8417) as OpenID Shared Signals 1.0 profiles them: no `sub`, no `exp`. Its times are those
 * of the change, so that every attempt says the same.
 */
export function claimsOf(event: OutgoingEvent, issuer: string) {
  const { id, partner, type, link, programme, account, subject, state, reason, at } = event
  return {
    iss: issuer,
    aud: partner,
    jti: id,
    iat: epochSeconds(at),
    // The pairwise subject of the entitlement tokens (RFC 9493 section 3.2.3).
    sub_id: { format: 'iss_sub', iss: issuer, sub: subject },
    events: { [type]: { link, programme, account, state, reason } },
  }
}
