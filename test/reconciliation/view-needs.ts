import type { Table } from '../../functions/kernel/table.ts'
import type { PeriodViewNeeds } from '../../functions/reconciliation/period-view.ts'
import type { BatchFindings, ProvisionalNeeds } from '../../functions/reconciliation/provisional.ts'
import type { Programme } from '../../functions/reconciliation/reconcile-lines.ts'
import type { Contract } from '../../schemas/contract.ts'
import type { CapturedRedemption } from '../../schemas/disposition.ts'
import type { Entitlement } from '../../schemas/entitlement.ts'
import type { Instant, Period } from '../../schemas/primitives.ts'
import { sourceOf } from '../support/history-source.ts'
import { programme } from './support.ts'

type Terms = {
  table: Table
  entitlements: Iterable<Entitlement & { captured?: CapturedRedemption[] }>
  contracts?: Contract[]
  programmes?: Programme[]
  /** Closed periods, by programme. */
  closed?: Record<string, { period: Period; identity: string }[]>
  now?: string
  wallNow?: () => Instant
}

/** What the views and the provisional run read of other domains, from lists; `noted` is what exceptions were told. */
export function viewNeeds({
  table,
  entitlements,
  contracts = [],
  programmes = [programme],
  closed = {},
  now = '2026-11-20T00:00:00Z',
  wallNow = () => now as Instant,
}: Terms) {
  const all = [...entitlements]
  const noted: BatchFindings[] = []
  const needs: PeriodViewNeeds & ProvisionalNeeds = {
    table,
    now: () => now as Instant,
    wallNow,
    programmes: async () => programmes,
    contractsOf: async id => contracts.filter(contract => contract.programme === id),
    closedPeriods: async id => closed[id] ?? [],
    closesOf: async id => (closed[id] ?? []).map(({ period }) => ({ period, state: 'published' as const })),
    historySource: sourceOf(all),
    entitlementsById: async (partner, ids) => {
      const wanted = new Set(ids)
      const found = all.filter(one => one.partner === partner && wanted.has(one.id))
      return new Map(found.map(({ captured: _captured, ...one }) => [one.id, one]))
    },
    capturedByIds: async (partner, ids) => {
      const wanted = new Set(ids)
      const own = all.filter(one => one.partner === partner)
      return own.flatMap(({ id, captured = [] }) =>
        captured.filter(one => wanted.has(one.id)).map(one => ({ ...one, entitlement: id })),
      )
    },
    noteExceptions: async batch => void noted.push(batch),
  }
  return { needs, noted }
}

/** Of needs that take every chain for a long one. */
export const asLong = <Needs extends object>(needs: Needs) => ({ ...needs, shortChain: { lines: 0, batches: 0 } })
