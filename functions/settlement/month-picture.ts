import type { Period } from '../../schemas/primitives.ts'
import {
  type CloseRecord,
  type PeriodState,
  type PeriodView,
  ReconciledOutput,
  type Statement,
} from '../../schemas/settlement.ts'
import type { Table } from '../kernel/table.ts'
import type { UsageTotal } from '../reconciliation/reconcile.ts'
import { computeStatements } from './compute.ts'
import { type Frame, findClosingInputs, frozenInputs, liveInputs, loadPast, type SettlementNeeds } from './inputs.ts'
import { compute, knownPeriod } from './periods.ts'
import { totalsOf } from './statement.ts'
import { outputOf, ratedStatements } from './steps.ts'
import { type ClosingPeriod, findClose, findOutput } from './store.ts'
import { reconcile } from './usage.ts'

/** A month with its statements and the usage that they are computed from. */
export type MonthPicture = PeriodView & { frame: Frame; statements: Statement[]; usage: UsageTotal[] }

type Needs = Omit<SettlementNeeds, 'keys' | 'issuer' | 'wallNow'>

/**
 * From what the close stored, as far as it came; the rest as a close would make it now. For an open month that takes as
 * long as a preview. @throws Refusal programme-not-found, period-not-found; AmountTooLarge
 */
export async function monthPicture(needs: Needs, closing: ClosingPeriod): Promise<MonthPicture> {
  const { table } = needs
  const frame = await knownPeriod(needs, closing)
  const close = await findClose(table, closing)
  const state: PeriodState = close?.state ?? 'open'
  const view = { programme: closing.programme, period: closing.period, state, frame } as const
  if (!close || state === 'cutoff') {
    const { dispositions, totals, usage, statements } = await compute(needs, frame, closing, close)
    return { ...view, dispositions, totals, usage, statements, ...(close && { identity: close.identity }) }
  }
  const { dispositions, totals: usage } = await findOutput(table, outputOf(close, 'reconciled'), ReconciledOutput)
  const statements = state === 'reconciled' ? await rated(table, close, usage) : await ratedStatements(table, close)
  return { ...view, dispositions, totals: totalsOf(statements), usage, statements, identity: close.identity }
}

/** What the step of the close that comes next will store. */
async function rated(table: Table, close: CloseRecord, totals: UsageTotal[]): Promise<Statement[]> {
  const { programme, period, contracts, accepted } = await findClosingInputs(table, close)
  const past = await loadPast(table, close, totals)
  return computeStatements({ programme, period, contracts, totals, accepted, past })
}

/** What became of a month's lines, without its statements where these are not needed to know. */
export async function monthDispositions(
  needs: Needs,
  closing: ClosingPeriod,
): Promise<Pick<PeriodView, 'programme' | 'period' | 'dispositions'>> {
  const frame = await knownPeriod(needs, closing)
  const close = await findClose(needs.table, closing)
  if (close && close.state !== 'cutoff') {
    const { dispositions } = await findOutput(needs.table, outputOf(close, 'reconciled'), ReconciledOutput)
    return { ...closing, dispositions }
  }
  const inputs = close
    ? await frozenInputs(needs.table, await findClosingInputs(needs.table, close))
    : await liveInputs(needs, frame, closing.period)
  const { dispositions } = await reconcile(needs, inputs)
  return { ...closing, dispositions }
}

/** The month before, unless the programme did not exist yet. */
export function monthBefore({ firstPeriod }: Frame, period: Period): Period | undefined {
  const [year = 0, month = 1] = period.split('-').map(Number)
  const before = (
    month === 1
      ? `${String(year - 1).padStart(4, '0')}-12`
      : `${period.slice(0, 5)}${String(month - 1).padStart(2, '0')}`
  ) as Period
  return before < firstPeriod ? undefined : before
}
