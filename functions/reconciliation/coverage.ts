import type { Contract } from '../../schemas/contract.ts'
import type { Day } from '../../schemas/primitives.ts'

/** Which contracts have a line for a benefit, and on which days. */
export type Coverage = { covering(programme: string, benefit: string, day: Day): readonly Contract[] }

const none: readonly Contract[] = []
/** Days of a benefit that are remembered: events of a batch lie close together. */
const heldDays = 5_000

type Covered = { contracts: Contract[]; days: Map<Day, readonly Contract[]> }

export function coverageOf(contracts: readonly Contract[]): Coverage {
  const programmes = new Map<string, Map<string, Covered>>()
  for (const contract of [...contracts].sort((a, b) => (a.id < b.id ? -1 : 1))) {
    const benefits = programmes.get(contract.programme) ?? new Map<string, Covered>()
    programmes.set(contract.programme, benefits)
    for (const benefit of benefitsOf(contract)) {
      const covered = benefits.get(benefit) ?? {
        contracts: [] as Contract[],
        days: new Map<Day, readonly Contract[]>(),
      }
      benefits.set(benefit, covered)
      covered.contracts.push(contract)
    }
  }
  return {
    covering(programme, benefit, day) {
      const covered = programmes.get(programme)?.get(benefit)
      if (!covered) return none
      const known = covered.days.get(day)
      if (known) return known
      if (covered.days.size >= heldDays) covered.days.clear()
      const found = covered.contracts.filter(contract => isValidOn(contract, day))
      covered.days.set(day, found)
      return found
    },
  }
}

/** A flat line may name no benefit: it covers none. */
export const benefitsOf = (contract: Contract): Set<string> =>
  new Set(contract.lines.flatMap(line => (line.benefit === undefined ? [] : [line.benefit])))

/** Days are ISO dates, so that their text sorts by time. */
const isValidOn = ({ validFrom, validTo }: Contract, day: Day): boolean =>
  validFrom <= day && (validTo === undefined || day <= validTo)
