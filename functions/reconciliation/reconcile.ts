import type { Contract } from '../../schemas/contract.ts'
import type { DispositionCounts, LineOutcome, UsageTotal } from '../../schemas/disposition.ts'
import type { Entitlement } from '../../schemas/entitlement.ts'
import type { Period } from '../../schemas/primitives.ts'
import type { UsageCut } from '../../schemas/usage.ts'
import { nextPeriod } from '../kernel/calendar.ts'
import type { Table } from '../kernel/table.ts'
import { eachLine } from '../usage/read.ts'
import { earlierOf } from './accounting.ts'
import { lineKey } from './classify.ts'
import { type ClosedPeriods, finalsThrough } from './finals.ts'
import { type Programme, reconcileLines } from './reconcile-lines.ts'
import { usageTotals } from './totals.ts'

export type { LineOutcome, MatchedUse, UsageTotal } from '../../schemas/disposition.ts'

/** Everything a period's dispositions depend on, as its cutoff froze it. */
export type PeriodInputs = {
  programme: Programme
  period: Period
  /** Each partner and how far its batches belong to the close. */
  cuts: UsageCut[]
  /** Every entitlement of these partners, of all programmes, by id. */
  entitlements: Map<string, Entitlement>
  /** Contracts of the programme. */
  contracts: Contract[]
  /** Contracts of other programmes: they decide when a line of theirs is too late to be an earlier line of an id. */
  foreignContracts?: Contract[]
}

/** `outcomes` is what the close makes final, in the order of (partner, sequence, line). */
export type PeriodUsage = { outcomes: LineOutcome[]; dispositions: DispositionCounts; totals: UsageTotal[] }

export type ReconcileNeeds = { table: Table; closedPeriods: ClosedPeriods }

/**
 * Dispositions and usage of a period: a function of its inputs, the stored batches up to the cuts and what closes of
 * earlier periods made final, whenever and however often it runs.
 */
export async function reconcilePeriod(
  { table, closedPeriods }: ReconcileNeeds,
  inputs: PeriodInputs,
): Promise<PeriodUsage> {
  const { programme, period, entitlements, contracts, foreignContracts = [] } = inputs
  const openFrom = await oldestOpen(closedPeriods, inputs)
  const earlier = await finalsThrough({ table, closedPeriods }, programme.id, undefined, period)
  const finalsByPartner = Map.groupBy(earlier, ({ partner }) => partner)
  const outcomes: LineOutcome[] = []
  for (const { partner, sequence } of inputs.cuts.toSorted((a, b) => (a.partner < b.partner ? -1 : 1))) {
    const lines = await Array.fromAsync(eachLine({ table }, { partner, upTo: sequence }))
    const own = reconcileLines(lines, {
      entitlements,
      contracts: [...contracts, ...foreignContracts],
      programmes: [{ ...programme, openFrom }],
      finals: new Map((finalsByPartner.get(partner) ?? []).map(outcome => [lineKey(outcome), outcome])),
      through: period,
    })
    for (const outcome of own) if (outcome.period === period) outcomes.push(outcome)
  }
  const totals = usageTotals({ programme, period, contracts, entitlements: entitlements.values(), outcomes, earlier })
  // What changes an earlier month that is still open is billed by that month's own close.
  const settled = totals.filter(({ originPeriod }) => originPeriod === period || originPeriod < openFrom)
  return { outcomes, dispositions: countsOf(outcomes), totals: settled }
}

/**
 * The first period that no close has made final. In a close it is the period itself; in a preview it may be an earlier
 * one, whose events are then its own and not the previewed period's.
 */
async function oldestOpen(closedPeriods: ClosedPeriods, { programme, period }: PeriodInputs): Promise<Period> {
  const closed = (await closedPeriods(programme.id)).map(close => close.period).filter(earlier => earlier < period)
  const last = closed.toSorted().at(-1)
  return last ? nextPeriod(last) : earlierOf(programme.firstPeriod, period)
}

/** Lines by disposition. */
export function countsOf(outcomes: Iterable<Pick<LineOutcome, 'disposition'>>): DispositionCounts {
  const counts: DispositionCounts = {}
  for (const { disposition } of outcomes) counts[disposition] = (counts[disposition] ?? 0) + 1
  return counts
}
