import { eventTypes } from '../../schemas/event.ts'
import type { EventId } from '../../schemas/ids.ts'
import type { LinkRecord } from '../../schemas/link.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { contentId } from '../kernel/ids.ts'
import type { Write } from '../kernel/table.ts'
import { newEventWrite } from './store.ts'

/**
 * Tells the partner that a link ended or broke, as part of the commit that ends or breaks it: the one cannot happen
 * without the other. The link and its version make the event's id, so that the end has one however often it is sent.
 */
export function linkEndedEvent(link: LinkRecord, at: Instant): Write {
  const { id, seq, programme, partner, account, subject, state, reason } = link
  if (state === 'active' || !reason) throw new Error('an active link has no end to tell of')
  return newEventWrite({
    id: contentId<EventId>('evt', id, String(seq)),
    partner,
    type: eventTypes.linkEnded,
    link: id,
    programme,
    account,
    subject,
    state,
    reason,
    at,
    attempts: 0,
  })
}
