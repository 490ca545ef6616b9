import type { Contract } from '../../schemas/contract.ts'
import type { LineOutcome, MatchedUse, UsageTotal } from '../../schemas/disposition.ts'
import type { Entitlement, Window } from '../../schemas/entitlement.ts'
import type { Day, Period } from '../../schemas/primitives.ts'
import { periodDays } from '../kernel/calendar.ts'
import { isBefore } from '../kernel/clock.ts'
import { benefitsOf } from './coverage.ts'
import { type Days, daysOf, justBefore } from './days.ts'

export type TotalsInputs = {
  programme: { id: string; timeZone: string }
  period: Period
  contracts: readonly Contract[]
  entitlements: Iterable<Entitlement>
  /** What this close makes final. */
  outcomes: Iterable<LineOutcome>
  /** What earlier closes made final, of every partner. */
  earlier: Iterable<LineOutcome>
}

type Sums = { quantity: bigint; amountMinor: bigint; sales: number; uses: Map<string, number> }
type Row = Pick<UsageTotal, 'contract' | 'benefit' | 'originPeriod'>

/**
 * Usage of the period and, whole, of every earlier period that this close's outcomes touch, so that rating can take
 * off what was billed of it. Each contract that was valid in such a period has a row for each of its benefits, used
 * or not. Rows are in the order of (contract, benefit, originPeriod).
 * @throws when a sum passes the exact integers
 */
export function usageTotals(inputs: TotalsInputs): UsageTotal[] {
  const { programme, period, contracts } = inputs
  const fresh = matchedOf(inputs.outcomes)
  const origins = new Set([period, ...fresh.map(({ originPeriod }) => originPeriod)])
  const rows = new Map<string, Row & Sums>()
  const rowOf = (contract: string, benefit: string, originPeriod: Period) => {
    const key = `${contract}\n${benefit}\n${originPeriod}`
    const empty = { contract, benefit, originPeriod, quantity: 0n, amountMinor: 0n, sales: 0, uses: new Map() }
    const row: Row & Sums = rows.get(key) ?? empty
    rows.set(key, row)
    return row
  }
  for (const origin of origins)
    for (const contract of contracts.filter(({ programme: of }) => of === programme.id))
      if (validDays(contract, origin)) for (const benefit of benefitsOf(contract)) rowOf(contract.id, benefit, origin)
  for (const matched of [...matchedOf(inputs.earlier), ...fresh]) {
    if (!origins.has(matched.originPeriod)) continue
    for (const contract of matched.contracts) addTo(rowOf(contract, matched.benefit, matched.originPeriod), matched)
  }
  const entitled = entitledCounter(programme, contracts, inputs.entitlements)
  return [...rows.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => totalOf(row, entitled(row)))
}

const matchedOf = (outcomes: Iterable<LineOutcome>): MatchedUse[] => {
  const found: MatchedUse[] = []
  for (const { matched } of outcomes) if (matched) found.push(matched)
  return found
}

function addTo(row: Sums, { quantity, amountMinor, subject, type }: MatchedUse): void {
  const one = type === 'use' ? 1 : -1
  row.quantity += BigInt(quantity)
  row.uses.set(subject, (row.uses.get(subject) ?? 0) + one)
  if (amountMinor === undefined) return
  row.amountMinor += BigInt(amountMinor)
  row.sales += one
}

function totalOf({ contract, benefit, originPeriod, uses, ...sums }: Row & Sums, entitledMembers: number): UsageTotal {
  return {
    contract,
    benefit,
    originPeriod,
    quantity: exact(sums.quantity, contract),
    amountMinor: exact(sums.amountMinor, contract),
    activeMembers: [...uses.values()].filter(count => count > 0).length,
    entitledMembers,
    sales: sums.sales,
  }
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

/** Counts distinct subjects that were entitled to a benefit while its contract was valid in the origin period. */
function entitledCounter(
  { id, timeZone }: TotalsInputs['programme'],
  contracts: readonly Contract[],
  entitlements: Iterable<Entitlement>,
): (row: Row) => number {
  const calendar = daysOf(timeZone)
  const byBenefit = new Map<string, Entitlement[]>()
  for (const entitlement of entitlements) {
    if (entitlement.programme !== id) continue
    const others = byBenefit.get(entitlement.benefit)
    if (others) others.push(entitlement)
    else byBenefit.set(entitlement.benefit, [entitlement])
  }
  return ({ contract: contractId, benefit, originPeriod }) => {
    const contract = contracts.find(other => other.id === contractId)
    const days = contract && validDays(contract, originPeriod)
    if (!days) return 0
    const subjects = new Set<string>()
    for (const { windows, subject } of byBenefit.get(benefit) ?? [])
      if (windows.some(window => meets(window, days, calendar))) subjects.add(subject)
    return subjects.size
  }
}

/** Whether a window, which ends before `until`, has an instant in whole days. */
function meets({ from, until }: Window, { first, last }: { first: Day; last: Day }, calendar: Days): boolean {
  if (calendar.dayOf(from) > last) return false
  return until === undefined || (isBefore(from, until) && calendar.dayOf(justBefore(until)) >= first)
}
