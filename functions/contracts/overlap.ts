import type { Contract, ContractDocument } from '../../schemas/contract.ts'
import type { PointedError } from '../../schemas/usage.ts'

/**
 * Where a contract covers a benefit that another one of the same direction (payer → payee) covers on a common day.
 * Nobody could say by which of the two an event is to be rated.
 */
export function overlaps(document: ContractDocument, others: Contract[]): PointedError[] {
  return others
    .filter(other => other.id !== document.id)
    .filter(other => other.payer === document.payer && other.payee === document.payee && shareDay(document, other))
    .flatMap(other => {
      const covered = new Set(other.lines.map(line => line.benefit))
      return document.lines.flatMap(({ benefit }, index) =>
        benefit !== undefined && covered.has(benefit)
          ? [{ pointer: `/lines/${index}/benefit`, detail: detailOf(other, benefit) }]
          : [],
      )
    })
}

const detailOf = (other: Contract, benefit: string): string =>
  `contract ${other.id} covers ${benefit} ${daysOf(other)}. To replace it, first apply it with a validTo, then the new ` +
  'one with a validFrom after that'

const daysOf = ({ validFrom, validTo }: Validity): string =>
  `from ${validFrom} ${validTo === undefined ? 'on' : `to ${validTo}`}`

type Validity = Pick<ContractDocument, 'validFrom' | 'validTo'>
/** Days are ISO dates, so that their text sorts by time; an absent `validTo` is for ever. */
const shareDay = (a: Validity, b: Validity): boolean =>
  a.validFrom <= (b.validTo ?? '9999-12-31') && b.validFrom <= (a.validTo ?? '9999-12-31')
