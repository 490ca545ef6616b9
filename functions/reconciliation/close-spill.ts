import { epochSeconds, type Now } from '../kernel/clock.ts'
import type { Table } from '../kernel/table.ts'
import { usageHead } from '../usage/read.ts'
import { usualSizes } from './run-plan.ts'
import type { Spill } from './spill.ts'
import { tableSpill } from './spill-store.ts'

/** Chains of more lines are resumed after a crash; shorter ones are done again sooner than their steps are stored. */
const resumedLines = 100_000

type Needs = {
  table: Table
  /** Real time, in which the database drops what is kept. */
  wallNow: Now
}

/**
 * Where a close keeps the steps of a partner's run: in the table under the close's identity, which stands for all that
 * it is computed from, and how it is cut up, or for short chains nowhere that outlasts the run.
 */
export const closeSpill =
  ({ table, wallNow }: Needs, { identity }: { identity: string }) =>
  async (partner: string): Promise<Spill | undefined> => {
    const { lines = 0 } = (await usageHead({ table }, partner)) ?? {}
    if (lines <= resumedLines) return undefined
    return tableSpill(
      { table, wallSeconds: () => epochSeconds(wallNow()) },
      { run: `${identity}#${partner}#${usualSizes}` },
    )
  }
