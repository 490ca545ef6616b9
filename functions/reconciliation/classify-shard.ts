import { packPiece, unpackPiece } from './piece.ts'
import type { Run } from './run-plan.ts'
import type { Part } from './spill.ts'
import { stepNames } from './step-names.ts'

/**
 * Finds, among the lines of one shard of event ids, those whose id an earlier line had: they are duplicates or
 * conflicts (steps 4 and 5). Which of them is told where their content lies, in the shard of their entitlement: lines
 * of equal content name the same one.
 */
export async function classifyShard({ plan, steps }: Run, shard: number): Promise<Part[]> {
  const seen = new Set<string>()
  const repeated = new Map<number, { ranges: number[]; places: number[] }>()
  for (let range = 0; range < plan.ranges.length; range++) {
    const bytes = await steps.read(stepNames.shuffle(range), `ids-${shard}`)
    if (!bytes) continue
    const { counts, json } = unpackPiece(bytes)
    const [owners = [], places = []] = counts
    const ids = json.split('\n')
    for (let at = 0; at < ids.length; at++) {
      const id = ids[at] ?? ''
      const before = seen.size
      if (seen.add(id).size > before) continue
      const owner = owners[at] ?? 0
      const lines = repeated.get(owner) ?? { ranges: [], places: [] }
      lines.ranges.push(range)
      lines.places.push(places[at] ?? 0)
      repeated.set(owner, lines)
    }
  }
  return Array.from(repeated, ([owner, { ranges, places }]): Part => {
    const counts = [Uint32Array.from(ranges), Uint32Array.from(places)]
    return [`repeated-${owner}`, packPiece({ counts, numbers: [], json: '' })]
  })
}

/** The places of an entitlement shard's repeated lines, by range. */
export async function repeatedLines({ plan, steps }: Run, owner: number): Promise<Map<number, Set<number>>> {
  const repeated = new Map<number, Set<number>>()
  for (let shard = 0; shard < plan.shards; shard++) {
    const bytes = await steps.read(stepNames.classify(shard), `repeated-${owner}`)
    if (!bytes) continue
    const [ranges = new Uint32Array(), places = new Uint32Array()] = unpackPiece(bytes).counts
    for (const [at, range] of ranges.entries()) {
      const known = repeated.get(range) ?? new Set()
      repeated.set(range, known.add(places[at] ?? 0))
    }
  }
  return repeated
}
