import { usageTotals } from '../../functions/reconciliation/totals.ts'
import type { Contract } from '../../schemas/contract.ts'
import type { HistoryEntry, LineOutcome } from '../../schemas/disposition.ts'
import type { Period } from '../../schemas/primitives.ts'
import { programme } from './support.ts'

type Case = {
  period: Period
  contracts: Contract[]
  entitlements: Iterable<HistoryEntry>
  /** What this close makes final, and what earlier ones did. */
  outcomes: LineOutcome[]
  earlier: LineOutcome[]
}

/** The totals with sums that are taken row by row, as plainly as can be. */
export function totalsOf({ period, contracts, entitlements: list, outcomes, earlier }: Case) {
  const uses = [...earlier, ...outcomes].flatMap(({ matched }) =>
    (matched?.contracts ?? []).flatMap(of => (matched ? [{ ...matched, of }] : [])),
  )
  const rows = Map.groupBy(uses, ({ of, benefit, originPeriod }) => `${of} ${benefit} ${originPeriod}`)
  const sums = [...rows.values()].flatMap(own => {
    const [first] = own
    const signs = (some: typeof own) => some.reduce((sum, { type }) => sum + (type === 'use' ? 1 : -1), 0)
    const active = [...Map.groupBy(own, ({ subject }) => subject).values()].filter(some => signs(some) > 0)
    return first
      ? {
          contract: first.of,
          benefit: first.benefit,
          originPeriod: first.originPeriod,
          quantity: own.reduce((sum, { quantity }) => sum + BigInt(quantity), 0n),
          amountMinor: own.reduce((sum, { amountMinor = 0 }) => sum + BigInt(amountMinor), 0n),
          sales: signs(own.filter(({ amountMinor }) => amountMinor !== undefined)),
          activeMembers: active.length,
          fresh: true,
        }
      : []
  })
  const origins = new Set([period, ...outcomes.flatMap(({ matched }) => matched?.originPeriod ?? [])])
  return usageTotals({ programme, contracts, entitlements: list, origins, sums })
}
