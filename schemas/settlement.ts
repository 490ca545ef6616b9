import * as z from 'zod'
import { Contract } from './contract.ts'
import { AcceptedUse, DispositionCounts, UsageTotal } from './disposition.ts'
import { PaymentId, StatementId } from './ids.ts'
import { Currency } from './money.ts'
import { NetPayment, Payment } from './payment.ts'
import { Instant, Period, Sha256, Slug, TimeZone } from './primitives.ts'
import { UsageCut } from './usage.ts'

/** The machine of a close, in order (domain.md "Close"). */
export const PeriodState = z.enum(['open', 'cutoff', 'reconciled', 'rated', 'posted', 'netted', 'signed', 'published'])
export type PeriodState = z.infer<typeof PeriodState>

/** An amount that may be a credit. */
export const SignedMoney = z.strictObject({ currency: Currency, amountMinor: z.int() }).meta({ id: 'SignedMoney' })
export type SignedMoney = z.infer<typeof SignedMoney>

export const PeriodView = z
  .strictObject({
    programme: Slug,
    period: Period,
    state: PeriodState,
    dispositions: DispositionCounts,
    totals: z.array(SignedMoney),
    /** Hash of everything the close was computed from; absent while open. */
    identity: Sha256.optional(),
  })
  .meta({ id: 'PeriodView' })
export type PeriodView = z.infer<typeof PeriodView>

/**
 * `minimum-top-up` and `maximum-cut` are lines that a contract's minimum and maximum make; `adjustment` is what was
 * decided of exceptions, and stands outside both.
 */
export const StatementLineModel = z.enum([
  'per-use',
  'per-active-member',
  'per-entitled-member',
  'revenue-share',
  'flat',
  'minimum-top-up',
  'maximum-cut',
  'adjustment',
])

export const StatementLine = z
  .strictObject({
    id: z.string(),
    contract: Slug,
    line: z.string(),
    model: StatementLineModel,
    benefit: Slug.optional(),
    originPeriod: Period,
    quantity: z.int(),
    /** Sum of gross transaction values, for revenue-share. */
    amountBaseMinor: z.int().optional(),
    /** Distinct subjects, for the per-member models. */
    members: z.int().optional(),
    amountMinor: z.int(),
  })
  .meta({ id: 'StatementLine' })
export type StatementLine = z.infer<typeof StatementLine>

/** What one brand owes another for a programme's period, in one currency. Chained to the pair's previous statement. */
export const Statement = z
  .strictObject({
    id: StatementId,
    programme: Slug,
    period: Period,
    debtor: Slug,
    creditor: Slug,
    currency: Currency,
    openingMinor: z.int(),
    lines: z.array(StatementLine),
    subtotalMinor: z.int(),
    taxMinor: z.int(),
    totalMinor: z.int(),
    previousHash: Sha256,
    /** SHA-256 of the statement's canonical JSON (RFC 8785) without `hash`. */
    hash: Sha256,
  })
  .meta({ id: 'Statement' })
export type Statement = z.infer<typeof Statement>

/** One item of the ledger: imbalance cannot be written down. */
export const Transfer = z
  .strictObject({
    id: z.string(),
    /** What it posts: a line of a statement, or a payment that was confirmed. */
    statement: StatementId.optional(),
    line: z.string(),
    payment: PaymentId.optional(),
    debit: z.string(),
    credit: z.string(),
    amountMinor: z.int().positive(),
    currency: Currency,
  })
  .meta({ id: 'Transfer' })
export type Transfer = z.infer<typeof Transfer>

/** Who owes whom, gross and net. Of an open period it is what a close would make of it now. */
export const NettingView = z
  .strictObject({
    programme: Slug,
    period: Period,
    state: PeriodState,
    /** Totals of the statements with what they carry from before, one for each direction. */
    gross: z.array(z.strictObject({ debtor: Slug, creditor: Slug, currency: Currency, amountMinor: z.int() })),
    /** Each brand's own position: `netMinor` is what is owed to it less what it owes. Adds up to zero per currency. */
    brands: z.array(
      z.strictObject({
        brand: Slug,
        currency: Currency,
        owesMinor: z.int(),
        owedMinor: z.int(),
        netMinor: z.int(),
      }),
    ),
    payments: z.array(Payment),
  })
  .meta({ id: 'NettingView' })
export type NettingView = z.infer<typeof NettingView>

