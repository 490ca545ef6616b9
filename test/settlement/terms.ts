import type { UsageTotal } from '../../functions/reconciliation/reconcile.ts'
import { Contract, type ContractLine } from '../../schemas/contract.ts'
import type { Period } from '../../schemas/primitives.ts'

type Terms = Omit<Partial<Contract>, 'lines'> & { lines: Record<string, unknown>[] }

/** A contract between alibaba and youku, valid through 2026 unless said otherwise. */
export const contractOf = (terms: Terms): Contract =>
  Contract.parse({
    id: 'youku-2026',
    programme: '88vip',
    payer: 'alibaba',
    payee: 'youku',
    currency: 'CNY',
    validFrom: '2026-01-01',
    validTo: '2026-12-31',
    taxRate: '0',
    lateDays: 60,
    netting: 'bilateral',
    version: 1,
    appliedAt: '2026-01-01T00:00:00Z',
    ...terms,
  })

export const totalOf = (
  total: Partial<Omit<UsageTotal, 'originPeriod'>> & { originPeriod?: string } = {},
): UsageTotal => ({
  contract: 'youku-2026',
  benefit: 'youku-vip',
  quantity: 0,
  amountMinor: 0,
  activeMembers: 0,
  entitledMembers: 0,
  sales: 0,
  ...total,
  originPeriod: (total.originPeriod ?? '2026-10') as Period,
})

export const october = '2026-10' as Period
export type Line = ContractLine
