import type { HistoryEntry, LineOutcome } from '../../schemas/disposition.ts'
import type { Period } from '../../schemas/primitives.ts'
import type { Coverage } from './coverage.ts'
import type { Days } from './days.ts'
import { type Candidate, matchEntitlement, type Settled } from './match.ts'

/** A line of an entitlement that the first pass let through, and what a close made final of it. */
export type EntitlementLine = Candidate & { period: Period; final?: LineOutcome | undefined }

/**
 * All lines of one entitlement, its accounting periods oldest first: later ones build on what earlier ones settled.
 * @returns the outcomes of those that no close made final
 */
export function settleEntitlement(
  terms: { entitlement: HistoryEntry; days: Days; coverage: Coverage },
  lines: readonly EntitlementLine[],
): LineOutcome[] {
  const settled: Settled[] = []
  for (const { at, event, final } of lines) if (final) settled.push({ at, event, outcome: final })
  const open = settled.length > 0 ? lines.filter(({ final }) => !final) : lines
  const outcomes: LineOutcome[] = []
  for (const [period, candidates] of byPeriod(open)) {
    for (const fresh of matchEntitlement({ ...terms, period }, candidates, settled)) {
      settled.push(fresh)
      outcomes.push(fresh.outcome)
    }
  }
  return outcomes
}

function byPeriod(lines: readonly EntitlementLine[]): [Period, readonly EntitlementLine[]][] {
  const [first] = lines
  if (!first) return []
  if (lines.every(({ period }) => period === first.period)) return [[first.period, lines]]
  return [...Map.groupBy(lines, ({ period }) => period)].sort(([a], [b]) => (a < b ? -1 : 1))
}
