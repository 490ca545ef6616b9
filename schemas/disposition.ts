import * as z from 'zod'
import { Entitlement } from './entitlement.ts'
import { BatchId, EntitlementId, ExceptionId } from './ids.ts'
import { Day, ForeignId, Instant, Period, Sha256, Slug } from './primitives.ts'

/** The one outcome reconciliation gives an event, in the order in which they are tried. */
export const Disposition = z
  .enum([
    'malformed',
    'future',
    'too-late',
    'duplicate',
    'conflict',
    'unknown-entitlement',
    'wrong-subject',
    'outside-entitlement',
    'over-quota',
    'no-contract',
    'currency-mismatch',
    'matched',
  ])
  .meta({ id: 'Disposition' })
export type Disposition = z.infer<typeof Disposition>

/** Lines by disposition; dispositions that no line has are absent. */
export const DispositionCounts = z
  .partialRecord(Disposition, z.int().min(1))
  .meta({ id: 'DispositionCounts', example: { matched: 4, duplicate: 1 } })
export type DispositionCounts = z.infer<typeof DispositionCounts>

export const LineDisposition = z
  .strictObject({ line: z.int().min(1), id: z.string().optional(), disposition: Disposition, final: z.boolean() })
  .meta({ id: 'LineDisposition' })
export type LineDisposition = z.infer<typeof LineDisposition>

export const BatchView = z
  .strictObject({
    id: BatchId,
    sequence: z.int().min(1),
    lines: z.int().min(1),
    receivedAt: Instant,
    digest: Sha256,
    previousHash: Sha256,
    dispositions: DispositionCounts,
  })
  .meta({ id: 'BatchView' })
export type BatchView = z.infer<typeof BatchView>

/** What a matched line contributes to rating. A reversal takes back: its quantity and amount are negative. */
export const MatchedUse = z.strictObject({
  entitlement: EntitlementId,
  benefit: Slug,
  subject: z.string(),
  plan: Slug,
  type: z.enum(['use', 'reversal']),
  /** When the line says it happened; `day` and `originPeriod` of a reversal are those of the event it takes back. */
  occurredAt: Instant,
  originPeriod: Period,
  quantity: z.int(),
  amountMinor: z.int().optional(),
  day: Day,
  /** Ids of the contracts that cover it, ascending. */
  contracts: z.array(Slug).min(1),
})
export type MatchedUse = z.infer<typeof MatchedUse>

/** A line and its disposition. Without a known entitlement it belongs to no programme and no period. */
export const LineOutcome = z.strictObject({
  partner: Slug,
  sequence: z.int().min(1),
  line: z.int().min(1),
  id: z.string().optional(),
  disposition: Disposition,
  programme: Slug.optional(),
  /** The accounting period: the one whose close makes the disposition final. */
  period: Period.optional(),
  matched: MatchedUse.optional(),
})
export type LineOutcome = z.infer<typeof LineOutcome>

/** A captured redemption: events that name it come first, on the quota of the period in which it was held. */
export const CapturedRedemption = z.strictObject({
  /** The partner's id of the redemption, which events name as `redemptionId`. */
  id: ForeignId,
  heldAt: Instant,
  quantity: z.int().min(1),
})
export type CapturedRedemption = z.infer<typeof CapturedRedemption>

/** What reconciliation needs to know of an entitlement: every window in which it was live, and what was captured of it. */
export const HistoryEntry = Entitlement.pick({
  id: true,
  programme: true,
  partner: true,
  benefit: true,
  plan: true,
  subject: true,
  windows: true,
  quota: true,
  timeZone: true,
}).extend({ captured: z.array(CapturedRedemption).optional() })
export type HistoryEntry = z.infer<typeof HistoryEntry>

/** A line that somebody decided to bill although it was no match: in the period in which that was decided. */
export const AcceptedUse = z.strictObject({
  exception: ExceptionId,
  partner: Slug,
  sequence: z.int().min(1),
  line: z.int().min(1),
  /** `accepted`: rated as if it had matched. `adjusted`: `amountMinor` is billed in place of it, and nothing is rated. */
  outcome: z.enum(['accepted', 'adjusted']),
  /** Every line of the batch that an amount stands for, ascending; absent where it is `line` alone. */
  lines: z.array(z.int().min(1)).min(1).optional(),
  /** Ids of the lines' events, in their order: each is billed by this and by nothing else, whatever line tells it again. */
  events: z.array(ForeignId).min(1).optional(),
  /** Of an accepted reversal: the event that it takes back. */
  reverses: ForeignId.optional(),
  /** As the line would have matched; `originPeriod` is that of the event. */
  matched: MatchedUse,
  /** In the currency of the first of the contracts. */
  amountMinor: z.int().optional(),
})
export type AcceptedUse = z.infer<typeof AcceptedUse>

/** Usage of one contract's benefit in one origin period, whole: what earlier closes made final is in it. */
export const UsageTotal = z.strictObject({
  contract: Slug,
  benefit: Slug,
  originPeriod: Period,
  quantity: z.int(),
  amountMinor: z.int(),
  /** Distinct subjects with at least one matched use that was not taken back. */
  activeMembers: z.int().min(0),
  /** Distinct subjects entitled at any instant of the origin period in which the contract was valid. */
  entitledMembers: z.int().min(0),
  /** Matched uses with an amount that were not taken back. */
  sales: z.int(),
})
export type UsageTotal = z.infer<typeof UsageTotal>

/** Gzip-compressed NDJSON of line outcomes that a close made final, in the order of (sequence, line). */
export const FinalsChunk = z.strictObject({
  programme: Slug,
  period: Period,
  identity: Sha256,
  partner: Slug,
  /** Of the chunk's first line; `lastSequence` of its last one. */
  sequence: z.int().min(1),
  line: z.int().min(1),
  lastSequence: z.int().min(1),
  lines: z.int().min(1),
  data: z.instanceof(Uint8Array),
})
export type FinalsChunk = z.infer<typeof FinalsChunk>

/**
 * Gzip-compressed NDJSON of what a close froze of entitlements: those of one stored bucket in the order of its buckets and
 * then of their ids, or the list of each partner's bucket hashes. `hash` is that of the lines.
 */
export const HistoryChunk = z.strictObject({
  programme: Slug,
  period: Period,
  hash: Sha256,
  index: z.int().min(0),
  lines: z.int().min(0),
  data: z.instanceof(Uint8Array),
})
export type HistoryChunk = z.infer<typeof HistoryChunk>
