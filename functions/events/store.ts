import { OutgoingEvent } from '../../schemas/event.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { epochMilliseconds, epochSeconds } from '../kernel/clock.ts'
import { put, recordType, remove, type Table, type Write } from '../kernel/table.ts'

const outgoing = recordType('outgoing-event', OutgoingEvent)

export type EventName = Pick<OutgoingEvent, 'partner' | 'id'>
const key = ({ partner, id }: EventName) => ({ pk: `EVENTS#${partner}`, sk: id })
/** Milliseconds with leading zeros: instants may or may not carry a fraction, so their text does not sort. */
const sortable = (milliseconds: number): string => String(milliseconds).padStart(15, '0')
const duePartition = 'DUE-EVENTS'
/** Due until it is given up; one that was never tried is due before all others. */
const dueKey = ({ nextAttemptAt, failedAt }: OutgoingEvent) =>
  failedAt ? {} : { gsi1pk: duePartition, gsi1sk: sortable(nextAttemptAt ? epochMilliseconds(nextAttemptAt) : 0) }

const keptSeconds = 30 * 86_400
/** A partner that is gone for good must not keep an account here for ever. */
const ttlOf = ({ firstAttemptAt }: OutgoingEvent) =>
  firstAttemptAt ? { ttl: epochSeconds(firstAttemptAt) + keptSeconds } : {}

export const newEventWrite = (event: OutgoingEvent): Write =>
  put(outgoing, { ...key(event), ...dueKey(event) }, event, { when: 'absent' })

/** An event after an attempt was begun or given up: of two workers that read the same one, one commits. */
export const eventWrite = (after: OutgoingEvent, before: OutgoingEvent): Write =>
  put(outgoing, { ...key(after), ...dueKey(after) }, after, {
    when: { equals: { attempts: before.attempts } },
    ...ttlOf(after),
  })

export const eventRemoval = (event: EventName): Write => remove(key(event))

export const findEvent = (table: Table, name: EventName): Promise<OutgoingEvent | undefined> =>
  table.get(outgoing, key(name))

export const findEvents = (table: Table, names: EventName[]): Promise<OutgoingEvent[]> =>
  table.getMany(outgoing, names.map(key))

/** Those that are due, the one that has waited longest first; the index may lag behind, so each is read again. */
export const dueEvents = (table: Table, at: Instant, limit: number): Promise<OutgoingEvent[]> =>
  table
    .query(outgoing, { partition: duePartition, index: 'gsi1', to: sortable(epochMilliseconds(at)), limit })
    .then(({ items }) => items)
