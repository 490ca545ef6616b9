import { epochSeconds, type Now } from '../kernel/clock.ts'
import type { Table } from '../kernel/table.ts'
import { usageHead } from '../usage/read.ts'
import { type PlanSizes, sizesName } from './run-plan.ts'
import type { Spill } from './spill.ts'
import { tableSpill } from './spill-store.ts'

/** Chains of more lines are resumed after a crash; shorter ones are done again sooner than their steps are stored. */
const usuallyResumed = 100_000

/** How the runs of a close are cut up, where that is not as usual, and how many lines a chain has that is not resumed. */
export type CloseSizes = PlanSizes & { resumedLines?: number }

type Needs = {
  table: Table
  /** Real time, in which the database drops what is kept. */
  wallNow: Now
  sizes?: CloseSizes | undefined
}

/**
 * Where a close keeps the steps of a partner's run: in the table under the close's identity, which stands for all that
 * it is computed from, and how it is cut up, or for short chains nowhere that outlasts the run.
 */
export const closeSpill =
  ({ table, wallNow, sizes }: Needs, { identity }: { identity: string }) =>
  async (partner: string): Promise<Spill | undefined> => {
    const { lines = 0 } = (await usageHead({ table }, partner)) ?? {}
    if (lines <= (sizes?.resumedLines ?? usuallyResumed)) return undefined
    return tableSpill(
      { table, wallSeconds: () => epochSeconds(wallNow()) },
      { run: `${identity}#${partner}#${sizesName(sizes)}` },
    )
  }
