import type { Table } from '../kernel/table.ts'
import { type PeriodUsage, reconcilePeriod, type UsageTotal } from '../reconciliation/reconcile.ts'
import { closedPeriods } from './closed-periods.ts'
import type { Inputs } from './inputs.ts'
import { compareText } from './lines.ts'

/** Reconciles a period as if later ones did not exist yet, so that doing it again later gives the same. */
export async function reconcile(table: Table, inputs: Inputs): Promise<PeriodUsage> {
  const earlier = async (programme: string) =>
    (await closedPeriods({ table }, programme)).filter(({ period }) => period < inputs.period)
  const { totals, ...usage } = await reconcilePeriod({ table, closedPeriods: earlier }, inputs)
  return { ...usage, totals: totals.toSorted((a, b) => compareText(placeOf(a), placeOf(b))) }
}

const placeOf = ({ originPeriod, contract, benefit }: UsageTotal): string => `${originPeriod} ${contract} ${benefit}`
