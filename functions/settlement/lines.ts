import type { Contract } from '../../schemas/contract.ts'
import { adjustmentLine, contractLimitLines } from '../../schemas/contract.ts'
import type { AcceptedUse } from '../../schemas/disposition.ts'
import type { Period } from '../../schemas/primitives.ts'
import type { StatementLine } from '../../schemas/settlement.ts'
import { periodDays } from '../kernel/calendar.ts'
import type { UsageTotal } from '../reconciliation/reconcile.ts'
import { frameOf, limitLines, type RatedLine, rateContract, rateLines } from './rate.ts'

/** A line as an earlier close billed it. */
export type BilledLine = { debtor: string; creditor: string; currency: string; line: StatementLine }

export type Billing = {
  period: Period
  firstPeriod: Period
  contracts: Contract[]
  totals: UsageTotal[]
  /** Lines that earlier closes billed for the earlier origin periods in `totals`. */
  billed: BilledLine[]
  /** Contracts as each earlier period was rated by: terms changed since do not re-price what was settled. */
  formerContracts: ReadonlyMap<Period, Contract[]>
  /** What was decided in the period of lines that had not matched; those that are rated are in `totals`. */
  accepted: readonly AcceptedUse[]
}

/** Every line that this close bills: the period's own, and what late usage changed in earlier periods. */
export function linesToBill(billing: Billing): RatedLine[] {
  const { period, contracts, totals } = billing
  const used = new Set(totals.filter(total => total.originPeriod === period).map(total => total.contract))
  const own = contracts
    .filter(contract => used.has(contract.id) || isValidIn(contract, period))
    .flatMap(contract => rateContract(contract, period, totals))
  return [...own, ...lateLines(billing), ...adjustmentLines(billing)].sort(byPlace)
}

/**
 * Amounts decided for exceptions, a line for each contract and origin period: the payer owes them to the payee, whole
 * and before tax, whoever funds the benefit. They stand outside minimum and maximum, and no later delta takes them off.
 */
function adjustmentLines({ accepted, contracts }: Pick<Billing, 'accepted' | 'contracts'>): RatedLine[] {
  const lines = new Map<string, RatedLine>()
  for (const { outcome, matched, amountMinor = 0 } of accepted) {
    if (outcome !== 'adjusted') continue
    const [id = ''] = matched.contracts
    const contract = contracts.find(terms => terms.id === id)
    if (!contract) throw new Error(`an adjustment names the contract ${id}, which does not exist`)
    const key = `${id} ${matched.originPeriod}`
    const line = lines.get(key) ?? {
      ...frameOf(contract, matched.originPeriod, contract.lines.length + 2),
      line: adjustmentLine,
      model: adjustmentLine,
      debtor: contract.payer,
      quantity: 0n,
      amountMinor: 0n,
    }
    const quantity = line.quantity + BigInt(matched.quantity)
    lines.set(key, { ...line, quantity, amountMinor: line.amountMinor + BigInt(amountMinor) })
  }
  return [...lines.values()]
}

/** A contract counts for a period if it is valid on any of its days. */
export function isValidIn({ validFrom, validTo }: Contract, period: Period): boolean {
  const { first, last } = periodDays(period)
  return validFrom <= last && (validTo === undefined || validTo >= first)
}

function lateLines({ period, firstPeriod, contracts, totals, billed, formerContracts }: Billing): RatedLine[] {
  const touched = Map.groupBy(
    totals.filter(total => total.originPeriod < period),
    total => `${total.originPeriod} ${total.contract}`,
  )
  return [...touched.values()].flatMap(group => {
    const [{ contract: id, originPeriod } = { contract: '', originPeriod: period }] = group
    const contract = termsFor(group, contracts, formerContracts.get(originPeriod) ?? [])
    const before = billed.filter(
      ({ line }) => line.contract === id && line.originPeriod === originPeriod && line.model !== adjustmentLine,
    )
    // Applied since for days long settled, and not used in them: nothing late has happened under it.
    if (before.length === 0 && !group.some(isUsed)) return []
    return deltaLines({ contract, originPeriod, totals: group, billed: before, settled: originPeriod >= firstPeriod })
  })
}

/** The terms the origin period was rated by, unless they do not cover what was used: a contract applied since then. */
function termsFor(group: UsageTotal[], contracts: Contract[], former: Contract[]): Contract {
  const covers = (contract: Contract) =>
    group.filter(isUsed).every(total => contract.lines.some(line => line.benefit === total.benefit))
  const byId = (contract: Contract) => contract.id === group[0]?.contract
  const terms = former.find(contract => byId(contract) && covers(contract)) ?? contracts.find(byId)
  if (!terms) throw new Error(`usage names the contract ${group[0]?.contract}, which does not exist`)
  return terms
}

