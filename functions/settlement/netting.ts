import type { Contract } from '../../schemas/contract.ts'
import type { PaymentId } from '../../schemas/ids.ts'
import type { NetPayment } from '../../schemas/payment.ts'
import type { Standing, Statement } from '../../schemas/settlement.ts'
import { contentId } from '../kernel/ids.ts'
import { compareText, isValidIn } from './lines.ts'
import { inMinorUnits } from './rate.ts'
import { compare, exactNumber, type Rational, whole, zero } from './rational.ts'

/** Who may owe under a contract: the payer, and every other brand that funds a line. */
export const debtorsOf = ({ payer, payee, lines }: Contract): string[] => [
  ...new Set([payer, ...lines.flatMap(line => (line.fundedBy ?? []).map(part => part.brand))].filter(b => b !== payee)),
]

export type Netting = { payments: NetPayment[]; standings: Standing[] }

/**
 * Bilateral netting, exact by construction: of two brands and one currency, the difference of what each owes the other
 * is paid by the one who owes more. A difference below the pair's payment threshold is not paid; then each direction's
 * total opens the next statement of the same direction, so that nothing is lost and nothing is counted twice. A
 * difference of nothing settles both sides.
 */
export function net(statements: Statement[], contracts: Contract[], before: Standing[]): Netting {
  const pairs = Map.groupBy(statements, ({ debtor, creditor, currency }) =>
    [...[debtor, creditor].sort(compareText), currency].join(' '),
  )
  const payments = [...pairs.keys()].sort(compareText).map(key => netPair(pairs.get(key) ?? [], contracts))
  const carried = new Set(payments.filter(payment => payment.carried).flatMap(directionsOf))
  const standings = new Map(before.map(standing => [directionOf(standing), standing]))
  for (const { debtor, creditor, currency, hash, totalMinor } of statements) {
    const direction = directionOf({ debtor, creditor, currency })
    const openingMinor = carried.has(direction) ? totalMinor : 0
    standings.set(direction, { debtor, creditor, currency, hash, openingMinor })
  }
  return {
    payments,
    standings: [...standings.values()].sort((a, b) => compareText(directionOf(a), directionOf(b))),
  }
}

type Direction = Pick<Statement, 'debtor' | 'creditor' | 'currency'>
export const directionOf = ({ debtor, creditor, currency }: Direction): string => `${debtor} ${creditor} ${currency}`

const directionsOf = ({ from, to, currency }: NetPayment): string[] => [
  directionOf({ debtor: from, creditor: to, currency }),
  directionOf({ debtor: to, creditor: from, currency }),
]

/** The statements of one pair: one or two. */
function netPair(statements: Statement[], contracts: Contract[]): NetPayment {
  const [first] = statements
  if (!first) throw new Error('a pair without a statement')
  const { currency } = first
  const [a, b] = [first.debtor, first.creditor].sort(compareText) as [string, string]
  const owes = (debtor: string) =>
    statements
      .filter(statement => statement.debtor === debtor)
      .reduce((sum, { totalMinor }) => sum + BigInt(totalMinor), 0n)
  const difference = owes(a) - owes(b)
  const [from, to, size] = difference < 0n ? [b, a, -difference] : [a, b, difference]
  const threshold = thresholdOf(statements, contracts)
  const { programme, period } = first
  return {
    id: contentId<PaymentId>('pay', programme, period, from, to, currency),
    agreement: 'bilateral',
    from,
    to,
    currency,
    grossMinor: exactNumber(owes(from)),
    netMinor: exactNumber(size),
    carried: size > 0n && compare(whole(size), threshold) < 0,
  }
}

/**
 * The smallest threshold of the contracts between the two. A contract without one lets nobody wait, and where no
 * contract is valid any more, what is left is paid.
 */
function thresholdOf(statements: Statement[], contracts: Contract[]): Rational {
  const thresholds = contracts
    .filter(contract =>
      statements.some(
        ({ period, debtor, creditor, currency }) =>
          contract.payee === creditor &&
          contract.currency === currency &&
          debtorsOf(contract).includes(debtor) &&
          isValidIn(contract, period),
      ),
    )
    .map(({ paymentThreshold = '0', currency }) => inMinorUnits(paymentThreshold, currency))
  return thresholds.sort(compare)[0] ?? zero
}
