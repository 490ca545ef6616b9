import type { Day } from '../../schemas/primitives.ts'
import type { Transfer } from '../../schemas/settlement.ts'

/** A transfer with the day on which a bank executed it. */
export type PaidTransfer = { paidOn: Day; transfer: Transfer }

/**
 * Transfers as a plain-text journal that hledger and ledger read alike; payments come last, each on the day on which it
 * was paid. Amounts are integers of a commodity that stands for the minor unit: with a decimal mark hledger would balance
 * within the shown precision, and accept an entry that is off by less.
 */
export function journal(transfers: Transfer[], date: Day, title: string, paid: PaidTransfer[] = []): string {
  const head = [
    `; ${title}`,
    '; Amounts are whole minor units: 1 CNYMINOR is the smallest unit of CNY (ISO 4217).',
    '; A positive position is owed to the brand, a negative one is owed by it; each entry adds up to zero.',
  ]
  const entries = [
    ...transfers.map(transfer => entry(transfer, date)),
    ...paid.map(({ transfer, paidOn }) => entry(transfer, paidOn)),
  ]
  return `${[head.join('\n'), ...entries].join('\n\n')}\n`
}

/** What a person typed, such as a bank's reference, is no part of an entry: it could write lines of its own. */
const entry = ({ statement, payment, line, debit, credit, amountMinor, currency }: Transfer, date: Day): string =>
  [
    `${date} * (${statement ?? payment}) ${line}`,
    `    ${debit}  -${amountMinor} ${currency}MINOR`,
    `    ${credit}  ${amountMinor} ${currency}MINOR`,
  ].join('\n')
