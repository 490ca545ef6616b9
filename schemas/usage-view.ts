import * as z from 'zod'
import { Disposition, DispositionCounts } from './disposition.ts'
import { BatchId } from './ids.ts'
import { Currency } from './money.ts'
import { Day, ForeignId, Instant, Period, Sha256, Slug } from './primitives.ts'
import { PeriodState, SignedMoney } from './settlement.ts'
import { Manifest } from './usage.ts'

/** A batch in the list of a partner's own. */
export const BatchSummary = Manifest.pick({
  id: true,
  sequence: true,
  lines: true,
  malformed: true,
  receivedAt: true,
  digest: true,
}).meta({ id: 'BatchSummary' })
export type BatchSummary = z.infer<typeof BatchSummary>

/** What a partner has in one programme's period. */
export const ProgrammeUsage = z
  .strictObject({
    programme: Slug,
    /** `open`, or how far the close is; from `reconciled` on the dispositions are final. */
    state: PeriodState,
    dispositions: DispositionCounts,
    /** Of the matched lines; what reversals took back is off. */
    quantity: z.int(),
    amounts: z.array(SignedMoney),
  })
  .meta({ id: 'ProgrammeUsage' })
export type ProgrammeUsage = z.infer<typeof ProgrammeUsage>

export const UsagePeriod = z
  .strictObject({
    period: Period,
    /** The last batch that is counted; 0 before the first. */
    sequence: z.int().min(0),
    /** Programmes of which lines are accounted in the period. */
    programmes: z.array(ProgrammeUsage),
  })
  .meta({ id: 'UsagePeriod' })
export type UsagePeriod = z.infer<typeof UsagePeriod>

/**
 * Lines of one day, programme, benefit, disposition and currency: each line of a period is in exactly one of them.
 * Quantity and amount are as reported; those of reversals are negative, and a matched one takes back what it reverses.
 */
export const UsageDay = z
  .strictObject({
    /** Of `occurredAt`, in the programme's time zone. Absent where a partner has too many days and benefits to tell apart. */
    day: Day.optional(),
    programme: Slug,
    benefit: Slug.optional(),
    disposition: Disposition,
    lines: z.int().min(1),
    quantity: z.int(),
    /** Absent where the lines tell none. */
    amount: SignedMoney.optional(),
  })
  .meta({ id: 'UsageDay' })
export type UsageDay = z.infer<typeof UsageDay>

/** A line that is accounted in a period; quantity and amount as in the daily summary. */
export const PeriodLine = z
  .strictObject({
    batch: BatchId,
    sequence: z.int().min(1),
    line: z.int().min(1),
    id: ForeignId,
    programme: Slug,
    benefit: Slug,
    type: z.enum(['use', 'reversal']),
    occurredAt: Instant,
    day: Day,
    disposition: Disposition,
    final: z.boolean(),
    quantity: z.int(),
    amount: SignedMoney.optional(),
  })
  .meta({ id: 'PeriodLine' })
export type PeriodLine = z.infer<typeof PeriodLine>

/** How far a partner's chain is judged and what by: what is stored of it counts only as far as this says. */
export const ProvisionalRun = z.strictObject({
  partner: Slug,
  /** Raised by each run before it writes; every write of a run asserts it. */
  version: z.int().min(1),
  /** While a run writes, what is stored is of two runs. */
  state: z.enum(['writing', 'whole']),
  /** Batches up to and with this sequence are judged. */
  upTo: z.int().min(0),
  /** Hash of the contracts, programmes and closes that it was judged by. */
  basis: Sha256,
  /** When it began to write, by a clock that nobody moves: one that writes for long is dead. */
  startedAt: Instant,
})
export type ProvisionalRun = z.infer<typeof ProvisionalRun>

/** Lines of a batch that ended alike. */
export const LineKind = z.strictObject({
  disposition: Disposition,
  final: z.boolean(),
  programme: Slug.optional(),
  period: Period.optional(),
  lines: z.int().min(1),
})
export type LineKind = z.infer<typeof LineKind>

/** What became of the lines of one batch. */
export const ProvisionalBatch = z.strictObject({
  partner: Slug,
  sequence: z.int().min(1),
  kinds: z.array(LineKind).min(1),
  /** SHA-256 of what `data` holds: a batch of which nothing changed is not written again. */
  hash: Sha256,
  /** Gzip-compressed JSON of `ProvisionalRows`. */
  data: z.instanceof(Uint8Array),
})
export type ProvisionalBatch = z.infer<typeof ProvisionalBatch>

export const ProvisionalRows = z.strictObject({
  /** For each line the index of its kind. */
  rows: z.array(z.int().min(0)),
  /** What matched reversals took back: their own lines do not tell. */
  takenBack: z.array(z.strictObject({ line: z.int().min(1), quantity: z.int(), amount: SignedMoney.optional() })),
})
export type ProvisionalRows = z.infer<typeof ProvisionalRows>

/** Gzip-compressed NDJSON of the `StoredDay`s of a period. */
export const ProvisionalDays = z.strictObject({
  partner: Slug,
  period: Period,
  index: z.int().min(0),
  lines: z.int().min(1),
  data: z.instanceof(Uint8Array),
})
export type ProvisionalDays = z.infer<typeof ProvisionalDays>

const exactSum = z.string().regex(/^-?\d{1,40}$/)
/** Sums are text: those of a long chain may pass the exact integers. */
export const StoredDay = UsageDay.omit({ quantity: true, amount: true }).extend({
  quantity: exactSum,
  currency: Currency.optional(),
  amountMinor: exactSum,
})
export type StoredDay = z.infer<typeof StoredDay>

/** That a partner's chain is to be judged again, by what, and in place of which run. */
export const ProvisionalRequest = z.strictObject({
  partner: Slug,
  basis: Sha256,
  /** Batches up to and with this sequence are to be judged. */
  upTo: z.int().min(1),
  /** Version of the run that was not enough; 0 where there was none. */
  version: z.int().min(0),
  /** By a clock that nobody moves. */
  askedAt: Instant,
})
export type ProvisionalRequest = z.infer<typeof ProvisionalRequest>
