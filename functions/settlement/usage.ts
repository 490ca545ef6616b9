import type { CloseRecord } from '../../schemas/settlement.ts'
import {
  type AcceptedIn,
  type OutcomeSink,
  type PeriodUsage,
  type ReconcileNeeds,
  reconcilePeriod,
  type UsageTotal,
} from '../reconciliation/reconcile.ts'
import { closesOf } from './closed-periods.ts'
import { findClosingInputs, type Inputs } from './inputs.ts'
import { compareText } from './lines.ts'
import type { ClosingPeriod } from './store.ts'

type Needs = Omit<ReconcileNeeds, 'closedPeriods'>

/**
 * Reconciles a period as if later ones did not exist yet, so that doing it again later gives the same. What is made
 * final goes to `sink`, in the order of (partner, sequence, line).
 */
export async function reconcile(needs: Needs, inputs: Inputs, sink?: OutcomeSink): Promise<PeriodUsage> {
  const { programme, period } = inputs
  const closed = await finalBefore(needs, { programme: programme.id, period })
  const accepted: AcceptedIn[] = []
  for (const close of closed)
    accepted.push({ period: close.period, uses: (await findClosingInputs(needs.table, close)).accepted })
  accepted.push({ period, uses: inputs.accepted })
  const earlier = async () => closed.map(({ period: month, identity }) => ({ period: month, identity }))
  const usage = await reconcilePeriod({ ...needs, closedPeriods: earlier }, { ...inputs, accepted }, sink)
  return { ...usage, totals: usage.totals.toSorted((a, b) => compareText(placeOf(a), placeOf(b))) }
}

/** Closes of earlier periods that made lines final. */
export const finalBefore = async (
  needs: Pick<ReconcileNeeds, 'table'>,
  { programme, period }: ClosingPeriod,
): Promise<CloseRecord[]> =>
  (await closesOf(needs, programme)).filter(close => close.state !== 'cutoff' && close.period < period)

const placeOf = ({ originPeriod, contract, benefit }: UsageTotal): string => `${originPeriod} ${contract} ${benefit}`
