import { connect, type Services } from '../../functions/connect.ts'
import { settleChanges } from '../../functions/consume.ts'
import { applyContract } from '../../functions/contracts/apply-contract.ts'
import { entitlementHistory } from '../../functions/entitlements/history.ts'
import { listExceptions } from '../../functions/exceptions/list-exceptions.ts'
import { resolveException } from '../../functions/exceptions/resolve.ts'
import { exceptionNeeds, settlementNeeds, usageNeeds } from '../../functions/gateway-needs.ts'
import { instantOf, testClock } from '../../functions/kernel/clock.ts'
import { silentLog } from '../../functions/kernel/log.ts'
import { Refusal } from '../../functions/kernel/refusal.ts'
import { completeLink } from '../../functions/links/complete-link.ts'
import { changeMembership } from '../../functions/memberships/change.ts'
import { sell } from '../../functions/memberships/sell.ts'
import { registerPartner } from '../../functions/partners/register-partner.ts'
import { applyProgramme } from '../../functions/programmes/apply-programme.ts'
import { requestRun } from '../../functions/reconciliation/request-run.ts'
import { requestClose, runClose } from '../../functions/settlement/close.ts'
import { developmentVault } from '../../functions/tokens/vault.ts'
import { receiveBatch } from '../../functions/usage/receive.ts'
import type { Caller } from '../../schemas/client.ts'
import { Config } from '../../schemas/config.ts'
import type { Entitlement } from '../../schemas/entitlement.ts'
import type { ResolveRequest, UsageException } from '../../schemas/exception.ts'
import { PartnerDocument } from '../../schemas/partner.ts'
import type { Instant, Period } from '../../schemas/primitives.ts'
import { type Draw, drawFrom } from '../simulation/draw.ts'
import { freshTable } from '../support/table.ts'
import { PartnerEvents } from './year-events.ts'
import { contracts, type Partner, type ProgrammeName, partners, programmeNames, programmes } from './year-terms.ts'

export const months = Array.from({ length: 12 }, (_, index) => `2026-${String(index + 1).padStart(2, '0')}` as Period)

/** What the world outside knows of the year, from which everything is computed once more. */
export type Told = {
  lines: { partner: Partner; sequence: number; line: number; text: string; received: Instant }[]
  /** From which month on each programme was open when a batch came. */
  receipts: { partner: Partner; sequence: number; programme: ProgrammeName; openFrom: Period }[]
  decisions: {
    partner: string
    sequence: number
    line: number
    outcome: 'accepted' | 'adjusted'
    at: Instant
    amountMinor?: number
  }[]
}
export type YearWorld = Awaited<ReturnType<typeof newYear>>

async function newYear(seed: number) {
  const { table, endpoint, tableName } = await freshTable()
  const clock = testClock('2026-01-01T06:00:00Z' as Instant)
  const config = Config.parse({
    TABLE_NAME: tableName,
    ISSUER: 'http://localhost:8787',
    IDENTITY_ISSUER: 'http://localhost:8788',
    IDENTITY_CLIENT_ID: 'tessera',
    DYNAMODB_ENDPOINT: endpoint,
  })
  const needs = { table, vault: developmentVault(), now: clock.now, wallNow: clock.now, log: silentLog }
  const services = connect(config, needs)
  for (const id of partners) {
    const issuer = `https://${id}.example`
    const document = PartnerDocument.parse({ id, name: id, category: 'general', issuer, clientId: 'tessera' })
    await registerPartner(services, { caller: { brand: 'alibaba' }, document })
  }
  for (const document of Object.values(programmes))
    await applyProgramme(services, { caller: { brand: document.brand }, document })
  const draw = drawFrom(seed)
  const told: Told = { lines: [], receipts: [], decisions: [] }
  const senders = new Map(partners.map(partner => [partner, new PartnerEvents(partner, draw)]))
  const openFrom: Record<ProgrammeName, Period> = { plus: '2026-01' as Period, nord: '2026-01' as Period }
  const memberships: Record<ProgrammeName, string[]> = { plus: [], nord: [] }
  return { services, clock, draw, told, senders, openFrom, memberships }
}

