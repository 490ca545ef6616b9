import type { Run } from './run-plan.ts'
import type { Part } from './spill.ts'
import { stepNames } from './step-names.ts'
import { addSums, type RowKey, type SummedRow, usesOf } from './usage-sums.ts'

/** The subjects of one shard with at least one use that was not taken back, by row. */
export async function countMembers(run: Run, shard: number): Promise<Map<RowKey, number>> {
  const kept = stepNames.members(shard)
  if (await run.steps.isComplete(kept)) return unpackCounts(await run.steps.read(kept, counts))
  const byRow = new Map<RowKey, Map<string, number>>()
  for (const step of summingSteps(run)) {
    const bytes = await run.steps.read(step, `uses-${shard}`)
    if (!bytes) continue
    const { rows, row, subjects, nets } = usesOf(bytes)
    const ofRows = rows.map(key => {
      const uses = byRow.get(key) ?? new Map<string, number>()
      byRow.set(key, uses)
      return uses
    })
    for (const [at, subject] of subjects.entries()) {
      const uses = ofRows[row[at] ?? 0]
      uses?.set(subject, (uses.get(subject) ?? 0) + (nets[at] ?? 0))
    }
  }
  return new Map(Array.from(byRow, ([key, uses]) => [key, [...uses.values()].filter(net => net > 0).length]))
}

const counts = 'counts'

/** The counts of a shard in one piece, so that who adds them up need not read from every step. */
export async function keepMembers(run: Run, shard: number): Promise<Part[]> {
  const members = await countMembers(run, shard)
  return members.size > 0 ? [[counts, Buffer.from(JSON.stringify([...members]))]] : []
}

const unpackCounts = (bytes: Uint8Array | undefined): Map<RowKey, number> =>
  new Map(bytes && (JSON.parse(Buffer.from(bytes).toString()) as [RowKey, number][]))

/** The rows that the steps of a run summed up, added together. */
export async function gatherSums(run: Run): Promise<Map<RowKey, SummedRow>> {
  const rows = new Map<RowKey, SummedRow>()
  for (const step of summingSteps(run)) {
    const bytes = await run.steps.read(step, 'sums')
    if (bytes) addSums(rows, bytes)
  }
  return rows
}

function* summingSteps({ plan }: Run): Generator<string> {
  for (let range = 0; range < plan.ranges.length; range++) yield stepNames.shuffle(range)
  for (let shard = 0; shard < plan.shards; shard++) yield stepNames.match(shard)
}
