import * as z from 'zod'
import { Contract } from './contract.ts'
import { Disposition } from './disposition.ts'
import { Entitlement, Window } from './entitlement.ts'
import { BatchId, EntitlementId, ExceptionId } from './ids.ts'
import { Currency, Money } from './money.ts'
import { Instant, Period, Slug } from './primitives.ts'
import { PointedError } from './usage.ts'

export const exceptionLimits = {
  /** Lines of one cause in one batch up to which each has an exception of its own. */
  single: 20,
  /** Lines of one reason, whatever their causes, up to which a batch gives an exception for each. */
  singlesOfReason: 1_000,
  /** Lines that the exception itself names; the others are read page by page. */
  lines: 20,
  /** Of the line as received. */
  textBytes: 2_048,
  windows: 20,
  text: 1_000,
  /** From then on nobody assigns: the trail of an exception is kept whole, and an item has room for so much. */
  audit: 100,
  /** Days in which the partner may dispute, from the opening or from a rejection. */
  disputeDays: 30,
} as const

/** Every disposition but `matched` and `duplicate` makes an exception; it is its reason. */
export const ExceptionReason = Disposition.exclude(['matched', 'duplicate']).meta({ id: 'ExceptionReason' })
export type ExceptionReason = z.infer<typeof ExceptionReason>

export const ExceptionState = z.enum(['open', 'assigned', 'resolved']).meta({ id: 'ExceptionState' })
export type ExceptionState = z.infer<typeof ExceptionState>

export const Severity = z.enum(['low', 'medium', 'high']).meta({ id: 'Severity' })
export type Severity = z.infer<typeof Severity>

export const ExceptionalLine = z
  .strictObject({ line: z.int().min(1), id: z.string().optional() })
  .meta({ id: 'ExceptionalLine', description: 'Number of the line in its batch, and the event id where it has one' })
export type ExceptionalLine = z.infer<typeof ExceptionalLine>

/** What speaks for the reason, of the first of the lines: nothing of the member, nothing of another partner. */
export const Evidence = z
  .strictObject({
    line: z.int().min(1),
    /** The line as received, cut at 2 KB. */
    text: z.string(),
    truncated: z.boolean(),
    /** What is wrong in a malformed line. */
    errors: z.array(PointedError).optional(),
    /** The entitlement that the line names, where it is the partner's; of many windows the last ones. */
    entitlement: Entitlement.pick({ benefit: true, timeZone: true, quota: true })
      .extend({ id: EntitlementId, windows: z.array(Window) })
      .optional(),
    subjectMatches: z.boolean().optional(),
    benefitMatches: z.boolean().optional(),
    /** Of an over-quota line: the quota period whose limit is used up. */
    quotaPeriod: z.string().optional(),
    /** Of a conflict: the line of the same id that came before, and whether its content differs. */
    earlier: z.strictObject({ sequence: z.int().min(1), line: z.int().min(1), differs: z.boolean() }).optional(),
    /** Contracts that have a line for the benefit, whenever they are valid. */
    contracts: z.array(Contract.pick({ id: true, currency: true, validFrom: true, validTo: true })).optional(),
  })
  .meta({ id: 'Evidence' })
export type Evidence = z.infer<typeof Evidence>

export const AuditEntry = z
  .strictObject({
    at: Instant,
    /** The client that did it, or `reconciliation`. */
    actor: z.string(),
    action: z.enum(['opened', 'assigned', 'resolved', 'disputed', 'reopened', 'changed', 'cleared']),
    note: z.string().optional(),
  })
  .meta({ id: 'AuditEntry' })
export type AuditEntry = z.infer<typeof AuditEntry>

const Text = z.string().trim().min(1).max(exceptionLimits.text)

export const Resolution = z
  .strictObject({
    /** `cleared`: reconciliation found that the lines are no exception any more. */
    outcome: z.enum(['accepted', 'rejected', 'adjusted', 'cleared']),
    reason: z.string(),
    /** Of an adjusted one: what is billed for all lines together. */
    amount: Money.optional(),
    at: Instant,
    actor: z.string(),
    /** The period whose close bills it. */
    billedIn: Period.optional(),
  })
  .meta({ id: 'Resolution' })
export type Resolution = z.infer<typeof Resolution>

export const Dispute = z
  .strictObject({
    reason: z.string(),
    at: Instant,
    actor: z.string(),
    /** Whether it opened a rejected exception again, which happens once. */
    reopened: z.boolean(),
  })
  .meta({ id: 'Dispute' })
