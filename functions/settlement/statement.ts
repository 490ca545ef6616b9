import type { Contract } from '../../schemas/contract.ts'
import type { StatementId } from '../../schemas/ids.ts'
import type { Period } from '../../schemas/primitives.ts'
import type { SignedMoney, Standing, Statement, StatementLine } from '../../schemas/settlement.ts'
import { genesisHash, hashOf } from '../kernel/canonical.ts'
import { contentId } from '../kernel/ids.ts'
import { compareText, isValidIn } from './lines.ts'
import { debtorsOf, directionOf } from './netting.ts'
import type { RatedLine } from './rate.ts'
import { exactNumber, multiply, parseDecimal, plus, round, whole, zero } from './rational.ts'

export type Drafting = {
  programme: string
  period: Period
  contracts: Contract[]
  /** In the order in which statements show them. */
  lines: RatedLine[]
  /** Where each pair stood after the close before. */
  standings: Standing[]
}

/**
 * The statements of a period, one for each (debtor, creditor, currency): of every valid contract's parties, even if
 * nothing is owed, and of every pair that carries a balance.
 */
export function draftStatements(drafting: Drafting): Statement[] {
  const { period, contracts, lines, standings } = drafting
  const due = new Map<string, Direction>()
  const expect = ({ debtor, creditor, currency }: Direction) =>
    due.set(directionOf({ debtor, creditor, currency }), { debtor, creditor, currency })
  for (const contract of contracts.filter(terms => isValidIn(terms, period)))
    for (const debtor of debtorsOf(contract)) expect({ debtor, creditor: contract.payee, currency: contract.currency })
  standings.filter(standing => standing.openingMinor !== 0).forEach(expect)
  lines.forEach(expect)
  const linesByDirection = Map.groupBy(lines, directionOf)
  const standingByDirection = new Map(standings.map(standing => [directionOf(standing), standing]))
  return [...due.keys()].sort(compareText).flatMap(key => {
    const direction = due.get(key)
    if (!direction) return []
    return [draft(drafting, direction, linesByDirection.get(key) ?? [], standingByDirection.get(key))]
  })
}

type Direction = Pick<Statement, 'debtor' | 'creditor' | 'currency'>

function draft(
  { programme, period }: Drafting,
  { debtor, creditor, currency }: Direction,
  lines: RatedLine[],
  standing: Standing | undefined,
): Statement {
  const subtotal = lines.reduce((sum, line) => sum + line.amountMinor, 0n)
  const tax = taxOf(lines)
  const openingMinor = standing?.openingMinor ?? 0
  const unhashed = {
    id: contentId<StatementId>('stm', programme, period, debtor, creditor, currency),
    programme,
    period,
    debtor,
    creditor,
    currency,
    openingMinor,
    lines: lines.map(statementLine),
    subtotalMinor: exactNumber(subtotal),
    taxMinor: exactNumber(tax),
    totalMinor: exactNumber(BigInt(openingMinor) + subtotal + tax),
    previousHash: standing?.hash ?? genesisHash,
  }
  return { ...unhashed, hash: hashOf(unhashed) }
}

/**
 * Per contract, its rate times its part of the subtotal, rounded once. A late line bears the rate of the terms it was
 * billed by, so that taking a use back takes its tax back too.
 */
function taxOf(lines: RatedLine[]): bigint {
  let tax = 0n
  for (const part of Map.groupBy(lines, line => line.contract).values())
    tax += round(
      part.reduce((sum, line) => plus(sum, multiply(parseDecimal(line.taxRate), whole(line.amountMinor))), zero),
    )
  return tax
}

const statementLine = (line: RatedLine): StatementLine => ({
  id: `${line.contract}:${line.line}:${line.originPeriod}`,
  contract: line.contract,
  line: line.line,
  model: line.model,
  ...(line.benefit !== undefined && { benefit: line.benefit }),
  originPeriod: line.originPeriod,
  quantity: exactNumber(line.quantity),
  ...(line.amountBaseMinor !== undefined && { amountBaseMinor: exactNumber(line.amountBaseMinor) }),
  ...(line.members !== undefined && { members: exactNumber(line.members) }),
  amountMinor: exactNumber(line.amountMinor),
})

/** What a period's statements add up to in each currency, balances carried from before left out. */
export function totalsOf(statements: Statement[]): SignedMoney[] {
  const sums = new Map<string, bigint>()
  for (const { currency, subtotalMinor, taxMinor } of statements)
    sums.set(currency, (sums.get(currency) ?? 0n) + BigInt(subtotalMinor) + BigInt(taxMinor))
  return [...sums]
    .sort(([a], [b]) => compareText(a, b))
    .map(([currency, sum]) => ({ currency, amountMinor: exactNumber(sum) }))
}
