import type { Contract } from '../../schemas/contract.ts'
import type { HistoryEntry, LineOutcome, UsageTotal } from '../../schemas/disposition.ts'
import type { Period } from '../../schemas/primitives.ts'
import type { Table } from '../kernel/table.ts'
import { type ChainSource, tableSource } from './chain-source.ts'
import { doStep } from './chain-steps.ts'
import { countMembers, gatherSums } from './count-members.ts'
import type { Programme } from './reconcile-lines.ts'
import { type PlanSizes, planRun, type Run, rulesOf } from './run-plan.ts'
import { settleRange } from './settle-range.ts'
import { folderSpill, type Spill, stepsIn } from './spill.ts'

/** Where a run looks up the entitlements of its partner. */
export type History = {
  /** Those of the ids that exist at the partner, by id, for their terms: what was captured of them may be absent. */
  find(ids: Iterable<string>): Promise<Map<string, HistoryEntry>>
  /** All of a bucket (`bucketOf` of the id), by id. */
  bucket(index: number): Promise<Map<string, HistoryEntry>>
}

/** Everything that the dispositions of a partner's chain depend on. */
export type ChainInputs = {
  partner: string
  /** Batches up to and with this sequence. */
  upTo: number
  programmes: readonly (Programme & { openFrom: Period })[]
  /** Of all programmes that the partner serves. */
  contracts: readonly Contract[]
  history: History
  /** What closes made final of the batches of a range, both ends included, in the order of (sequence, line). */
  finals(range: { from: number; upTo: number }): AsyncIterable<LineOutcome>
  /** Lines of later accounting periods are left out. */
  through?: Period
}

/** Matched usage of a contract's benefit in an origin period, what closes made final included. */
export type UsageSum = Pick<UsageTotal, 'contract' | 'benefit' | 'originPeriod' | 'activeMembers' | 'sales'> & {
  quantity: bigint
  amountMinor: bigint
  /** Whether a line that is not final is among it. */
  fresh: boolean
}

/** `await using` it, or `close` it: until then its outcomes may be read, as often as needed, from what it spilled. */
export type ChainRun = AsyncDisposable & {
  /** Outcomes of the lines that no close made final, in the order of (sequence, line), piece by piece. */
  outcomes(): AsyncGenerator<LineOutcome[]>
  /** In no particular order. */
  sums: UsageSum[]
  close(): Promise<void>
}

export type ChainRunNeeds = {
  table: Table
  /**
   * Where the steps keep their output; a temporary folder unless given, which `close` removes. One that is kept for a
   * run that resumes is named by everything that the inputs are made of.
   */
  spill?: Spill
  /** Where the lines come from: the table unless given. */
  source?: ChainSource
  sizes?: PlanSizes
}

/**
 * Both passes over a partner's chain: a function of its inputs and the stored batches, whenever and however often it
 * runs. Memory does not depend on the number of lines. A step whose output is in the spill already is not done again.
 * @throws when the chain has a gap, or a batch other lines than its manifest says
 */
export async function runChain(
  { table, spill: given, source: lines, sizes }: ChainRunNeeds,
  inputs: ChainInputs,
): Promise<ChainRun> {
  const source = lines ?? tableSource({ table }, inputs.partner)
  const spill = given ?? (await folderSpill())
  try {
    const plan = await planRun(source, inputs, sizes)
    const run: Run = { inputs, source, plan, steps: stepsIn(spill), rules: rulesOf(inputs) }
    for (const step of bothPasses) await doStep(run, step)
    return {
      sums: await sumsOf(run),
      async *outcomes() {
        for (let range = 0; range < plan.ranges.length; range++) {
          const outcomes = await settleRange(run, range)
          if (outcomes.length > 0) yield outcomes
        }
      },
      close: () => spill.close(),
      [Symbol.asyncDispose]: () => spill.close(),
    }
  } catch (error) {
    await spill.close()
    throw error
  }
}

const bothPasses = ['shuffle', 'classify', 'match'] as const

async function sumsOf(run: Run): Promise<UsageSum[]> {
  const rows = await gatherSums(run)
  const members = new Map<string, number>()
  for (let shard = 0; shard < run.plan.shards; shard++)
    for (const [key, count] of await countMembers(run, shard)) members.set(key, (members.get(key) ?? 0) + count)
  return Array.from(rows, ([key, row]) => ({ ...row, activeMembers: members.get(key) ?? 0 }))
}
