import { canonicalJson } from '../../functions/kernel/canonical.ts'
import { systemRandom } from '../../functions/kernel/ids.ts'
import type { Table } from '../../functions/kernel/table.ts'
import { requestClose, runClose } from '../../functions/settlement/close.ts'
import { oldestOpenPeriod } from '../../functions/settlement/closed-periods.ts'
import type { SettlementNeeds } from '../../functions/settlement/inputs.ts'
import { listStatements } from '../../functions/settlement/statements.ts'
import { keyRing } from '../../functions/tokens/keys.ts'
import { developmentVault } from '../../functions/tokens/vault.ts'
import { receiveBatch } from '../../functions/usage/receive.ts'
import { Entitlement } from '../../schemas/entitlement.ts'
import type { Instant, Period } from '../../schemas/primitives.ts'
import type { Statement } from '../../schemas/settlement.ts'
import { sourceOf } from '../support/history-source.ts'
import { freshTable } from '../support/table.ts'
import { contractOf } from './terms.ts'

export const october = '2026-10' as Period
export const november = '2026-11' as Period
export const closingOf = (period: Period) => ({ programme: '88vip', period })

const frame = { id: '88vip', brand: 'alibaba', timeZone: 'Asia/Shanghai', firstPeriod: october }
const id = (prefix: string, number: number) => `${prefix}_${String(number).padStart(26, '0')}`

const entitlementOf = (number: number, partner: string, benefit: string) =>
  Entitlement.parse({
    id: id('ent', number),
    programme: '88vip',
    partner,
    benefit,
    kind: 'access',
    membership: id('mbr', number),
    plan: 'annual',
    member: id('mem', number),
    linkRequired: true,
    link: id('lnk', number),
    subject: id('sub', number),
    state: 'active',
    windows: [{ from: '2026-09-30T16:00:00Z' }],
    validUntil: '2027-09-30T16:00:00Z',
    timeZone: 'Asia/Shanghai',
    createdAt: '2026-09-30T16:00:00Z',
    changedAt: '2026-09-30T16:00:00Z',
  })

const entitlements = [1, 2, 3]
  .map(number => entitlementOf(number, 'youku', 'youku-vip'))
  .concat([4, 5].map(number => entitlementOf(number, 'eleme', 'eleme-5off')))

export const contracts = [
  contractOf({
    taxRate: '0.06',
    paymentThreshold: '5',
    lines: [
      { id: 'active', benefit: 'youku-vip', model: 'per-active-member', unitPrice: '6.5' },
      {
        id: 'views',
        benefit: 'youku-vip',
        model: 'per-use',
        tiers: { mode: 'graduated', steps: [{ upTo: 3, unitPrice: '0.055' }, { unitPrice: '0.03' }] },
      },
      { id: 'entitled', benefit: 'youku-vip', model: 'per-entitled-member', unitPrice: '0.1' },
    ],
  }),
  contractOf({
    id: 'eleme-2026',
    payee: 'eleme',
    taxRate: '0.13',
    minimum: '1',
    lines: [
      { id: 'share', benefit: 'eleme-5off', model: 'revenue-share', share: '0.08' },
      {
        id: 'fund',
        benefit: 'eleme-5off',
        model: 'per-use',
        unitPrice: '5',
        fundedBy: [
          { brand: 'alibaba', share: '0.6' },
          { brand: 'eleme', share: '0.1' },
          { brand: 'fliggy', share: '0.3' },
        ],
      },
    ],
  }),
  contractOf({ id: 'youku-back', payer: 'youku', payee: 'alibaba', lines: [{ id: 'fee', model: 'flat', fee: '3' }] }),
]

type World = SettlementNeeds & { endpoint: string; tableName: string; moveTo(instant: string): void }

/** One programme, two partners and their contracts on a fresh table, with a clock that stands still. */
export async function newWorld(): Promise<World> {
  const { table, tableName, endpoint } = await freshTable()
  let time = '2026-10-20T00:00:00Z' as Instant
  const now = () => time
  return {
    table,
    tableName,
    endpoint,
    now,
    wallNow: now,
    keys: keyRing({ table, vault: developmentVault(), now, wallNow: now, random: systemRandom }),
    issuer: 'https://tessera.example',
    programmeOf: async () => frame,
    contractsOf: async () => contracts,
    partnersOf: async () => ['youku', 'eleme'],
    acceptedIn: async () => [],
    historySource: sourceOf(entitlements),
    moveTo: instant => {
      time = instant as Instant
    },
  }
}

export type Use = {
  id: string
  entitlement: number
  at: string
  quantity?: number
  amountMinor?: number
  reverses?: string
}

export async function report(world: World, partner: string, uses: Use[]): Promise<void> {
  const benefit = partner === 'youku' ? 'youku-vip' : 'eleme-5off'
  const events = uses.map(({ id: event, entitlement, at, quantity = 1, amountMinor, reverses }) => ({
    id: event,
    entitlementId: id('ent', entitlement),
    benefit,
    subject: id('sub', entitlement),
    occurredAt: at,
    quantity,
    ...(amountMinor !== undefined && { amount: { amountMinor, currency: 'CNY' } }),
    ...(reverses !== undefined && { type: 'reversal', reverses }),
  }))
  const { table, now, keys, issuer } = world
  const oldestOpenPeriods = async () => ({ '88vip': await oldestOpenPeriod({ table }, frame) })
  const body = Buffer.from(events.map(event => JSON.stringify(event)).join('\n'))
  const needs = { table, now, wallNow: now, random: systemRandom, keys, issuer, oldestOpenPeriods }
  await receiveBatch(needs, { partner, body, mediaType: 'application/x-ndjson' })
}

/** October: four uses by two of three members, and two orders. */
export async function reportOctober(world: World): Promise<void> {
  await report(world, 'youku', [
    { id: 'y1', entitlement: 1, at: '2026-10-03T04:00:00Z', quantity: 2 },
    { id: 'y2', entitlement: 1, at: '2026-10-04T04:00:00Z' },
    { id: 'y3', entitlement: 2, at: '2026-10-05T04:00:00Z', quantity: 2 },
    { id: 'y1', entitlement: 1, at: '2026-10-03T04:00:00Z', quantity: 2 },
  ])
  await report(world, 'eleme', [
    { id: 'e1', entitlement: 4, at: '2026-10-03T04:00:00Z', amountMinor: 4219 },
    { id: 'e2', entitlement: 5, at: '2026-10-06T04:00:00Z', amountMinor: 100 },
  ])
}

/** November: a late use of October by a third member, a reversal, and a use of its own. */
export async function reportNovember(world: World): Promise<void> {
  world.moveTo('2026-11-10T00:00:00Z')
  await report(world, 'youku', [
    { id: 'y4', entitlement: 3, at: '2026-10-30T04:00:00Z' },
    { id: 'y5', entitlement: 1, at: '2026-11-02T04:00:00Z' },
  ])
}

export async function close(world: SettlementNeeds, period: Period): Promise<void> {
  await requestClose(world, closingOf(period))
  await runClose(world, closingOf(period))
}

export async function statementsOf(table: Table, period: Period): Promise<Statement[]> {
  const found = new Map<string, Statement>()
  for (const brand of ['alibaba', 'eleme', 'fliggy', 'youku']) {
    const { items } = await listStatements({ table }, { caller: { brand }, programme: '88vip', period, limit: 100 })
    for (const statement of items) found.set(statement.id, statement)
  }
  return [...found.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
}

export const bytesOf = async (table: Table, period: Period): Promise<string> =>
  canonicalJson(await statementsOf(table, period))
