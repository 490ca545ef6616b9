import type { Contract } from '../../schemas/contract.ts'
import type { HistoryEntry } from '../../schemas/disposition.ts'
import { coverageOf } from '../reconciliation/coverage.ts'
import { type Days, daysOf } from '../reconciliation/days.ts'
import type { Finding } from './finding.ts'

type Grounds = {
  entitlements: ReadonlyMap<string, Pick<HistoryEntry, 'benefit' | 'timeZone'>>
  contractsOf: ReadonlyMap<string, readonly Contract[]>
}

/**
 * What would keep a line from being billed with others of its cause: a group is accepted or adjusted whole, so that one
 * line which cannot be must not hold up thousands which can.
 */
export function traitsOf({ entitlements, contractsOf }: Grounds): (finding: Finding) => string {
  const coverage = coverageOf([...contractsOf.values()].flat())
  const zones = new Map<string, Days>()
  const daysIn = (timeZone: string): Days => {
    const days = zones.get(timeZone) ?? daysOf(timeZone)
    zones.set(timeZone, days)
    return days
  }
  return ({ disposition, event, programme }) => {
    if (!event) return ''
    const entitlement = entitlements.get(event.entitlementId)
    const traits = event.type === 'reversal' ? [', reversals'] : []
    if (entitlement && programme !== undefined && disposition !== 'no-contract') {
      const day = daysIn(entitlement.timeZone).dayOf(event.occurredAt)
      const contracts = coverage.covering(programme, entitlement.benefit, day)
      const { amount } = event
      if (contracts.length === 0) traits.push(', on days without a contract')
      else if (disposition !== 'currency-mismatch' && contracts.some(one => amount && one.currency !== amount.currency))
        traits.push(', in another currency')
    }
    return traits.join('')
  }
}
