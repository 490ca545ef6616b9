import type { Contract } from '../../schemas/contract.ts'
import type { PaymentId } from '../../schemas/ids.ts'
import type { NetPayment, NettingAgreement } from '../../schemas/payment.ts'
import type { NettingView, Standing, Statement } from '../../schemas/settlement.ts'
import { genesisHash } from '../kernel/canonical.ts'
import { contentId } from '../kernel/ids.ts'
import { compareText, isValidIn } from './lines.ts'
import { inMinorUnits } from './rate.ts'
import { compare, exactNumber, type Rational, whole, zero } from './rational.ts'

/** Who may owe under a contract: the payer, and every other brand that funds a line. */
export const debtorsOf = ({ payer, payee, lines }: Contract): string[] => [
  ...new Set([payer, ...lines.flatMap(line => (line.fundedBy ?? []).map(part => part.brand))].filter(b => b !== payee)),
]

export type Netting = { payments: NetPayment[]; standings: Standing[] }

/** What one brand owes another before anything is set off; negative where credits prevail. */
type Debt = { debtor: string; creditor: string; currency: string; amountMinor: bigint }
type Direction = Pick<Statement, 'debtor' | 'creditor' | 'currency'>
export const directionOf = ({ debtor, creditor, currency }: Direction): string => `${debtor} ${creditor} ${currency}`

/**
 * What is paid of a period's statements, and what each direction opens with next time. Exact by construction: of two
 * brands and one currency, the difference of what each owes the other is paid by the one who owes more.
 *
 * Where every contract of a currency that is valid in the period, or bills anything in it, agrees to multilateral
 * netting, the operator first steps between each debtor and its creditor. That leaves one payment a brand, from or to
 * the operator.
 *
 * A difference below the payment threshold is not paid. Between two brands each direction's total then opens the next
 * statement of that direction; through the operator, whose steps in between have settled the statements, the difference
 * itself opens the next statement of the brand with the operator. Nothing is lost, and nothing is counted twice.
 */
export function net(
  statements: Statement[],
  contracts: Contract[],
  before: Standing[],
  /** The programme's brand. */
  operator: string,
): Netting {
  const payments: NetPayment[] = []
  const standings = new Map(before.map(standing => [directionOf(standing), standing]))
  for (const { debtor, creditor, currency, hash } of statements) {
    const direction = directionOf({ debtor, creditor, currency })
    standings.set(direction, { debtor, creditor, currency, hash, openingMinor: 0 })
  }
  const carry = (direction: Direction, openingMinor: number) => {
    const { hash = genesisHash } = standings.get(directionOf(direction)) ?? {}
    const { debtor, creditor, currency } = direction
    standings.set(directionOf(direction), { debtor, creditor, currency, hash, openingMinor })
  }
  for (const [currency, group] of Map.groupBy(statements, statement => statement.currency)) {
    const terms = contracts.filter(contract => contract.currency === currency)
    const valid = terms.filter(contract => group.some(({ period }) => isValidIn(contract, period)))
    const agreement = agreementOf([...valid, ...billedBy(terms, group)])
    const ofCurrency = netCurrency(group, valid, agreement, operator)
    payments.push(...ofCurrency)
    const carried = ofCurrency.filter(payment => payment.carried)
    if (agreement === 'multilateral')
      for (const { from, to, netMinor } of carried) carry({ debtor: from, creditor: to, currency }, netMinor)
    else {
      const pairs = new Set(carried.map(({ from, to }) => pairOf(from, to, currency)))
      for (const statement of group)
        if (pairs.has(pairOf(statement.debtor, statement.creditor, currency))) carry(statement, statement.totalMinor)
    }
  }
  return {
    payments: payments.sort((a, b) => compareText(pairOf(a.from, a.to, a.currency), pairOf(b.from, b.to, b.currency))),
    standings: [...standings.values()].sort((a, b) => compareText(directionOf(a), directionOf(b))),
  }
}

/** Contracts that a line names: one that is over may still bill what was reported late. */
function billedBy(contracts: Contract[], statements: Statement[]): Contract[] {
  const named = new Set(statements.flatMap(({ lines }) => lines.map(({ contract }) => contract)))
  return contracts.filter(({ id }) => named.has(id))
}

/** All or nobody: one brand that did not agree could be made to wait for, or to trust, the others' operator. */
const agreementOf = (concerned: Contract[]): NettingAgreement =>
  concerned.length > 0 && concerned.every(({ netting }) => netting === 'multilateral') ? 'multilateral' : 'bilateral'

