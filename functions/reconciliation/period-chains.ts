import type { Period } from '../../schemas/primitives.ts'
import type { UsageCut } from '../../schemas/usage.ts'
import { nextPeriod } from '../kernel/calendar.ts'
import { earlierOf } from './accounting.ts'
import type { ChainInputs } from './chain-run.ts'
import { finalsOfChain } from './finals.ts'
import type { PeriodInputs, ReconcileNeeds } from './reconcile.ts'

/** A partner's chain up to where it belongs to a period, and what earlier closes made final. */
export type Cut = { cut: UsageCut; openFrom: Period; closes: { period: Period; identity: string }[] }

/** The chains of a period in the order of their partners, and the first period that no close has made final. */
export async function cutsOf(
  { closedPeriods }: ReconcileNeeds,
  inputs: PeriodInputs,
): Promise<{ cuts: Cut[]; openFrom: Period }> {
  const closes = (await closedPeriods(inputs.programme.id)).filter(close => close.period < inputs.period)
  const openFrom = oldestOpen(closes, inputs)
  const inOrder = inputs.cuts.toSorted((a, b) => (a.partner < b.partner ? -1 : 1))
  return { cuts: inOrder.map(cut => ({ cut, openFrom, closes })), openFrom }
}

/** The chains that `reconcilePeriod` runs for these inputs, so that their steps may be done before it. */
export const chainsOf = async (needs: ReconcileNeeds, inputs: PeriodInputs): Promise<ChainInputs[]> =>
  (await cutsOf(needs, inputs)).cuts.map(cut => chainInputs(needs, inputs, cut))

export function chainInputs(
  { table }: ReconcileNeeds,
  { programme, period, history, contracts, foreignContracts = [] }: PeriodInputs,
  { cut: { partner, sequence }, openFrom, closes }: Cut,
): ChainInputs {
  const settled = closes.map(close => ({ programme: programme.id, ...close }))
  return {
    partner,
    upTo: sequence,
    programmes: [{ ...programme, openFrom }],
    contracts: [...contracts, ...foreignContracts],
    history: history.of(partner),
    finals: finalsOfChain({ table }, settled, partner),
    through: period,
  }
}

/**
 * The first period that no close has made final. In a close it is the period itself; in a preview it may be an earlier
 * one, whose events are then its own and not the previewed period's.
 */
function oldestOpen(closes: { period: Period }[], { programme, period }: PeriodInputs): Period {
  const last = closes
    .map(close => close.period)
    .toSorted()
    .at(-1)
  return last ? nextPeriod(last) : earlierOf(programme.firstPeriod, period)
}
