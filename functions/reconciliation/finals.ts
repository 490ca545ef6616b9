import { LineOutcome } from '../../schemas/disposition.ts'
import type { Period } from '../../schemas/primitives.ts'
import { canonicalJson } from '../kernel/canonical.ts'
import type { Table } from '../kernel/table.ts'
import { packLines, unpackLines } from '../usage/segments.ts'
import { finalsChunks, storeFinalsChunk } from './store.ts'

/** Which periods of a programme are final, and under which identity their close stands. */
export type ClosedPeriods = (programme: string) => Promise<{ period: Period; identity: string }[]>

type Needs = { table: Table }

/**
 * Keeps what a close made final, create-only under the close's identity: a crashed run resumes, a rerun changes
 * nothing. They count once `closedPeriods` names the identity.
 */
export async function storeFinals(
  { table }: Needs,
  programme: string,
  period: Period,
  identity: string,
  { outcomes }: { outcomes: LineOutcome[] },
): Promise<void> {
  for (const [partner, own] of Map.groupBy(outcomes, outcome => outcome.partner)) {
    const segments = packLines(own.map(outcome => Buffer.from(canonicalJson(outcome))))
    for (const [index, { lines, data }] of segments.entries())
      await storeFinalsChunk(table, { programme, period, identity, partner, index, lines, data })
  }
}

/** What a close made final, in the order of (partner, sequence, line). */
export async function finalsOf(
  { table }: Needs,
  { partner, ...close }: { programme: string; period: Period; identity: string; partner?: string | undefined },
): Promise<LineOutcome[]> {
  const outcomes: LineOutcome[] = []
  for await (const { data, lines } of finalsChunks(table, close, partner)) {
    const texts = unpackLines(data)
    if (texts.length !== lines) throw new Error('a chunk of final dispositions is not whole')
    for (const text of texts) outcomes.push(LineOutcome.parse(JSON.parse(Buffer.from(text).toString())))
  }
  return outcomes
}

/** What all closes of a programme made final; only those of periods before `before`, if that is given. */
export async function finalsThrough(
  { table, closedPeriods }: Needs & { closedPeriods: ClosedPeriods },
  programme: string,
  partner?: string,
  before?: Period,
): Promise<LineOutcome[]> {
  const outcomes: LineOutcome[] = []
  for (const { period, identity } of await closedPeriods(programme)) {
    if (before !== undefined && period >= before) continue
    for (const outcome of await finalsOf({ table }, { programme, period, identity, partner })) outcomes.push(outcome)
  }
  return outcomes
}