const pairOf = (a: string, b: string, currency: string): string => [...[a, b].sort(compareText), currency].join(' ')

/** The payments of one currency. */
function netCurrency(
  statements: Statement[],
  valid: Contract[],
  agreement: NettingAgreement,
  operator: string,
): NetPayment[] {
  const [first] = statements
  if (!first) return []
  const { programme, period, currency } = first
  const owed = statements.map(({ totalMinor, ...rest }): Debt => ({ ...rest, amountMinor: BigInt(totalMinor) }))
  const debts = agreement === 'multilateral' ? owed.flatMap(debt => throughOperator(debt, operator)) : owed
  const pairs = Map.groupBy(debts, ({ debtor, creditor }) => pairOf(debtor, creditor, currency))
  return [...pairs.values()].map(pair => {
    const { from, to, grossMinor, netMinor } = difference(pair)
    const concerned = agreement === 'multilateral' ? between(valid, from, to, operator) : bindingBoth(valid, from, to)
    return {
      id: contentId<PaymentId>('pay', programme, period, from, to, currency),
      agreement,
      from,
      to,
      currency,
      grossMinor: exactNumber(grossMinor),
      netMinor: exactNumber(netMinor),
      carried: netMinor > 0n && compare(whole(netMinor), thresholdOf(concerned)) < 0,
    }
  })
}

/** The operator owes what the creditor is owed, and is owed what the debtor owes: its own position stays as it was. */
function throughOperator(debt: Debt, operator: string): Debt[] {
  if (debt.debtor === operator || debt.creditor === operator) return [debt]
  return [
    { ...debt, creditor: operator },
    { ...debt, debtor: operator },
  ]
}

function difference(debts: Debt[]): { from: string; to: string; grossMinor: bigint; netMinor: bigint } {
  const [first] = debts
  if (!first) throw new Error('a pair without a debt')
  const [a, b] = [first.debtor, first.creditor].sort(compareText) as [string, string]
  const owes = (brand: string) =>
    debts.filter(({ debtor }) => debtor === brand).reduce((sum, { amountMinor }) => sum + amountMinor, 0n)
  const size = owes(a) - owes(b)
  return size < 0n
    ? { from: b, to: a, grossMinor: owes(b), netMinor: -size }
    : { from: a, to: b, grossMinor: owes(a), netMinor: size }
}

/** Contracts under which one of the two owes the other. */
const bindingBoth = (contracts: Contract[], from: string, to: string): Contract[] =>
  contracts.filter(
    contract =>
      (contract.payee === to && debtorsOf(contract).includes(from)) ||
      (contract.payee === from && debtorsOf(contract).includes(to)),
  )

/** Contracts of the brand that settles with the operator, whoever the other party is. */
function between(contracts: Contract[], from: string, to: string, operator: string): Contract[] {
  const brand = from === operator ? to : from
  return contracts.filter(contract => contract.payee === brand || debtorsOf(contract).includes(brand))
}

/**
 * The smallest threshold of these contracts. A contract without one lets nobody wait, and where no contract is valid any
 * more, what is left is paid.
 */
const thresholdOf = (contracts: Contract[]): Rational =>
  contracts.map(({ paymentThreshold = '0', currency }) => inMinorUnits(paymentThreshold, currency)).sort(compare)[0] ??
  zero

/** Each brand's own position by the statements: what is owed to it less what it owes. Adds up to zero per currency. */
export function positionsOf(statements: Statement[]): NettingView['brands'] {
  const positions = new Map<string, { brand: string; currency: string; owes: bigint; owed: bigint }>()
  const at = (brand: string, currency: string) => {
    const key = `${currency} ${brand}`
    const position = positions.get(key) ?? { brand, currency, owes: 0n, owed: 0n }
    positions.set(key, position)
    return position
  }
  for (const { debtor, creditor, currency, totalMinor } of statements) {
    at(debtor, currency).owes += BigInt(totalMinor)
    at(creditor, currency).owed += BigInt(totalMinor)
  }
  return [...positions]
    .sort(([a], [b]) => compareText(a, b))
    .map(([, { brand, currency, owes, owed }]) => ({
      brand,
      currency,
      owesMinor: exactNumber(owes),
      owedMinor: exactNumber(owed),
      netMinor: exactNumber(owed - owes),
    }))
}
