import type { Contract } from '../../schemas/contract.ts'
import type { HistoryEntry, UsageTotal } from '../../schemas/disposition.ts'
import type { Window } from '../../schemas/entitlement.ts'
import type { Day, Period } from '../../schemas/primitives.ts'
import { periodDays } from '../kernel/calendar.ts'
import { isBefore } from '../kernel/clock.ts'
import type { UsageSum } from './chain-run.ts'
import { benefitsOf } from './coverage.ts'
import { type Days, daysOf, justBefore } from './days.ts'

export type TotalsInputs = {
  programme: { id: string; timeZone: string }
  contracts: readonly Contract[]
  /** Of all programmes; those of others are passed over. */
  entitlements: Iterable<HistoryEntry> | AsyncIterable<HistoryEntry>
  /** The period and every earlier one that this close changes something of. */
  origins: ReadonlySet<Period>
  /** Of every partner, whole: what earlier closes made final is in them. Their subjects are pairwise: none has another's. */
  sums: Iterable<UsageSum>
}

type Row = Pick<UsageTotal, 'contract' | 'benefit' | 'originPeriod'>
type Sums = Pick<UsageSum, 'quantity' | 'amountMinor' | 'sales' | 'activeMembers'>

/**
 * Usage of the period and, whole, of every earlier period that this close touches, so that rating can take off what was
 * billed of it. Each contract that was valid in such a period has a row for each of its benefits, used or not. Rows are
 * in the order of (contract, benefit, originPeriod).
 * @throws when a sum passes the exact integers
 */
export async function usageTotals(inputs: TotalsInputs): Promise<UsageTotal[]> {
  const { programme, contracts, origins } = inputs
  const rows = new Map<string, Row & Sums>()
  const rowOf = (contract: string, benefit: string, originPeriod: Period) => {
    const key = `${contract}\n${benefit}\n${originPeriod}`
    const empty = { contract, benefit, originPeriod, quantity: 0n, amountMinor: 0n, sales: 0, activeMembers: 0 }
    const row: Row & Sums = rows.get(key) ?? empty
    rows.set(key, row)
    return row
  }
  for (const origin of origins)
    for (const contract of contracts.filter(({ programme: of }) => of === programme.id))
      if (validDays(contract, origin)) for (const benefit of benefitsOf(contract)) rowOf(contract.id, benefit, origin)
  for (const sum of inputs.sums) {
    if (!origins.has(sum.originPeriod)) continue
    const row = rowOf(sum.contract, sum.benefit, sum.originPeriod)
    row.quantity += sum.quantity
    row.amountMinor += sum.amountMinor
    row.sales += sum.sales
    row.activeMembers += sum.activeMembers
  }
  const sorted = [...rows.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row)
  const entitled = await entitledMembers(programme, contracts, sorted, inputs.entitlements)
  return sorted.map((row, index) => totalOf(row, entitled[index] ?? 0))
}

function totalOf(
  { contract, benefit, originPeriod, quantity, amountMinor, activeMembers, sales }: Row & Sums,
  entitledMembers: number,
): UsageTotal {
  const sums = { quantity: exact(quantity, contract), amountMinor: exact(amountMinor, contract) }
  return { contract, benefit, originPeriod, ...sums, activeMembers, entitledMembers, sales }
}

function exact(sum: bigint, contract: string): number {
  const number = Number(sum)
  if (!Number.isSafeInteger(number)) throw new Error(`the usage of contract ${contract} passes the exact integers`)
  return number
}

/** The days of a period on which a contract is valid. */
function validDays({ validFrom, validTo }: Contract, period: Period): { first: Day; last: Day } | undefined {
  const days = periodDays(period)
  const first = validFrom > days.first ? validFrom : days.first
  const last = validTo !== undefined && validTo < days.last ? validTo : days.last
  return first <= last ? { first, last } : undefined
}

/** Distinct subjects of each row that were entitled to its benefit while its contract was valid in the origin period. */
async function entitledMembers(
  { id, timeZone }: TotalsInputs['programme'],
  contracts: readonly Contract[],
  rows: readonly Row[],
  entitlements: TotalsInputs['entitlements'],
): Promise<number[]> {
  const calendar = daysOf(timeZone)
  const counted = rows.map(({ contract: contractId, benefit, originPeriod }) => {
    const contract = contracts.find(other => other.id === contractId)
    return { benefit, days: contract && validDays(contract, originPeriod), subjects: new Set<string>() }
  })
  const byBenefit = Map.groupBy(counted, ({ benefit }) => benefit)
  for await (const { programme, benefit, windows, subject } of entitlements) {
    if (programme !== id) continue
    for (const { days, subjects } of byBenefit.get(benefit) ?? [])
      if (days && windows.some(window => meets(window, days, calendar))) subjects.add(subject)
  }
  return counted.map(({ subjects }) => subjects.size)
}

/** Whether a window, which ends before `until`, has an instant in whole days. */
function meets({ from, until }: Window, { first, last }: { first: Day; last: Day }, calendar: Days): boolean {
  if (calendar.dayOf(from) > last) return false
  return until === undefined || (isBefore(from, until) && calendar.dayOf(justBefore(until)) >= first)
}