/** Where a pair's chain of statements stands after a close, and what its next statement opens with. */
export const Standing = z.strictObject({
  debtor: Slug,
  creditor: Slug,
  currency: Currency,
  /** Hash of the pair's last statement. */
  hash: Sha256,
  openingMinor: z.int(),
})
export type Standing = z.infer<typeof Standing>

/** A close of one period; there is none while the period is open. */
export const CloseRecord = z.strictObject({
  programme: Slug,
  period: Period,
  state: PeriodState.exclude(['open']),
  identity: Sha256,
  version: z.int().min(1),
  /** How often a close was asked for: asking again moves on one that stands still. */
  requests: z.int().min(1),
  cutoffAt: Instant,
  changedAt: Instant,
})
export type CloseRecord = z.infer<typeof CloseRecord>

/** That a period is closed, in the list of its programme's closed periods. */
export const ClosedPeriod = z.strictObject({ programme: Slug, period: Period, identity: Sha256 })
export type ClosedPeriod = z.infer<typeof ClosedPeriod>

/** Everything a close is computed from; its hash is the close's identity. */
export const ClosingInputs = z.strictObject({
  /** Its brand is the operator, through whom brands settle that net multilaterally. */
  programme: z.strictObject({ id: Slug, brand: Slug, timeZone: TimeZone, firstPeriod: Period }),
  period: Period,
  cuts: z.array(UsageCut),
  /** Hash of the frozen entitlement history. */
  history: Sha256,
  contracts: z.array(Contract),
  /** Contracts of the partners' other programmes, which decide whether a line of theirs came in time. */
  foreignContracts: z.array(Contract),
  /** What was accepted in this period of lines that had not matched. */
  accepted: z.array(AcceptedUse),
  /** The programme's confirmed payments at the cutoff: how many, and the hash of the last one's block. */
  payments: z.strictObject({ blocks: z.int().min(0), hash: Sha256 }),
  /** Identity of the close before, on whose balances and billed lines this one builds. */
  previous: Sha256.optional(),
  ratingVersion: z.string(),
})
export type ClosingInputs = z.infer<typeof ClosingInputs>

/** What the steps of a close hand to the next one. */
export const ReconciledOutput = z.strictObject({ dispositions: DispositionCounts, totals: z.array(UsageTotal) })
export const RatedOutput = z.strictObject({ statements: z.array(Statement) })
export const PostedOutput = z.strictObject({ blocks: z.int().min(0), hash: Sha256 })
export const NettedOutput = z.strictObject({ payments: z.array(NetPayment), standings: z.array(Standing) })

/** A piece of a step's output, canonical JSON: outputs may be larger than an item. */
export const OutputPiece = z.strictObject({
  index: z.int().min(0),
  pieces: z.int().min(1),
  /** SHA-256 of the whole output's bytes. */
  hash: Sha256,
  data: z.instanceof(Uint8Array),
})
export type OutputPiece = z.infer<typeof OutputPiece>

/** At most 49 transfers that were posted in one transaction with the balances they touch. Blocks chain by hash. */
export const LedgerBlock = z.strictObject({
  programme: Slug,
  period: Period,
  number: z.int().min(1),
  transfers: z.int().min(1).max(49),
  previousHash: Sha256,
  /** SHA-256 of the block's canonical JSON with its transfers, without `hash`. */
  hash: Sha256,
})
export type LedgerBlock = z.infer<typeof LedgerBlock>

/** Credits minus debits of an account, in minor units: what the brand is owed. */
export const Balance = z.strictObject({ account: z.string(), amountMinor: z.union([z.int(), z.bigint()]) })
export type Balance = z.infer<typeof Balance>

/** A published statement; lines beyond the first page stand in items of their own. */
export const StatementRecord = z.strictObject({ ...Statement.shape, pages: z.int().min(1) })
export const StatementPage = z.strictObject({
  statement: StatementId,
  page: z.int().min(2),
  lines: Statement.shape.lines,
})
/** That a brand is a party of a statement. */
export const StatementParty = z.strictObject({ id: StatementId, brand: Slug, programme: Slug, period: Period })
export type StatementParty = z.infer<typeof StatementParty>
/** The statement's signature: a JWS with its hash (`typ: settlement-statement+jwt`). */
export const StatementToken = z.strictObject({ id: StatementId, token: z.string() })

export const Preview = z
  .strictObject({
    programme: Slug,
    period: Period,
    dispositions: DispositionCounts,
    totals: z.array(SignedMoney),
    statements: z.array(Statement),
    computedAt: Instant,
  })
  .meta({ id: 'Preview' })
export type Preview = z.infer<typeof Preview>
