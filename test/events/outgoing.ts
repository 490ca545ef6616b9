import { newEventWrite } from '../../functions/events/store.ts'
import { contentId } from '../../functions/kernel/ids.ts'
import { recordType, type Table } from '../../functions/kernel/table.ts'
import { eventTypes, OutgoingEvent } from '../../schemas/event.ts'

/** What a partner has not been told yet, or never took. */
export const outgoingEvents = (table: Table, partner: string): Promise<OutgoingEvent[]> =>
  table.all(recordType('outgoing-event', OutgoingEvent), { partition: `EVENTS#${partner}` })

/** So many links of a partner have just ended, as far as the partner is to hear of it. */
export async function endedAtOnce(table: Table, partner: string, count: number): Promise<void> {
  const writes = Array.from({ length: count }, (_, n) =>
    newEventWrite(
      OutgoingEvent.parse({
        id: contentId('evt', partner, String(n)),
        partner,
        type: eventTypes.linkEnded,
        link: contentId('lnk', partner, String(n)),
        programme: '88vip',
        account: `account-${n}`,
        subject: contentId('sub', partner, String(n)),
        state: 'ended',
        reason: 'member',
        at: '2026-10-01T00:00:00Z',
        attempts: 0,
      }),
    ),
  )
  for (let start = 0; start < count; start += 100) await table.commit(writes.slice(start, start + 100))
}
