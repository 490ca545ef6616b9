import { BrandDocument } from '../../schemas/brand.ts'
import { ContractDocument } from '../../schemas/contract.ts'
import { KeyPurpose } from '../../schemas/key.ts'
import { PartnerDocument } from '../../schemas/partner.ts'
import type { Instant, Period } from '../../schemas/primitives.ts'
import { registerBrand } from '../brands/register-brand.ts'
import type { Services } from '../connect.ts'
import { applyContract } from '../contracts/apply-contract.ts'
import { entitlementHistory } from '../entitlements/history.ts'
import { settlementNeeds, usageNeeds } from '../gateway-needs.ts'
import { dayOf, nextPeriod, periodBounds, periodOf } from '../kernel/calendar.ts'
import { sha256 } from '../kernel/canonical.ts'
import { isBefore, plusSeconds } from '../kernel/clock.ts'
import { completeLink } from '../links/complete-link.ts'
import { sell } from '../memberships/sell.ts'
import { saveClient } from '../oauth/register-client.ts'
import { registerPartner } from '../partners/register-partner.ts'
import { applyProgramme } from '../programmes/apply-programme.ts'
import { requestClose, runClose } from '../settlement/close.ts'
import { rotateKey } from '../tokens/key-rotation.ts'
import { receiveBatch } from '../usage/receive.ts'
import { brands, clientSecret, clients, contracts, partners, programme, relyingParty } from './demo.ts'
import { badLines, monthOfEvents } from './seed-usage.ts'

type Seeding = {
  services: Services
  clock: { moveTo(instant: Instant): boolean }
  identityIssuer: string
  partnerIssuers: Record<string, string>
  /** Real time, to which the clock returns when the past is made. */
  present: Instant
  progress?: (line: string) => void
}
const caller = { brand: programme.brand }
const { timeZone } = programme

/** The first instant of the month before the present one: where the demo's history begins. */
export const seedStart = (present: Instant): Instant => {
  const monthStart = periodBounds(periodOf(present, timeZone), timeZone).from
  return periodBounds(periodOf(plusSeconds(monthStart, -86_400), timeZone), timeZone).from
}

/**
 * Lives through the month before the present one as real partners would have: sold, linked, used, reported (with some
 * bad lines) and closed; then the present month up to now. Everything goes through the same verbs as the routes.
 */
export async function seed(seeding: Seeding): Promise<void> {
  const { services, present, progress = () => undefined } = seeding
  const moveTo = movingOn(seeding)
  progress('registering partners, programme and contracts')
  await registerParties(seeding)
  const period = periodOf(services.now(), timeZone)

  progress('selling memberships and linking accounts')
  await sellAndLink(seeding)

  progress(`reporting the usage of ${period}`)
  await moveTo(periodBounds(period, timeZone).until)
  await reportMonth(services, period, services.now())
  progress(`closing ${period}`)
  await moveTo(plusSeconds(services.now(), 3 * 3600))
  await requestClose(settlementNeeds(services), { programme: programme.id, period })
  await runClose(settlementNeeds(services), { programme: programme.id, period })

  const current = nextPeriod(period)
  progress(`reporting the usage of ${current} until now`)
  await moveTo(present)
  await reportMonth(services, current, services.now())
}

/**
 * Moves the clock on. On its way past the day before the present one, wherever in the month that lies, keys rotate: so
 * there is a key of each purpose that goes by this clock that has long been published and can take over when asked.
 */
function movingOn({ services, clock, present }: Seeding): (instant: Instant) => Promise<void> {
  const rotatesAt = plusSeconds(present, -86_400)
  let isRotated = false
  return async instant => {
    if (!isRotated && !isBefore(instant, rotatesAt)) {
      isRotated = true
      clock.moveTo(rotatesAt)
      for (const purpose of KeyPurpose.options) await rotateKey(services, { purpose, by: 'schedule' })
    }
    clock.moveTo(instant)
  }
}

async function registerParties({ services, partnerIssuers }: Seeding): Promise<void> {
  for (const { scopes, ...client } of clients)
    await saveClient(services, {
      ...client,
      scopes,
      authentication: 'client_secret_basic',
      secretHash: sha256(clientSecret(client.id)),
    })
  for (const { id, category, display, clientAuthentication } of partners) {
    const document = PartnerDocument.parse({
      id,
      name: display.name,
      category,
      issuer: partnerIssuers[id],
      clientId: relyingParty.id,
      ...(clientAuthentication ? { clientAuthentication } : { clientSecret: relyingParty.secretAt(id) }),
      redirectUris: [`${partnerIssuers[id]}/connect/callback`],
      eventsEndpoint: `${partnerIssuers[id]}/events`,
    })
    await registerPartner(services, { caller, document })
  }
  await applyProgramme(services, { caller, document: programme })
  for (const contract of contracts)
    await applyContract(services, { caller, document: ContractDocument.parse(contract) })
  const operator = { ...caller, client: caller.brand }
  for (const brand of brands) await registerBrand(services, { caller: operator, document: BrandDocument.parse(brand) })
}

/** A colon is no part of a login: nobody can sign in as these, so everybody but lin and wang holds nothing. */
const crowd = Array.from({ length: 24 }, (_, index) => `seed:${String(index + 1).padStart(4, '0')}`)

async function sellAndLink({ services, identityIssuer }: Seeding): Promise<void> {
  const [plan] = programme.plans
  if (!plan) throw new Error('the demo programme has no plan')
  for (const [index, subject] of ['lin', 'wang', ...crowd].entries()) {
    const naughty = index % 3 === 0
    const membership = await sell(services, caller, {
      programme: programme.id,
      plan: plan.id,
      member: { issuer: identityIssuer, subject, attributes: { naughtyScore: naughty ? 1200 : 600 } },
      paid: naughty ? { amountMinor: 8800, currency: 'CNY' } : plan.price,
      externalId: `seed-${index + 1}`,
    })
    // lin links nothing, so that a first visitor has something to do; wang has some links, the crowd has most.
    for (const partner of linkedPartners(subject, index))
      await completeLink(services, {
        member: membership.member,
        programme: programme.id,
        partner,
        account: subject === 'wang' ? `wang-${partner}` : `${partner}:${subject}`,
      })
  }
}

function linkedPartners(subject: string, index: number): string[] {
  if (subject === 'lin') return []
  if (subject === 'wang') return ['xiami', 'fliggy']
  return partners.map(({ id }) => id).filter((_, position) => (index + position) % 5 !== 0)
}

/** Each partner reports its days in a few batches; the first one of a month carries bad lines. */
async function reportMonth(services: Services, period: Period, until: Instant): Promise<void> {
  for (const { id } of partners) {
    const entitlements = [...(await entitlementHistory(services, [id])).values()].filter(
      ({ state }) => state === 'active',
    )
    const events = monthOfEvents(id, period, entitlements, timeZone).filter(event => isBefore(event.occurredAt, until))
    const weeks = Map.groupBy(events, event => Math.floor(Number(dayOf(event.occurredAt, timeZone).slice(8)) / 8))
    for (const [week, list] of [...weeks].sort(([a], [b]) => a - b)) {
      const lines = list.map(event => JSON.stringify(event))
      const body = [...lines, ...(week === 0 ? badLines(id, list, entitlements) : [])].join('\n')
      await report(services, id, `${body}\n`)
    }
  }
}

async function report(services: Services, partner: string, body: string): Promise<void> {
  const mediaType = 'application/x-ndjson'
  await receiveBatch(usageNeeds(services), { partner, body: Buffer.from(body), mediaType })
}
