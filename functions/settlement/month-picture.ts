import type { Period } from '../../schemas/primitives.ts'
import {
  type PeriodState,
  type PeriodView,
  RatedOutput,
  ReconciledOutput,
  type Statement,
} from '../../schemas/settlement.ts'
import type { UsageTotal } from '../reconciliation/reconcile.ts'
import type { Frame, SettlementNeeds } from './inputs.ts'
import { compute, knownPeriod } from './periods.ts'
import { totalsOf } from './statement.ts'
import { outputOf } from './steps.ts'
import { type ClosingPeriod, findClose, findOutput } from './store.ts'

/** A month with its statements and the usage that they are computed from. */
export type MonthPicture = PeriodView & { frame: Frame; statements: Statement[]; usage: UsageTotal[] }

/**
 * From what the close stored, once it is rated; before that as a close would make it now, which takes as long as a
 * preview. @throws Refusal programme-not-found, period-not-found
 */
export async function monthPicture(
  needs: Omit<SettlementNeeds, 'keys' | 'issuer' | 'wallNow'>,
  closing: ClosingPeriod,
): Promise<MonthPicture> {
  const { table } = needs
  const frame = await knownPeriod(needs, closing)
  const close = await findClose(table, closing)
  const state: PeriodState = close?.state ?? 'open'
  const view = { programme: closing.programme, period: closing.period, state, frame } as const
  if (!close || state === 'cutoff' || state === 'reconciled') {
    const { dispositions, totals, usage, statements } = await compute(needs, frame, closing, close)
    return { ...view, dispositions, totals, usage, statements, ...(close && { identity: close.identity }) }
  }
  const { dispositions, totals: usage } = await findOutput(table, outputOf(close, 'reconciled'), ReconciledOutput)
  const { statements } = await findOutput(table, outputOf(close, 'rated'), RatedOutput)
  return { ...view, dispositions, totals: totalsOf(statements), usage, statements, identity: close.identity }
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
