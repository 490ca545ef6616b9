import type { Contract } from '../../schemas/contract.ts'
import type { AcceptedUse, HistoryEntry, MatchedUse } from '../../schemas/disposition.ts'
import type { ExceptionRecord } from '../../schemas/exception.ts'
import type { Period } from '../../schemas/primitives.ts'
import type { UsageEvent } from '../../schemas/usage.ts'
import { earlierOf } from '../reconciliation/accounting.ts'
import type { Coverage } from '../reconciliation/coverage.ts'
import type { Days } from '../reconciliation/days.ts'
import type { ReceivedLine } from '../usage/read.ts'
import { type BillingObstacle, NotBillable } from './not-billable.ts'

export type Terms = {
  entitlements: ReadonlyMap<string, HistoryEntry>
  coverage: Coverage
  days: Days
}

/** A line with the terms it would be billed by. */
export type Billable = {
  line: number
  event: UsageEvent
  entitlement: HistoryEntry
  contracts: [Contract, ...Contract[]]
  /** Of a reversal that is accepted: what the event that it names was billed as. */
  takesBack?: MatchedUse
}

/**
 * The terms of a line that somebody wants billed although it had not matched.
 * @throws Refusal not-billable, with what to do
 */
export function billable(
  { line, event }: Pick<ReceivedLine, 'line' | 'event'>,
  programme: string,
  { entitlements, coverage, days }: Terms,
): Billable {
  const refuse = (obstacle: BillingObstacle, detail: string) => new NotBillable(obstacle, line, detail)
  if (!event) throw refuse('malformed', 'it is malformed; the partner sends it again, corrected and under a new id')
  const entitlement = entitlements.get(event.entitlementId)
  if (entitlement?.programme !== programme)
    throw refuse(
      'unknown-entitlement',
      'it names no known entitlement; the partner sends it again with the right one and a new id',
    )
  const [first, ...others] = coverage.covering(programme, entitlement.benefit, days.dayOf(event.occurredAt))
  if (!first)
    throw refuse(
      'no-contract',
      `no contract covers ${entitlement.benefit} on ${days.dayOf(event.occurredAt)}; apply one, then accept`,
    )
  return { line, event, entitlement, contracts: [first, ...others] }
}

/** @throws Refusal not-billable when an amount is not in the currency of the contracts */
export function requireCurrency({ line, event: { amount }, contracts }: Billable): void {
  const other = contracts.find(({ currency }) => amount && currency !== amount.currency)
  if (other)
    throw new NotBillable(
      'other-currency',
      line,
      `its amount is in ${amount?.currency}, the contract ${other.id} in ${other.currency}; adjust it`,
    )
}

/**
 * The line as it would have matched. An accepted reversal takes back exactly what its event was billed, in the month of
 * that event; one that an amount is decided for counts with the quantity that it states itself.
 */
export function matchedAs(
  { event, entitlement, contracts, takesBack }: Billable,
  days: Days,
  period: Period,
): MatchedUse {
  if (takesBack)
    return {
      ...takesBack,
      type: 'reversal',
      occurredAt: event.occurredAt,
      quantity: 0 - takesBack.quantity,
      ...(takesBack.amountMinor !== undefined && { amountMinor: 0 - takesBack.amountMinor }),
    }
  const sign = event.type === 'reversal' ? -1 : 1
  return {
    entitlement: entitlement.id,
    benefit: entitlement.benefit,
    subject: entitlement.subject,
    plan: entitlement.plan,
    type: event.type,
    occurredAt: event.occurredAt,
    // Nothing is billed for a month that has not come: the sender's clock was ahead.
    originPeriod: earlierOf(days.periodOf(event.occurredAt), period),
    quantity: sign * event.quantity,
    ...(event.amount && { amountMinor: sign * event.amount.amountMinor + 0 }),
    day: days.dayOf(event.occurredAt),
    contracts: contracts.map(({ id }) => id),
  }
}

type Place = Pick<ExceptionRecord, 'id' | 'partner' | 'sequence' | 'reason'>

export const acceptedUses = (
  { id: exception, partner, sequence }: Place,
  lines: Billable[],
  days: Days,
  period: Period,
): AcceptedUse[] =>
  lines.map(one => ({
    exception,
    partner,
    sequence,
    line: one.line,
    outcome: 'accepted',
    events: [one.event.id],
    ...(one.event.reverses !== undefined && { reverses: one.event.reverses }),
    matched: matchedAs(one, days, period),
  }))

/** Lines of an adjusted exception that one item names: their ids must fit in it. */
const adjustedPiece = 1_000

/**
 * The amount for the whole exception, on the contract of its first line and with the quantity of all; of thousands of
 * lines in pieces, of which the first has both. It stands for the events, whatever line tells them once more; a conflict
 * is an event that another line tells as well, and its amount comes on top of what that line is billed.
 */
export function adjustedUses(
  { id: exception, partner, sequence, reason }: Place,
  lines: [Billable, ...Billable[]],
  amountMinor: number,
  days: Days,
  period: Period,
): AcceptedUse[] {
  const terms = matchedAs(lines[0], days, period)
  const whole = lines.reduce((sum, one) => sum + matchedAs(one, days, period).quantity, 0)
  const pieces = Array.from({ length: Math.ceil(lines.length / adjustedPiece) }, (_, index) =>
    lines.slice(index * adjustedPiece, (index + 1) * adjustedPiece),
  )
  return pieces.map((piece, index) => ({
    exception,
    partner,
    sequence,
    line: piece[0]?.line ?? lines[0].line,
    outcome: 'adjusted',
    ...(lines.length > 1 && { lines: piece.map(one => one.line) }),
    ...(reason !== 'conflict' && { events: piece.map(one => one.event.id) }),
    matched: { ...terms, quantity: index === 0 ? whole : 0 },
    amountMinor: index === 0 ? amountMinor : 0,
  }))
}
