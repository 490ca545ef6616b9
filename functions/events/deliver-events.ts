import type { OutgoingEvent } from '../../schemas/event.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { tokenTypes } from '../../schemas/token.ts'
import { epochSeconds, isBefore, type Now, plusSeconds } from '../kernel/clock.ts'
import type { Log } from '../kernel/log.ts'
import { Refusal } from '../kernel/refusal.ts'
import { Conflict, type Table } from '../kernel/table.ts'
import { findPartner } from '../partners/find-partner.ts'
import type { KeyRing } from '../tokens/keys.ts'
import { attempted, isExhausted, isOpen } from './attempts.ts'
import { dueEvents, type EventName, eventRemoval, eventWrite, findEvents } from './store.ts'

type Needs = {
  table: Table
  keys: Pick<KeyRing, 'sign'>
  issuer: string
  wallNow: Now
  log: Log
  /** A guarded one: partners supply the addresses. */
  fetch: typeof fetch
}
export type EventDelivery = ReturnType<typeof eventDelivery>

/** Events on their way to one partner at the same time. */
const atOnce = 10
/** How long a partner that did not answer is not asked again by this process: its events wait for their next attempt. */
const restSeconds = 30
const pageSize = 500
const mostPages = 5

/**
 * Pushes events to partners (RFC 8935), each at least once: the receiver tells a repetition by its `jti`. An event is
 * removed when it is taken. Before it is sent its next attempt is set, which keeps other workers off it meanwhile and
 * brings it back should this one die. Make one for each process and keep it.
 */
export function eventDelivery(needs: Needs) {
  const { table, wallNow, log } = needs
  const restingUntil = new Map<string, Instant>()
  const isResting = (partner: string): boolean => {
    const until = restingUntil.get(partner)
    return until !== undefined && isBefore(wallNow(), until)
  }

  async function deliver(event: OutgoingEvent, endpoint: string | undefined): Promise<void> {
    if (!isOpen(event, wallNow())) return
    if (endpoint === undefined) return table.write(eventRemoval(event))
    const begun = attempted(event, wallNow())
    if (!(await isMine(table, begun, event))) return
    const { id, partner, attempts } = begun
    const outcome = isResting(partner) ? 'down' : await push(needs, endpoint, event)
    if (outcome === 'taken') {
      await table.write(eventRemoval(event))
      return log('info', 'event-delivered', { partner, eventId: id, attempts })
    }
    // One that refuses an event is well, and may take the others.
    if (outcome === 'down' && !isResting(partner)) restingUntil.set(partner, plusSeconds(wallNow(), restSeconds))
    if (!isExhausted(begun)) return log('info', 'event-postponed', { partner, eventId: id, attempts, outcome })
    await table.write(eventWrite({ ...begun, failedAt: wallNow() }, begun))
    log('error', 'event-undeliverable', { partner, eventId: id, attempts, outcome })
  }

  /** @param until of `performance.now()`: what is not begun by then is left to the timers */
  async function deliverTo(partner: string, events: OutgoingEvent[], until: number): Promise<unknown[]> {
    const { eventsEndpoint } = await findPartner({ table }, partner)
    const failures: unknown[] = []
    for (let start = 0; start < events.length && performance.now() < until; start += atOnce) {
      const sent = events.slice(start, start + atOnce).map(event => deliver(event, eventsEndpoint))
      failures.push(...failuresOf(await Promise.allSettled(sent)))
    }
    return failures
  }

  /** Partners do not wait for each other. */
  async function deliverAll(events: OutgoingEvent[], until: number): Promise<void> {
    const perPartner = [...Map.groupBy(events, ({ partner }) => partner)]
    const outcomes = await Promise.allSettled(perPartner.map(([partner, own]) => deliverTo(partner, own, until)))
    const failures = outcomes.flatMap(outcome => (outcome.status === 'fulfilled' ? outcome.value : [outcome.reason]))
    if (failures.length > 0) throw new AggregateError(failures, `${failures.length} events could not be attended to`)
  }

  return {
    /**
     * Those of these events that are still to be told, and due.
     * @throws AggregateError of what was no partner's fault, once all others were attended to; the timers come back to it
     */
    async deliver(names: EventName[], { seconds }: { seconds: number }): Promise<void> {
      await deliverAll(await findEvents(table, names), performance.now() + seconds * 1000)
    },
    /** Every event that is due. @throws AggregateError as `deliver` does */
    async deliverDue({ seconds }: { seconds: number }): Promise<void> {
      const until = performance.now() + seconds * 1000
      for (let page = 0; page < mostPages && performance.now() < until; page += 1) {
        const due = await dueEvents(table, wallNow(), pageSize)
        await deliverAll(due, until)
        if (due.length < pageSize) return
      }
    },
  }
}

const failuresOf = (outcomes: PromiseSettledResult<void>[]): unknown[] =>
  outcomes.flatMap(outcome => (outcome.status === 'rejected' ? [outcome.reason] : []))

/** Whether this worker is the one that makes the attempt: another one may be at it, or have delivered it. */
async function isMine(table: Table, begun: OutgoingEvent, event: OutgoingEvent): Promise<boolean> {
  try {
    await table.write(eventWrite(begun, event))
    return true
  } catch (error) {
    if (error instanceof Conflict) return false
    throw error
  }
}

async function push(needs: Needs, endpoint: string, event: OutgoingEvent): Promise<'taken' | 'refused' | 'down'> {
  const token = await needs.keys.sign('event', tokenTypes.event, claimsOf(event, needs.issuer))
  const headers = { 'content-type': 'application/secevent+jwt', accept: 'application/json' }
  try {
    const { ok, status } = await needs.fetch(endpoint, { method: 'POST', headers, body: token })
    if (ok) return 'taken'
    return status >= 500 || status === 429 ? 'down' : 'refused'
  } catch (error) {
    if (error instanceof Refusal) return 'down'
    throw error
  }
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
