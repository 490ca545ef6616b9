import type { Caller } from '../../schemas/client.ts'
import type { MemberId, MembershipId, PairwiseSubject } from '../../schemas/ids.ts'
import type { Member, Membership, MembershipRequest } from '../../schemas/membership.ts'
import type { Plan, Programme } from '../../schemas/programme.ts'
import { attachLinks } from '../entitlements/attach.ts'
import { type Holding, holdingWrites, settle } from '../entitlements/holding.ts'
import { plusDuration } from '../kernel/calendar.ts'
import { hashOf } from '../kernel/canonical.ts'
import { earlier, isBefore, type Now } from '../kernel/clock.ts'
import { type NewId, type Random, randomId } from '../kernel/ids.ts'
import { Refusal } from '../kernel/refusal.ts'
import { againOnConflict, type Table } from '../kernel/table.ts'
import { liveLinks } from '../links/records.ts'
import { findProgramme } from '../programmes/find-programme.ts'
import { termFrom } from './lifecycle.ts'
import { priceOf } from './price.ts'
import { findByIdentity, findLive, findMembershipRecord, findSale, memberWrites, saleWrites } from './store.ts'

type Needs = { table: Table; now: Now; newId: NewId; random: Random }

/**
 * Sells a membership. The seller's `externalId` is the idempotency key: the same sale again gives the first answer.
 * @throws Refusal price-mismatch, plan-not-found, membership-exists, external-id-reused, not-yours
 */
export async function sell(
  needs: Needs,
  caller: Pick<Caller, 'brand'>,
  request: MembershipRequest,
): Promise<Membership> {
  const { table, now } = needs
  const fingerprint = hashOf(request)
  return againOnConflict(async () => {
    const programme = await findProgramme({ table }, request.programme)
    if (programme.brand !== caller.brand) throw new Refusal('not-yours')
    const sold = await findSale(table, request.programme, request.externalId)
    if (sold) return sameSale(table, sold, fingerprint)
    const plan = payablePlan(programme, request)
    const known = await findByIdentity(table, request.member.issuer, request.member.subject)
    if (known && (await findLive(table, known.id, programme.id))) throw new Refusal('membership-exists')

    const member = withSubjects(known ?? newMember(needs, request), request, programme, needs.random)
    const at = now()
    const membership = soldMembership(needs, { member, plan, programme, request })
    const links = known ? await liveLinks(table, member.id, programme.id) : []
    const bare: Holding = { programme, membership, entitlements: [], links }
    // A term that began earlier gives the benefits that need no link from its beginning, not from this moment.
    const began = earlier(membership.startsAt, at)
    const offered = settle({ ...bare, links: [] }, { at: began, newId: needs.newId, subjects: member.subjects })
    const holding = settle({ ...offered, links }, { at, newId: needs.newId, subjects: member.subjects })
    await table.commit([
      ...memberWrites(member, known),
      ...saleWrites(membership, fingerprint),
      ...holdingWrites(holding, undefined, at),
      ...(await attachLinks(table, links, holding.entitlements)),
    ])
    return holding.membership
  })
}

async function sameSale(table: Table, sold: { membership: MembershipId; fingerprint: string }, fingerprint: string) {
  if (sold.fingerprint !== fingerprint) throw new Refusal('external-id-reused')
  const membership = await findMembershipRecord(table, sold.membership)
  if (!membership) throw new Refusal('membership-not-found')
  return membership
}

function payablePlan(programme: Programme, { plan: wanted, paid, member }: MembershipRequest): Plan {
  const plan = programme.plans.find(({ id }) => id === wanted)
  if (!plan) throw new Refusal('plan-not-found', `programme ${programme.id} has no plan ${wanted}`)
  const price = priceOf(plan, member.attributes)
  if (price.amountMinor !== paid.amountMinor || price.currency !== paid.currency)
    throw new Refusal('price-mismatch', `the price is ${price.amountMinor} ${price.currency} in minor units`)
  return plan
}

const newMember = ({ now, newId }: Needs, { member }: MembershipRequest): Member => ({
  id: newId<MemberId>('mem'),
  issuer: member.issuer,
  subject: member.subject,
  createdAt: now(),
  version: 0,
  subjects: {},
})

/** The member with a pairwise subject for each partner of the programme: drawn once, kept for ever. */
function withSubjects(
  member: Member,
  { member: asked }: MembershipRequest,
  programme: Programme,
  random: Random,
): Member {
  const partners = [...new Set(programme.benefits.map(benefit => benefit.partner))]
  const drawn = partners
    .filter(partner => !member.subjects[partner])
    .map(partner => [partner, randomId<PairwiseSubject>('sub', random)] as const)
  return {
    ...member,
    ...(asked.attributes && { attributes: asked.attributes }),
    version: member.version + 1,
    subjects: { ...member.subjects, ...Object.fromEntries(drawn) },
  }
}

type Sale = { member: Member; plan: Plan; programme: Programme; request: MembershipRequest }

function soldMembership({ now, newId }: Needs, { member, plan, programme, request }: Sale): Membership {
  const at = now()
  const startsAt = request.startsAt ?? at
  const term = termFrom(startsAt, plan, programme.timeZone)
  if (!isBefore(at, term.endsAt)) throw new Refusal('at-out-of-range', `a term from ${startsAt} is over already`)
  const trialEndsAt = plan.trial ? plusDuration(startsAt, plan.trial, programme.timeZone) : undefined
  const trialing = trialEndsAt !== undefined && isBefore(at, trialEndsAt)
  return {
    id: newId<MembershipId>('mbr'),
    programme: programme.id,
    programmeVersion: programme.version,
    plan: plan.id,
    member: member.id,
    state: trialing ? 'trialing' : 'active',
    cancelAtEnd: false,
    startsAt,
    ...term,
    ...(trialEndsAt && { trialEndsAt }),
    changedAt: at,
    paid: request.paid,
    externalId: request.externalId,
    createdAt: at,
    version: 1,
    entitlements: [],
  }
}
