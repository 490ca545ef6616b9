import type { AcceptedUse, LineOutcome, MatchedUse } from '../../schemas/disposition.ts'
import type { ExceptionId } from '../../schemas/ids.ts'
import type { Period } from '../../schemas/primitives.ts'
import type { Statement, StatementLine } from '../../schemas/settlement.ts'
import type { StatementEvent } from '../../schemas/statement-event.ts'
import type { Table } from '../kernel/table.ts'
import { type AcceptedIn, amountFor, type Decided, decidedUses } from '../reconciliation/corrections.ts'
import { closesOf } from './closed-periods.ts'
import { findClosingInputs } from './inputs.ts'

export type LineOfStatement = { statement: Statement; line: StatementLine }
export type Close = { programme: string; period: Period; identity: string }
/** An event whose batch is not named yet. */
export type Unplaced = Omit<StatementEvent, 'batch' | 'currency'>

/** What was decided of uncertain lines up to the close that made a statement, and what earlier closes knew of it. */
export type Decisions = {
  close: Close
  /** Closes before it, oldest first. */
  earlier: Close[]
  /** Ascending, those whose usage the close counted. */
  partners: string[]
  /** Frozen by the close itself. */
  own: readonly AcceptedUse[]
  /** As this close saw it, and as the one before did. */
  now: ReadonlyMap<string, Decided>
  before: ReadonlyMap<string, Decided>
}

export async function loadDecisions(
  needs: { table: Table },
  { programme, period }: Pick<Statement, 'programme' | 'period'>,
): Promise<Decisions> {
  const closes = (await closesOf(needs, programme)).filter(close => close.period <= period)
  const inputs = await Promise.all(closes.map(close => findClosingInputs(needs.table, close)))
  const [close, frozen] = [closes.at(-1), inputs.at(-1)]
  if (close?.period !== period || !frozen) throw new Error(`no close of ${programme} ${period} made this statement`)
  const partners = frozen.cuts.map(({ partner }) => partner).toSorted()
  const accepted = inputs.map((one): AcceptedIn => ({ period: one.period, uses: one.accepted }))
  const previous = closes.at(-2)?.period
  const decided = (of: AcceptedIn[], at: Period) =>
    new Map(partners.map(partner => [partner, decidedUses(of, partner, at)]))
  return {
    close: identified(close),
    earlier: closes.slice(0, -1).map(identified),
    partners,
    own: frozen.accepted,
    now: decided(accepted, period),
    before: previous === undefined ? new Map() : decided(accepted.slice(0, -1), previous),
  }
}

const identified = ({ programme, period, identity }: Close): Close => ({ programme, period, identity })

/** Whether the line bills a use of this kind. */
export const isBilledBy = (
  { contracts, benefit, originPeriod }: MatchedUse,
  { contract, benefit: wanted, originPeriod: origin }: StatementLine,
): boolean => benefit === wanted && originPeriod === origin && contracts.includes(contract)

/** What a close made final and rated of a line. */
export async function* usesOf(
  finals: AsyncIterable<LineOutcome>,
  { now }: Pick<Decisions, 'now'>,
  { line }: Pick<LineOfStatement, 'line'>,
): AsyncGenerator<Unplaced> {
  for await (const outcome of finals) {
    const { matched, partner } = outcome
    const decided = now.get(partner)
    if (!matched || !isBilledBy(matched, line)) continue
    // An amount was decided for it: that is billed in place of it.
    if (decided && amountFor(decided, outcome)) continue
    yield unplaced(outcome, matched, 1)
  }
}

/** A use as it is counted, or with its sign turned as it is taken off. */
export function unplaced(
  { partner, sequence, line, id }: Pick<LineOutcome, 'partner' | 'sequence' | 'line' | 'id'>,
  { type, benefit, occurredAt, quantity, amountMinor, entitlement }: MatchedUse,
  sign: 1 | -1,
  exception?: ExceptionId,
): Unplaced {
  return {
    partner,
    sequence,
    line,
    event: id ?? '',
    type,
    benefit,
    occurredAt,
    quantity: sign * quantity,
    ...(amountMinor !== undefined && { amountMinor: sign * amountMinor }),
    entitlementId: entitlement,
    ...(exception !== undefined && { exception }),
  }
}
