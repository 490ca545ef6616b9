import type { MatchedUse } from '../../schemas/disposition.ts'
import type { UsageSum } from './chain-run.ts'

/** A use that a run's sums lack, or one that they hold and should not. */
export type Correction = { matched: MatchedUse; sign: 1 | -1 }

type SubjectUses = Map<string, Map<string, number>>
const rowKey = (contract: string, { benefit, originPeriod }: MatchedUse): string =>
  `${contract}\n${benefit}\n${originPeriod}`
const oneOf = ({ type }: MatchedUse): number => (type === 'use' ? 1 : -1)

/**
 * Counts the uses, less those taken back, of the subjects that a correction may make active members of a row or no
 * longer make so. Of all others the sums are right: nothing is kept of them.
 */
export function subjectUses() {
  const rows: SubjectUses = new Map()
  return {
    rows,
    watch(matched: MatchedUse): void {
      for (const contract of matched.contracts) {
        const key = rowKey(contract, matched)
        const subjects = rows.get(key) ?? new Map<string, number>()
        rows.set(key, subjects)
        if (!subjects.has(matched.subject)) subjects.set(matched.subject, 0)
      }
    },
    count(matched: MatchedUse): void {
      if (rows.size === 0) return
      for (const contract of matched.contracts) {
        const subjects = rows.get(rowKey(contract, matched))
        const uses = subjects?.get(matched.subject)
        if (uses !== undefined) subjects?.set(matched.subject, uses + oneOf(matched))
      }
    },
  }
}

/** Sums with their corrections; `uses` are those of the lines in the sums, of every subject that is corrected. */
export function correctSums(
  sums: readonly UsageSum[],
  corrections: readonly Correction[],
  uses: ReadonlyMap<string, ReadonlyMap<string, number>>,
): UsageSum[] {
  const rows = new Map(sums.map(sum => [`${sum.contract}\n${sum.benefit}\n${sum.originPeriod}`, { ...sum }]))
  const present = new Map(Array.from(uses, ([key, subjects]) => [key, new Map(subjects)]))
  for (const { matched, sign } of corrections) {
    const { benefit, originPeriod, subject, quantity, amountMinor, contracts } = matched
    for (const contract of contracts) {
      const key = rowKey(contract, matched)
      const empty = { quantity: 0n, amountMinor: 0n, sales: 0, activeMembers: 0, fresh: true }
      const row = rows.get(key) ?? { contract, benefit, originPeriod, ...empty }
      const before = present.get(key)?.get(subject) ?? 0
      const after = before + sign * oneOf(matched)
      row.quantity += BigInt(sign * quantity)
      row.amountMinor += BigInt(sign * (amountMinor ?? 0))
      if (amountMinor !== undefined) row.sales += sign * oneOf(matched)
      row.activeMembers += Number(after > 0) - Number(before > 0)
      present.set(key, (present.get(key) ?? new Map()).set(subject, after))
      rows.set(key, row)
    }
  }
  return [...rows.values()]
}
