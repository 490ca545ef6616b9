import type { UsageException } from '../../schemas/exception.ts'
import { disputeDeadline } from '../exceptions/plan.ts'
import { type BillingOutlook, billingOutlook } from '../exceptions/resolve.ts'
import { findOne, programmeOfException } from '../exceptions/view.ts'
import { Refusal } from '../kernel/refusal.ts'
import { callerFor, type Desk, type StaffVisit } from './desk.ts'
import { type QueueNames, queueNames } from './exception-names.ts'
import type { Words } from './words.ts'

/** What a decision would bill, or why it would be refused. */
export type Outlook = { billing: BillingOutlook } | { refusal: Refusal }
export type FormName = 'assigned' | 'accepted' | 'rejected' | 'adjusted'
export type RefusedKind = Exclude<keyof Words['exceptions']['one']['refused'], 'typed'>
/** A form that was not taken: what was typed in it, and what is wrong with that. */
export type Refused = {
  form: FormName
  kind: RefusedKind
  refusal?: Refusal
  typed: { assignee: string; reason: string; amount: string }
  faults: { assignee?: string; reason?: string; amount?: string }
}

/** One exception with all that its page tells. */
export type Shown = {
  exception: UsageException
  names: QueueNames
  timeZone: string
  /** Where this person may decide, and nobody has. */
  outlook?: Record<'accepted' | 'adjusted', Outlook>
  /** Until when the partner may dispute a rejection of now. */
  rejectedUntil: string
  done?: FormName
  refused?: Refused
}

/** @throws Refusal exception-not-found */
export async function loadShown(desk: Desk, visit: StaffVisit): Promise<Shown> {
  const { id, frame, caller } = await requestOf(desk, visit)
  const [exception, names] = await Promise.all([
    findOne(desk.exceptions, { caller, id }),
    queueNames(desk, visit.language),
  ])
  const decides = visit.staff.mayDecide && exception.state !== 'resolved'
  const outlookOf = (outcome: 'accepted' | 'adjusted'): Promise<Outlook> =>
    billingOutlook(desk.exceptions, { caller, id, outcome }).then(
      billing => ({ billing }),
      error => {
        if (error instanceof Refusal) return { refusal: error }
        throw error
      },
    )
  const accepted = decides ? await outlookOf('accepted') : undefined
  // Whatever can be accepted can be billed at another amount; not the other way round.
  const adjusted = accepted && 'refusal' in accepted ? await outlookOf('adjusted') : accepted
  return {
    exception,
    names,
    timeZone: frame.timeZone,
    ...(accepted && adjusted && { outlook: { accepted, adjusted } }),
    rejectedUntil: disputeDeadline(desk.now()),
  }
}

/** As whom staff act on the exception that the address names. @throws Refusal exception-not-found */
export async function requestOf(desk: Desk, visit: StaffVisit) {
  const id = (visit.parameters['id'] ?? '').slice(0, 64)
  const frame = await programmeOfException(desk.exceptions, id)
  return { id, frame, caller: callerFor(visit, frame.brand) }
}
