import { randomBytes } from 'node:crypto'
import { connect } from '../../functions/connect.ts'
import { applyContract } from '../../functions/contracts/apply-contract.ts'
import { entitlementHistory } from '../../functions/entitlements/history.ts'
import { wholeGateway } from '../../functions/gateway-whole.ts'
import { sha256 } from '../../functions/kernel/canonical.ts'
import { instantOf, testClock } from '../../functions/kernel/clock.ts'
import { silentLog } from '../../functions/kernel/log.ts'
import { completeLink } from '../../functions/links/complete-link.ts'
import { clientSecret, clients, partners, programme } from '../../functions/local/demo.ts'
import { sell } from '../../functions/memberships/sell.ts'
import { saveClient } from '../../functions/oauth/register-client.ts'
import { registerPartner } from '../../functions/partners/register-partner.ts'
import { applyProgramme } from '../../functions/programmes/apply-programme.ts'
import { developmentVault } from '../../functions/tokens/vault.ts'
import { Config } from '../../schemas/config.ts'
import { ContractDocument } from '../../schemas/contract.ts'
import type { Entitlement } from '../../schemas/entitlement.ts'
import { PartnerDocument } from '../../schemas/partner.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { freshTable } from '../support/table.ts'

/** A month of many members and partners, lived through the real verbs and routes, for checks from outside. */
export const monthStart = '2026-09-30T16:00:00Z' as Instant
export const receivedAt = '2026-10-31T17:00:00Z' as Instant
const caller = { brand: programme.brand }
const terms = { programme: programme.id, payer: 'alibaba', currency: 'CNY', validFrom: '2026-01-01' }

/** Between them: every model, both tier modes, funding, minimum, maximum and tax. */
export const contracts = [
  {
    ...terms,
    id: 'youku-2026',
    payee: 'youku',
    taxRate: '0.06',
    maximum: '900',
    lines: [
      { id: 'active', benefit: 'youku-vip', model: 'per-active-member' as const, unitPrice: '6.5' },
      {
        id: 'views',
        benefit: 'youku-vip',
        model: 'per-use' as const,
        tiers: { mode: 'graduated' as const, steps: [{ upTo: 10_000, unitPrice: '0.0125' }, { unitPrice: '0.0071' }] },
      },
    ],
  },
  {
    ...terms,
    id: 'xiami-2026',
    payee: 'xiami',
    taxRate: '0.0333',
    minimum: '250',
    lines: [
      { id: 'platform', model: 'flat' as const, fee: '99.95' },
      { id: 'plays', benefit: 'xiami-vip', model: 'per-use' as const, unitPrice: '0.0043' },
    ],
  },
  {
    ...terms,
    id: 'eleme-2026',
    payee: 'eleme',
    taxRate: '0.06',
    lines: [
      { id: 'share', benefit: 'eleme-5off', model: 'revenue-share' as const, share: '0.0825' },
      {
        id: 'coupon',
        benefit: 'eleme-5off',
        model: 'per-use' as const,
        unitPrice: '4.77',
        fundedBy: [
          { brand: 'alibaba', share: '0.333' },
          { brand: 'eleme', share: '0.4' },
          { brand: 'fliggy', share: '0.267' },
        ],
      },
    ],
  },
  {
    ...terms,
    id: 'fliggy-2026',
    payee: 'fliggy',
    taxRate: '0',
    lines: [
      {
        id: 'stays',
        benefit: 'fliggy-gold',
        model: 'per-use' as const,
        tiers: { mode: 'volume' as const, steps: [{ upTo: 500, unitPrice: '0.3' }, { unitPrice: '0.2405' }] },
      },
    ],
  },
]