/** A whole year of both programmes by the real verbs: January's first day to the closes of December. */
export async function livedYear(seed: number): Promise<YearWorld> {
  const world = await newYear(seed)
  for (let month = 0; month <= months.length; month++) {
    if (month < months.length) {
      if (month > 0) moveTo(world, month, 1, 7)
      for (const { document } of contracts.filter(({ from }) => from === month))
        await applyContract(world.services, { caller: brandOf(document.programme as ProgrammeName), document })
      for (const name of programmeNames)
        for (let number = 0; number < (month === 0 ? 6 : month % 3 === 1 ? 1 : 0); number++) await join(world, name)
    }
    if (month > 0) {
      await wave(world, { month: month - 1, day: 16 }, moveTo(world, month, 3, 9))
      // Rarely, since each look at all chains takes its time.
      if (month % 3 === 0) await decide(world, moveTo(world, month, 4, 3))
      await close(world, 'plus', month, 5)
      await close(world, 'nord', month, 6)
    }
    if (month === months.length) break
    moveTo(world, month, 14, 13)
    await changes(world, month)
    await wave(world, { month, day: month === 0 ? 1 : 3 }, moveTo(world, month, 16, 9))
  }
  return world
}

const brandOf = (name: ProgrammeName) => ({ brand: programmes[name].brand })

function moveTo({ clock }: Pick<YearWorld, 'clock'>, month: number, day: number, hour: number): Instant {
  const instant = instantOf(Date.UTC(2026, month, day, hour))
  clock.moveTo(instant)
  return instant
}

async function join({ services, memberships }: YearWorld, name: ProgrammeName): Promise<void> {
  const { id: programme, plans } = programmes[name]
  const subject = `${name}-${memberships[name].length}`
  const { id, member } = await sell(services, brandOf(name), {
    programme,
    plan: 'annual',
    member: { issuer: 'http://localhost:8788', subject },
    paid: plans[0]?.price ?? { amountMinor: 0, currency: 'CNY' },
    externalId: subject,
  })
  for (const partner of partners)
    await completeLink(services, { member, programme, partner, account: `${partner}-${subject}` })
  memberships[name].push(id)
}

/** Some memberships pause, some end: their entitlements have windows within months. */
async function changes({ services, memberships }: YearWorld, month: number): Promise<void> {
  const act = (name: ProgrammeName, index: number, verb: 'suspend' | 'resume' | 'refund') =>
    changeMembership(services, brandOf(name), { id: memberships[name][index] ?? '', verb, action: {} })
  for (const name of programmeNames) {
    if (month === 2 || month === 6) await act(name, 1, 'suspend')
    if (month === 4 || month === 7) await act(name, 1, 'resume')
    if (month === 5) await act(name, 2, 'refund')
    if (month === 9) await act(name, 3, 'refund')
  }
}

/** In an order that a seed repeats, which their ids are not. */
export async function entitlementsOf({ services, memberships }: YearWorld, partner: Partner): Promise<Entitlement[]> {
  const sold = programmeNames.flatMap(name => memberships[name])
  const place = ({ membership }: Entitlement) => sold.indexOf(membership)
  const all = [...(await entitlementHistory(services, [partner])).values()]
  return all.sort((a, b) => place(a) - place(b) || (a.createdAt < b.createdAt ? -1 : 1))
}

