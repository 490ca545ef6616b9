import type { OutgoingEvent } from '../../schemas/event.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { tokenTypes } from '../../schemas/token.ts'
import { isBefore, later, type Now, plusSeconds } from '../kernel/clock.ts'
import { errorFields, type Log } from '../kernel/log.ts'
import { Conflict, passOverConflict, type Table } from '../kernel/table.ts'
import { findPartner } from '../partners/find-partner.ts'
import type { KeyRing } from '../tokens/keys.ts'
import { attempted, attemptedInVain, isExhausted, isOpen, putOff } from './attempts.ts'
import { partnerQueues } from './partner-queues.ts'
import { claimsOf, push } from './push-event.ts'
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
/** What is not begun after so many seconds is left to the timers; a partner that takes longer to answer rests. */
export type Patience = { seconds: number; answerSeconds: number }
type Registered = { endpoint: string | undefined }

const pageSize = 200
/** For how long a due event is put off whose partner has enough to do in this run. */
const busySeconds = 60
const writesAtOnce = 25

/**
 * Pushes events to partners (RFC 8935), each at least once: the receiver tells a repetition by its `jti`. An event is
 * removed when it is taken. Before it is sent its next attempt is set, which keeps other workers off it meanwhile and
 * brings it back should this one die. A partner that is down or limits its rate rests: until then its events are put off
 * unsent, which costs them no attempt. Make one for each process and keep it; each process learns by itself who rests.
 */
export function eventDelivery(needs: Needs) {
  const { table, wallNow } = needs
  const rests = new Map<string, Instant>()
  const restOf = (partner: string): Instant | undefined => {
    const until = rests.get(partner)
    return until !== undefined && isBefore(wallNow(), until) ? until : undefined
  }
  const rest = (partner: string, seconds: number): void => {
    const until = plusSeconds(wallNow(), seconds)
    rests.set(partner, later(until, rests.get(partner) ?? until))
  }

  async function deliver(event: OutgoingEvent, { endpoint }: Registered, answerSeconds: number): Promise<void> {
    const { partner } = event
    if (!isOpen(event, wallNow())) return
    if (endpoint === undefined) return table.write(eventRemoval(event))
    const restsUntil = restOf(partner)
    if (restsUntil) return replace(table, event, putOff(event, restsUntil))
    // Signed before it is begun: a fault of ours is not the event's attempt.
    const token = await needs.keys.sign('event', tokenTypes.event, claimsOf(event, needs.issuer))
    const begun = attempted(event, wallNow())
    if (!(await isMine(table, begun, event))) return
    const { outcome, restSeconds } = await push(needs.fetch, { endpoint, token, answerSeconds, now: wallNow() })
    if (restSeconds !== undefined) rest(partner, restSeconds)
    const fields = { partner, eventId: event.id, attempts: begun.attempts, outcome }
    if (outcome === 'taken') {
      await table.write(eventRemoval(event))
      return needs.log('info', 'event-delivered', fields)
    }
    const isLast = isExhausted(begun, outcome, wallNow())
    const after = isLast ? { ...begun, failedAt: wallNow() } : attemptedInVain(begun, outcome, restOf(partner))
    if (after !== begun) await replace(table, begun, after)
    needs.log(isLast ? 'error' : 'info', isLast ? 'event-undeliverable' : 'event-postponed', fields)
  }

  /** One round of work; a fault that is no partner's is logged, noted, and keeps nothing else from being done. */
  function begin({ seconds, answerSeconds }: Patience) {
    const until = performance.now() + seconds * 1000
    const faults: unknown[] = []
    const note = (fields: { partner?: string; eventId?: string }) => (error: unknown) => {
      needs.log('error', 'event-not-attended', { ...fields, ...errorFields(error) })
      faults.push(error)
      return undefined
    }
    const noteEvent = ({ partner, id }: EventName) => note({ partner, eventId: id })
    const queues = partnerQueues({
      until,
      addressOf: partner =>
        findPartner({ table }, partner).then(({ eventsEndpoint: endpoint }) => ({ endpoint }), note({ partner })),
      send: (event, registered: Registered) => deliver(event, registered, answerSeconds).catch(noteEvent(event)),
    })

    /** Further events of a partner that has enough to do make room: else they would stand before those of others. */
    async function makeRoom(events: OutgoingEvent[]): Promise<void> {
      for (let start = 0; start < events.length; start += writesAtOnce) {
        const next = plusSeconds(wallNow(), busySeconds)
        const some = events.slice(start, start + writesAtOnce)
        const put = (event: OutgoingEvent) =>
          replace(table, event, putOff(event, later(next, restOf(event.partner) ?? next)))
        await Promise.all(some.map(event => put(event).catch(noteEvent(event))))
      }
    }
    return { ...queues, makeRoom, note, faults, isOver: () => performance.now() >= until }
  }

  return {
    /** Those of these events that are still to be told, and due. The timers come back to all others, after faults too. */
    async deliver(names: EventName[], patience: Patience): Promise<void> {
      const round = begin(patience)
      const events = (await findEvents(table, names).catch(round.note({}))) ?? []
      for (const event of events) round.add(event)
      await round.done()
    },
    /**
     * Every event that is due, the one that has waited longest first.
     * @throws AggregateError of what was no partner's fault, once all others were attended to
     */
    async deliverDue(patience: Patience): Promise<void> {
      const round = begin(patience)
      const at = wallNow()
      let cursor: string | undefined
      do {
        const page = await dueEvents(table, { at, limit: pageSize, cursor }).catch(round.note({}))
        await round.makeRoom((page?.items ?? []).filter(event => !round.add(event)))
        cursor = page?.next
      } while (cursor && !round.isOver())
      await round.done()
      const { faults } = round
      if (faults.length > 0) throw new AggregateError(faults, `${faults.length} events could not be attended to`)
    },
  }
}

/** Somebody else may have been at the event meanwhile: then it is theirs. */
const replace = (table: Table, before: OutgoingEvent, after: OutgoingEvent): Promise<void> =>
  table.write(eventWrite(after, before)).catch(passOverConflict)

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
