import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { reconcilePeriod } from '../../functions/reconciliation/reconcile.ts'
import { computeStatements } from '../../functions/settlement/compute.ts'
import type { Contract } from '../../schemas/contract.ts'
import type { Period } from '../../schemas/primitives.ts'
import type { Statement } from '../../schemas/settlement.ts'
import { contract } from '../reconciliation/support.ts'
import { openChain } from './reconcile-files.ts'
import { writeChain } from './reconcile-world.ts'

export const partners = ['eleme', 'fliggy', 'xiami', 'youku'] as const
export const period = '2026-10' as Period
const programme = { id: '88vip', timeZone: 'Asia/Shanghai', firstPeriod: period }

/** A partner of the brand with every way of counting: uses in tiers, active and entitled members, sales, a fee, tax. */
export const termsOf = (partner: string): Contract =>
  contract({
    id: `${partner}-2026`,
    payee: partner,
    validFrom: '2026-10-01',
    taxRate: '0.06',
    lines: [
      {
        id: 'coupons',
        model: 'per-use',
        benefit: `${partner}-5off`,
        tiers: { mode: 'graduated', steps: [{ upTo: 50_000, unitPrice: '0.0525' }, { unitPrice: '0.0315' }] },
      },
      { id: 'members', model: 'per-active-member', benefit: `${partner}-vip`, unitPrice: '0.4' },
      { id: 'entitled', model: 'per-entitled-member', benefit: `${partner}-vip`, unitPrice: '0.015' },
      { id: 'sales', model: 'revenue-share', benefit: `${partner}-vip`, share: '0.08' },
      { id: 'base', model: 'flat', fee: '1000' },
    ],
  })

export type CloseSize = { events: number; entitlements: number; batchLines: number; seed: number }

export const folderOf = (folder: string, partner: string): string => join(folder, partner)

/** The month of four partners, a quarter of the events and of the entitlements each. */
export function writeMonth(folder: string, { events, entitlements, batchLines, seed }: CloseSize): void {
  for (const [index, partner] of partners.entries()) {
    mkdirSync(folderOf(folder, partner), { recursive: true })
    writeChain(folderOf(folder, partner), {
      partner,
      // The last batch comes on the 31st: every event is October's.
      days: 28,
      events: events / partners.length,
      entitlements: entitlements / partners.length,
      batchLines,
      seed: seed + index,
    })
  }
}

/** What both must agree on: amounts of the lines, subtotal, tax and total of each partner, in minor units. */
export type Amounts = Record<string, { lines: number[]; subtotal: number; tax: number; total: number }>

const amountsOf = (statements: readonly Statement[]): Amounts =>
  Object.fromEntries(
    statements.map(({ creditor, lines, subtotalMinor, taxMinor, totalMinor }) => [
      creditor,
      {
        lines: lines.map(({ amountMinor }) => amountMinor),
        subtotal: subtotalMinor,
        tax: taxMinor,
        total: totalMinor,
      },
    ]),
  )

/** What a close computes between its cutoff and its first posting, from files instead of the table. */
export async function statementsByClose(folder: string, needs: { table: never }): Promise<Amounts> {
  await using stack = new AsyncDisposableStack()
  const files = new Map<string, Awaited<ReturnType<typeof openChain>>>()
  for (const partner of partners)
    files.set(partner, stack.use(await openChain(folderOf(folder, partner), { [programme.id]: period })))
  const of = (partner: string) => {
    const chain = files.get(partner)
    if (!chain) throw new Error(`no chain of ${partner}`)
    return chain
  }
  const contracts = partners.map(termsOf)
  const { totals } = await reconcilePeriod(
    { ...needs, closedPeriods: async () => [], sourceOf: partner => of(partner).source },
    {
      programme,
      period,
      contracts,
      cuts: partners.map(partner => ({
        programme: programme.id,
        period,
        partner,
        sequence: of(partner).upTo,
        hash: '0'.repeat(64),
      })),
      history: {
        of: partner => of(partner).history,
        async *entries() {
          for (const { history, buckets } of files.values())
            for (let index = 0; index < buckets; index++) yield* (await history.bucket(index)).values()
        },
      },
    },
  )
  const past = { standings: [], billed: [], formerContracts: new Map() }
  return amountsOf(computeStatements({ programme, period, contracts, totals, accepted: [], past }))
}
