import type { Contract } from '../../schemas/contract.ts'
import type { AcceptedUse } from '../../schemas/disposition.ts'
import type { Period } from '../../schemas/primitives.ts'
import type { Standing, Statement } from '../../schemas/settlement.ts'
import type { UsageTotal } from '../reconciliation/reconcile.ts'
import { type BilledLine, linesToBill } from './lines.ts'
import { draftStatements } from './statement.ts'

/** What earlier closes leave to this one. */
export type Past = {
  /** Where each pair stood after the close before. */
  standings: Standing[]
  /** Lines billed so far for the earlier origin periods that this period's usage touches. */
  billed: BilledLine[]
  /** Contracts as those periods were rated by. */
  formerContracts: ReadonlyMap<Period, Contract[]>
}

type Inputs = {
  programme: { id: string; firstPeriod: Period }
  period: Period
  contracts: Contract[]
  totals: UsageTotal[]
  accepted: readonly AcceptedUse[]
  past: Past
}

/** The statements of a period: a pure function of usage, contracts and earlier closes, for preview and close alike. */
export function computeStatements({ programme, period, contracts, totals, accepted, past }: Inputs): Statement[] {
  const { standings, billed, formerContracts } = past
  const { firstPeriod } = programme
  const lines = linesToBill({ period, firstPeriod, contracts, totals, accepted, billed, formerContracts })
  return draftStatements({ programme: programme.id, period, contracts, lines, standings })
}