export async function livedMonth(members: number, vaultKey = randomBytes(32)) {
  const { table, endpoint, tableName } = await freshTable()
  const clock = testClock(monthStart)
  const config = Config.parse({
    TABLE_NAME: tableName,
    ISSUER: 'http://localhost:8787',
    IDENTITY_ISSUER: 'http://localhost:8788',
    IDENTITY_CLIENT_ID: 'tessera',
    DYNAMODB_ENDPOINT: endpoint,
  })
  const services = connect(config, { table, vault: developmentVault(vaultKey), now: clock.now, log: silentLog })
  for (const client of clients) {
    const secretHash = sha256(clientSecret(client.id))
    await saveClient(services, { ...client, authentication: 'client_secret_basic', secretHash })
  }
  for (const { id, category, display } of partners) {
    const issuer = `https://${id}.example`
    const document = PartnerDocument.parse({ id, name: display.name, category, issuer, clientId: 'tessera' })
    await registerPartner(services, { caller, document })
  }
  await applyProgramme(services, { caller, document: programme })
  for (const contract of contracts)
    await applyContract(services, { caller, document: ContractDocument.parse(contract) })
  for (let number = 0; number < members; number++) await join(services, `member-${number}`)
  return { services, clock, app: wholeGateway(services) }
}

async function join(services: Parameters<typeof sell>[0], subject: string): Promise<void> {
  const { member } = await sell(services, caller, {
    programme: programme.id,
    plan: 'annual',
    member: { issuer: 'http://localhost:8788', subject },
    paid: { amountMinor: 88_800, currency: 'CNY' },
    externalId: subject,
  })
  for (const { id: partner } of partners)
    await completeLink(services, { member, programme: programme.id, partner, account: `${partner}-${subject}` })
}

/** Repeatable pseudo-random numbers in [0, 1) (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Lines of one partner: mostly good uses, about one in fifty wrong in some way. */
export function generatedLines(partner: string, entitlements: Entitlement[], count: number, seed: number): string[] {
  const draw = seeded(seed)
  const [from, until] = [Date.parse(monthStart), Date.parse(receivedAt)]
  const lines: string[] = []
  while (lines.length < count) {
    const entitlement = entitlements[Math.floor(draw() * entitlements.length)]
    if (!entitlement) throw new Error('no entitlements to use')
    const event = {
      id: `${partner}-${lines.length}`,
      entitlementId: entitlement.id as string,
      benefit: entitlement.benefit,
      subject: entitlement.subject as string,
      occurredAt: instantOf(Math.floor((from + 10_000 + draw() * (until - from - 10_000)) / 1000) * 1000),
      ...(draw() < 0.3 && partner !== 'eleme' && { quantity: 1 + Math.floor(draw() * 3) }),
      ...(partner === 'eleme' && { amount: { amountMinor: Math.floor(draw() * 20_000), currency: 'CNY' } }),
    }
    lines.push(spoiled(event, draw, lines))
  }
  return lines
}

function spoiled(event: { id: string; occurredAt: string }, draw: () => number, before: string[]): string {
  const fault = draw() * 400
  const text = JSON.stringify(event)
  const other = before[Math.floor(draw() * before.length)]
  if (fault >= 8) return text
  if (fault < 1) return text.slice(0, -7)
  if (fault < 2) return JSON.stringify({ ...event, quantitty: 1 })
  if (fault < 3) return JSON.stringify({ ...event, occurredAt: '2026-11-03T00:00:00Z' })
  if (fault < 4) return JSON.stringify({ ...event, occurredAt: '2026-08-01T00:00:00Z' })
  if (fault < 4.5) return other ?? text
  if (fault < 5) return other?.replace('"occurredAt"', '"tokenId":"changed","occurredAt"') ?? text
  if (fault < 6) return JSON.stringify({ ...event, entitlementId: 'ent_00000000000000000000000000' })
  if (fault < 7) return JSON.stringify({ ...event, subject: 'sub_00000000000000000000000000' })
  return draw() < 0.5
    ? JSON.stringify({ ...event, occurredAt: '2026-09-29T12:00:00Z' })
    : JSON.stringify({ ...event, amount: { amountMinor: 5, currency: 'USD' } })
}

export const entitlementsAt = async (services: Parameters<typeof entitlementHistory>[0], partner: string) =>
  [...(await entitlementHistory(services, [partner])).values()].sort((a, b) => (a.id < b.id ? -1 : 1))
