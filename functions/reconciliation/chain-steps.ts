import type { ChainStep } from '../../schemas/close-task.ts'
import type { HistoryEntry } from '../../schemas/disposition.ts'
import type { History } from './chain-run.ts'
import { classifyShard } from './classify-shard.ts'
import { keepMembers } from './count-members.ts'
import { matchShard } from './match-shard.ts'
import type { Run, RunPlan } from './run-plan.ts'
import { keepSettled } from './settle-range.ts'
import { byBucket } from './shard.ts'
import { shuffleRange } from './shuffle-range.ts'
import type { Part } from './spill.ts'
import { stepNames } from './step-names.ts'

type Step = {
  /** Numbers of the ranges or shards, in the order in which they are done best. */
  places: (plan: RunPlan) => number[]
  nameOf: (place: number) => string
  work: (run: Run, place: number, bucket: History['bucket']) => Promise<Part[]>
}

const ranges = ({ ranges: all }: RunPlan): number[] => all.map((_, range) => range)

/** All that a run does with a chain. The last two only spare who gathers the run many reads. */
const chainSteps: Record<ChainStep, Step> = {
  shuffle: { places: ranges, nameOf: stepNames.shuffle, work: shuffleRange },
  classify: { places: ({ shards }) => byBucket(shards), nameOf: stepNames.classify, work: classifyShard },
  match: { places: ({ shards }) => byBucket(shards), nameOf: stepNames.match, work: matchShard },
  settle: { places: ranges, nameOf: stepNames.settle, work: keepSettled },
  members: { places: ({ shards }) => byBucket(shards), nameOf: stepNames.members, work: keepMembers },
}

/** In how many places a step is done. */
export const placesOf = (plan: RunPlan, step: ChainStep): number => chainSteps[step].places(plan).length

/** Does a step in all its places, or in some of them, where it is not done yet. */
export async function doStep(
  run: Run,
  step: ChainStep,
  { from, upTo }: { from: number; upTo?: number } = { from: 0 },
): Promise<void> {
  const { places, nameOf, work } = chainSteps[step]
  const bucket = lastBucket(run.inputs.history)
  for (const place of places(run.plan).slice(from, upTo))
    await run.steps.once(nameOf(place), () => work(run, place, bucket))
}

/** Shards that lie in one bucket follow each other: it is read once for all of them. */
function lastBucket(history: History): History['bucket'] {
  let last: { index: number; entries: Promise<Map<string, HistoryEntry>> } | undefined
  return index => {
    if (last?.index !== index) last = { index, entries: history.bucket(index) }
    return last.entries
  }
}
