import type { Contract } from '../../schemas/contract.ts'
import type { Day } from '../../schemas/primitives.ts'

/** Which contracts have a line for a benefit, and on which days. */
export type Coverage = { covering(programme: string, benefit: string, day: Day): Contract[] }

export function coverageOf(contracts: readonly Contract[]): Coverage {
  const byBenefit = new Map<string, Contract[]>()
  for (const contract of [...contracts].sort((a, b) => (a.id < b.id ? -1 : 1))) {
    for (const benefit of benefitsOf(contract)) {
      const key = `${contract.programme}\n${benefit}`
      byBenefit.set(key, [...(byBenefit.get(key) ?? []), contract])
    }
  }
  return {
    covering: (programme, benefit, day) =>
      (byBenefit.get(`${programme}\n${benefit}`) ?? []).filter(contract => isValidOn(contract, day)),
  }
}

/** A flat line may name no benefit: it covers none. */
export const benefitsOf = (contract: Contract): Set<string> =>
  new Set(contract.lines.flatMap(line => (line.benefit === undefined ? [] : [line.benefit])))

/** Days are ISO dates, so that their text sorts by time. */
const isValidOn = ({ validFrom, validTo }: Contract, day: Day): boolean =>
  validFrom <= day && (validTo === undefined || day <= validTo)
