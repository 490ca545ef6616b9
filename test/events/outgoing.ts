import { recordType, type Table } from '../../functions/kernel/table.ts'
import { OutgoingEvent } from '../../schemas/event.ts'

/** What a partner has not been told yet, or never took. */
export const outgoingEvents = (table: Table, partner: string): Promise<OutgoingEvent[]> =>
  table.all(recordType('outgoing-event', OutgoingEvent), { partition: `EVENTS#${partner}` })