async function wave(world: YearWorld, since: { month: number; day: number }, received: Instant): Promise<void> {
  const from = Date.UTC(2026, since.month, since.day, 9)
  for (const partner of partners) {
    const entitlements = await entitlementsOf(world, partner)
    const size = 34 + world.draw.below(14)
    const texts = world.senders.get(partner)?.batch(entitlements, from, Date.parse(received), size) ?? []
    // Two batches, so that a quantity or an id may meet across them.
    for (const part of [texts.slice(0, 20), texts.slice(20)]) {
      const body = Buffer.from(part.join('\n'))
      const request = { partner, body, mediaType: 'application/x-ndjson' } as const
      const { sequence } = await receiveBatch(usageNeeds(world.services), request)
      for (const programme of programmeNames)
        world.told.receipts.push({ partner, sequence, programme, openFrom: world.openFrom[programme] })
      for (const [index, text] of part.entries())
        world.told.lines.push({ partner, sequence, line: index + 1, text, received })
    }
  }
}

const decidable = new Set(['outside-entitlement', 'over-quota', 'wrong-subject', 'too-late', 'currency-mismatch'])

/** The brands decide some of what has not matched so far. */
async function decide({ services, draw, told }: YearWorld, at: Instant): Promise<void> {
  for (const partner of partners) {
    await requestRun(usageNeeds(services), partner)
    const image = { itemKind: { S: 'provisional-request' }, partner: { S: partner } }
    await settleChanges(services, { Records: [{ eventName: 'INSERT', dynamodb: { NewImage: image } }] })
  }
  for (const name of programmeNames) {
    const { brand } = programmes[name]
    const caller: Caller = { client: brand, brand, scopes: ['finance:read', 'finance:write'] }
    for (const exception of await openExceptions(services, caller, name)) {
      if (!decidable.has(exception.reason) || !draw.chance(0.35)) continue
      const resolution = resolutionOf(draw, exception)
      const isBilled = await resolved(services, caller, exception, resolution)
      const { outcome, amountMinor } = resolution
      const [line] = exception.lines
      if (!line || exception.count > 1) throw new Error('an exception of several lines')
      if (isBilled && outcome !== 'rejected')
        told.decisions.push({
          ...{ partner: exception.partner, sequence: exception.sequence, line: line.line, outcome, at },
          ...(amountMinor !== undefined && { amountMinor }),
        })
    }
  }
}

async function openExceptions(services: Services, caller: Caller, programme: string): Promise<UsageException[]> {
  const found: UsageException[] = []
  let cursor: string | undefined
  do {
    const page = await listExceptions(exceptionNeeds(services), {
      caller,
      programme,
      state: 'open',
      limit: 100,
      cursor,
    })
    found.push(...page.items)
    cursor = page.next
  } while (cursor !== undefined)
  const place = ({ partner, sequence, lines }: UsageException) =>
    `${partner} ${String(sequence).padStart(6, '0')} ${String(lines[0]?.line).padStart(6, '0')}`
  return found.sort((a, b) => (place(a) < place(b) ? -1 : 1))
}

function resolutionOf(draw: Draw, { reason }: UsageException): ResolveRequest {
  if (draw.chance(0.15)) return { outcome: 'rejected', reason: 'not agreed' }
  if (reason === 'currency-mismatch' || draw.chance(0.25))
    return { outcome: 'adjusted', reason: 'as agreed', amountMinor: 1 + draw.below(2_500) }
  return { outcome: 'accepted', reason: 'as agreed' }
}

/** @returns false where no contract covers it: there is nothing to bill it by */
async function resolved(services: Services, caller: Caller, { id }: UsageException, resolution: ResolveRequest) {
  try {
    await resolveException(exceptionNeeds(services), { caller, id, resolution })
    return true
  } catch (error) {
    if (error instanceof Refusal && error.code === 'not-billable') return false
    throw error
  }
}

async function close(world: YearWorld, name: ProgrammeName, month: number, day: number): Promise<void> {
  const period = months[month - 1]
  if (!period) throw new Error(`no month ${month}`)
  moveTo(world, month, day, 10)
  const closing = { programme: programmes[name].id, period }
  await requestClose(settlementNeeds(world.services), closing)
  await runClose(settlementNeeds(world.services), closing)
  world.openFrom[name] = months[month] ?? ('2027-01' as Period)
}
