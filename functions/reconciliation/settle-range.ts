import type { LineOutcome } from '../../schemas/disposition.ts'
import { packOutcomes, unpackOutcomes } from './outcome-piece.ts'
import { unpackRange } from './range-piece.ts'
import type { Run } from './run-plan.ts'
import type { Part } from './spill.ts'
import { stepNames } from './step-names.ts'

/** The outcomes of a range's lines that no close made final, in the order of (sequence, line). */
export async function settleRange({ inputs, plan, steps }: Run, range: number): Promise<LineOutcome[]> {
  const { partner } = inputs
  const outcomes: LineOutcome[] = []
  const facts = await steps.read(stepNames.shuffle(range), 'range')
  for (const place of facts ? unpackRange(facts).malformed : [])
    outcomes.push({ partner, ...place, disposition: 'malformed' })
  if (await steps.isComplete(stepNames.settle(range))) {
    const bytes = await steps.read(stepNames.settle(range), settled)
    if (bytes) unpackOutcomes(bytes, partner, outcomes)
  } else
    for (let shard = 0; shard < plan.shards; shard++) {
      const bytes = await steps.read(stepNames.match(shard), `outcomes-${range}`)
      if (bytes) unpackOutcomes(bytes, partner, outcomes)
    }
  return outcomes.sort((a, b) => a.sequence - b.sequence || a.line - b.line)
}

const settled = 'outcomes'

/** A range's outcomes in one piece, so that who reads all ranges in their order need not read from every shard. */
export async function keepSettled(run: Run, range: number): Promise<Part[]> {
  // Which lines are malformed the range tells already.
  const outcomes = (await settleRange(run, range)).filter(({ disposition }) => disposition !== 'malformed')
  return outcomes.length > 0 ? [[settled, packOutcomes(outcomes)]] : []
}