export type Dispute = z.infer<typeof Dispute>

/** Lines of a batch that were not matched for one reason: a single one, or all that one cause made. */
export const UsageException = z
  .strictObject({
    id: ExceptionId,
    partner: Slug,
    /** Absent where no line names a known entitlement: such lines belong to no programme. */
    programme: Slug.optional(),
    period: Period.optional(),
    reason: ExceptionReason,
    /** What the lines have in common, such as the entitlement of over-quota lines and the quota period. */
    cause: z.string(),
    batch: BatchId,
    sequence: z.int().min(1),
    count: z.int().min(1),
    /** The first of them. */
    lines: z.array(ExceptionalLine).min(1),
    quantity: z.int().min(0),
    /** What the lines state as gross transaction values, a sum for each currency. */
    amounts: z.array(Money),
    evidence: Evidence,
    severity: Severity,
    state: ExceptionState,
    assignee: z.string().optional(),
    /** Until when the partner may dispute. */
    deadline: Instant,
    dispute: Dispute.optional(),
    resolution: Resolution.optional(),
    /** Set by the close of the period: the reason stays what it is. */
    final: z.boolean(),
    openedAt: Instant,
    changedAt: Instant,
    audit: z.array(AuditEntry).min(1),
  })
  .meta({ id: 'UsageException' })
export type UsageException = z.infer<typeof UsageException>

/** As stored: the severity depends on the time and is computed when it is read. */
export const ExceptionRecord = UsageException.omit({ severity: true }).extend({
  version: z.int().min(1),
  /** Of the programme: severity goes by amounts in it. */
  currency: Currency.optional(),
  /** Which lines of the batch, one bit a line, line 1 the lowest bit of the first byte. */
  members: z.instanceof(Uint8Array),
  /** Somebody acted on it: reconciliation changes it no more, and its lines are its own. */
  touched: z.boolean(),
})
export type ExceptionRecord = z.infer<typeof ExceptionRecord>

/** That a batch has an exception; also what lists those of a programme. */
export const ExceptionReference = z.strictObject({ id: ExceptionId, partner: Slug, sequence: z.int().min(1) })
export type ExceptionReference = z.infer<typeof ExceptionReference>

/** Which run noted the exceptions of a batch last: an older one that comes late changes nothing. */
export const ExceptionNotes = z.strictObject({
  partner: Slug,
  sequence: z.int().min(1),
  version: z.int().min(1),
  /** Up to which sequence the run had read the partner's chain. */
  upTo: z.int().min(1),
})
export type ExceptionNotes = z.infer<typeof ExceptionNotes>

/** What was accepted in a period, in gzip-compressed NDJSON of accepted uses, one exception after another. */
export const AcceptedChunk = z.strictObject({
  exception: ExceptionId,
  index: z.int().min(0),
  lines: z.int().min(1),
  data: z.instanceof(Uint8Array),
})
export type AcceptedChunk = z.infer<typeof AcceptedChunk>

/** Which exception bills an event, or takes one back: what is accepted of a single line is accepted of no other. */
export const AcceptedEvent = z.strictObject({ exception: ExceptionId })
export type AcceptedEvent = z.infer<typeof AcceptedEvent>

/** Counts the acceptances of a period, so that a cutoff and an acceptance exclude each other. */
export const AcceptedHead = z.strictObject({
  programme: Slug,
  period: Period,
  version: z.int().min(1),
  /** The period is cut off: what is accepted from now on is of a later one. */
  cutOff: z.boolean(),
})
export type AcceptedHead = z.infer<typeof AcceptedHead>

export const AssignRequest = z
  .strictObject({ assignee: z.string().trim().min(1).max(128) })
  .meta({ id: 'AssignException' })
export const DisputeRequest = z.strictObject({ reason: Text }).meta({ id: 'DisputeException' })
export const ResolveRequest = z
  .strictObject({
    outcome: z.enum(['accepted', 'rejected', 'adjusted']),
    reason: Text,
    /** What is billed for the whole exception, in the minor unit of the contract's currency; of `adjusted` only. */
    amountMinor: z.int().min(1, 'at least 1: to bill nothing, reject').max(10_000_000_000_000).optional(),
  })
  .refine(({ outcome, amountMinor }) => (outcome === 'adjusted') === (amountMinor !== undefined), {
    message: 'adjusted names its amount, and nothing else does',
    path: ['amountMinor'],
  })
  .meta({ id: 'ResolveException' })
export type ResolveRequest = z.infer<typeof ResolveRequest>