const isUsed = ({ quantity, amountMinor, activeMembers }: UsageTotal): boolean =>
  quantity !== 0 || amountMinor !== 0 || activeMembers !== 0

type Late = {
  contract: Contract
  originPeriod: Period
  totals: UsageTotal[]
  billed: BilledLine[]
  /** False for a time before the programme's first period: there is no month whose fee or minimum could be due. */
  settled: boolean
}

/**
 * What one origin period costs more (or less) than was billed for it: the whole is rated again and what was billed is
 * taken off, so that delta after delta adds up to the whole, rounded once.
 */
export function deltaLines({ contract, originPeriod, totals, billed, settled }: Late): RatedLine[] {
  const used = new Set(totals.map(total => total.benefit))
  const rated = new Set(
    contract.lines.filter(line => (line.model === 'flat' ? settled : used.has(line.benefit))).map(line => line.id),
  )
  const before = sumBilled(contract, billed)
  const isLimit = (line: RatedLine) => contractLimitLines.some(limit => limit === line.model)
  const lines = [
    ...rateLines(contract, originPeriod, totals).filter(line => rated.has(line.line)),
    // Usage of these benefits did not change: they stand as billed, and count towards minimum and maximum.
    ...before.filter(line => !rated.has(line.line) && !isLimit(line)),
  ]
  const after = new Map(
    [...lines, ...(settled ? limitLines(contract, originPeriod, lines) : [])].map(line => [keyOf(line), line]),
  )
  const gone = before.filter(line => !after.has(keyOf(line))).map(line => nothingOf(line))
  const was = new Map(before.map(line => [keyOf(line), line]))
  return [...after.values(), ...gone]
    .map(line => difference(line, was.get(keyOf(line)) ?? nothingOf(line)))
    .filter(isChange)
}

const keyOf = ({ line, model, debtor }: RatedLine): string => `${line} ${model} ${debtor}`

/** What was billed for a line and debtor, over all closes so far. */
function sumBilled(contract: Contract, billed: BilledLine[]): RatedLine[] {
  const sums = new Map<string, RatedLine>()
  for (const { debtor, creditor, currency, line } of billed) {
    const { id: _id, quantity, amountBaseMinor, members, amountMinor, benefit, ...rest } = line
    const rated: RatedLine = {
      ...rest,
      ...(benefit !== undefined && { benefit }),
      debtor,
      creditor,
      currency,
      taxRate: contract.taxRate,
      position: positionOf(contract, line),
      quantity: BigInt(quantity),
      ...(amountBaseMinor !== undefined && { amountBaseMinor: BigInt(amountBaseMinor) }),
      ...(members !== undefined && { members: BigInt(members) }),
      amountMinor: BigInt(amountMinor),
    }
    const sum = sums.get(keyOf(rated))
    sums.set(keyOf(rated), sum ? combine(sum, rated, 1n) : rated)
  }
  return [...sums.values()]
}

function positionOf({ lines }: Contract, { line, model }: StatementLine): number {
  if (model === 'minimum-top-up') return lines.length
  if (model === 'maximum-cut') return lines.length + 1
  const index = lines.findIndex(({ id }) => id === line)
  return index < 0 ? lines.length + 2 : index
}

const difference = (line: RatedLine, before: RatedLine): RatedLine => combine(line, before, -1n)

const combine = (a: RatedLine, b: RatedLine, sign: bigint): RatedLine => ({
  ...a,
  quantity: a.quantity + sign * b.quantity,
  ...((a.amountBaseMinor ?? b.amountBaseMinor) !== undefined && {
    amountBaseMinor: (a.amountBaseMinor ?? 0n) + sign * (b.amountBaseMinor ?? 0n),
  }),
  ...((a.members ?? b.members) !== undefined && { members: (a.members ?? 0n) + sign * (b.members ?? 0n) }),
  amountMinor: a.amountMinor + sign * b.amountMinor,
})

const nothingOf = ({ amountBaseMinor, members, ...line }: RatedLine): RatedLine => ({
  ...line,
  quantity: 0n,
  ...(amountBaseMinor !== undefined && { amountBaseMinor: 0n }),
  ...(members !== undefined && { members: 0n }),
  amountMinor: 0n,
})

/** A change of what the line counts is shown even where it costs nothing, such as a use beyond a last free tier. */
function isChange({ model, quantity, amountBaseMinor = 0n, members = 0n, amountMinor }: RatedLine): boolean {
  return amountMinor !== 0n || amountBaseMinor !== 0n || members !== 0n || (model === 'per-use' && quantity !== 0n)
}

const byPlace = (a: RatedLine, b: RatedLine): number =>
  compareText(a.originPeriod, b.originPeriod) ||
  compareText(a.contract, b.contract) ||
  a.position - b.position ||
  compareText(a.model, b.model) ||
  compareText(a.debtor, b.debtor)

export const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
