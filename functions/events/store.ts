import * as z from 'zod'
import { OutgoingEvent } from '../../schemas/event.ts'
import { Instant } from '../../schemas/primitives.ts'
import { sha256 } from '../kernel/canonical.ts'
import { epochMilliseconds, epochSeconds } from '../kernel/clock.ts'
import { type Page, passOverConflict, put, recordType, remove, type Table, type Write } from '../kernel/table.ts'

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

/** An event after an attempt was begun, put off or given up: of two workers that read the same one, one begins. */
export const eventWrite = (after: OutgoingEvent, before: OutgoingEvent): Write => {
  const { attempts, nextAttemptAt } = before
  return put(outgoing, { ...key(after), ...dueKey(after) }, after, {
    when: { equals: { attempts, ...(nextAttemptAt && { nextAttemptAt }) } },
    ...ttlOf(after),
  })
}

export const eventRemoval = (event: EventName): Write => remove(key(event))

export const findEvents = (table: Table, names: EventName[]): Promise<OutgoingEvent[]> =>
  table.getMany(outgoing, names.map(key))

/** A page of those that are due, the one that has waited longest first; the index may lag behind what they are by now. */
export const dueEvents = (
  table: Table,
  { at, limit, cursor }: { at: Instant; limit: number; cursor: string | undefined },
): Promise<Page<OutgoingEvent>> =>
  table.query(outgoing, { partition: duePartition, index: 'gsi1', to: sortable(epochMilliseconds(at)), limit, cursor })

/** A partner's event that had its effect. Kept until its token is too old to be taken at all (24 h, and clocks differ). */
const received = recordType('received-event', z.strictObject({ receivedAt: Instant }))
const receivedKey = (partner: string, tokenId: string) => ({ pk: `RECEIVED#${partner}#${sha256(tokenId)}`, sk: 'HEAD' })
const rememberedSeconds = 25 * 3600

export const isReceived = async (table: Table, partner: string, tokenId: string): Promise<boolean> =>
  (await table.get(received, receivedKey(partner, tokenId))) !== undefined

export const rememberReceived = (table: Table, partner: string, tokenId: string, receivedAt: Instant): Promise<void> =>
  table
    .write(
      put(
        received,
        receivedKey(partner, tokenId),
        { receivedAt },
        {
          when: 'absent',
          ttl: epochSeconds(receivedAt) + rememberedSeconds,
        },
      ),
    )
    .catch(passOverConflict)
