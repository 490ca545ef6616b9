import type { Day } from '../../schemas/primitives.ts'
import type { Transfer } from '../../schemas/settlement.ts'

/**
 * Transfers as a plain-text journal that hledger and ledger read alike. Amounts are integers of a commodity that stands
 * for the minor unit: with a decimal mark hledger would balance within the shown precision, and accept an entry that is
 * off by less.
 */
export function journal(transfers: Transfer[], date: Day, title: string): string {
  const head = [
    `; ${title}`,
    '; Amounts are whole minor units: 1 CNYMINOR is the smallest unit of CNY (ISO 4217).',
    '; A positive position is owed to the brand, a negative one is owed by it; each entry adds up to zero.',
  ]
  return `${[head.join('\n'), ...transfers.map(transfer => entry(transfer, date))].join('\n\n')}\n`
}

const entry = ({ statement, line, debit, credit, amountMinor, currency }: Transfer, date: Day): string =>
  [
    `${date} * (${statement}) ${line}`,
    `    ${debit}  -${amountMinor} ${currency}MINOR`,
    `    ${credit}  ${amountMinor} ${currency}MINOR`,
  ].join('\n')
