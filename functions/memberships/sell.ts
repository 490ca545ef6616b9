import type { Caller } from '../../schemas/client.ts'
import type { MemberId, MembershipId } from '../../schemas/ids.ts'
import type { Member, Membership, MembershipRequest } from '../../schemas/membership.ts'
import type { Instant } from '../../schemas/primitives.ts'
import type { Plan, Programme } from '../../schemas/programme.ts'
import { attachLinks } from '../entitlements/attach.ts'
import { type Holding, holdingWrites, settle } from '../entitlements/holding.ts'
import { plusDuration } from '../kernel/calendar.ts'
import { hashOf } from '../kernel/canonical.ts'
import { earlier, isBefore, type Now } from '../kernel/clock.ts'
import type { NewId, Random } from '../kernel/ids.ts'
import { Refusal } from '../kernel/refusal.ts'
import { againOnConflict, type Table } from '../kernel/table.ts'
import { liveLinks } from '../links/records.ts'
import { findProgramme } from '../programmes/find-programme.ts'
import { advanceMembership } from './change.ts'
import { termFrom } from './lifecycle.ts'
import { subjectsFor } from './pairwise.ts'
import { priceOf } from './price.ts'
import { findByIdentity, findLive, findMembershipRecord, findSale, memberWrites, saleWrites } from './store.ts'

type Needs = { table: Table; now: Now; newId: NewId; random: Random }

/**
 * Sells a membership. The seller's `externalId` is the idempotency key: the same sale again gives the first answer.
 * @throws Refusal price-mismatch, plan-not-found, membership-exists, external-id-reused, not-yours, at-out-of-range, and
 *   already-entitled when an account that is still linked has one of the benefits from elsewhere
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
    const earlierSale = async () => {
      const sold = await findSale(table, request.programme, request.externalId)
      return sold && sameSale(table, sold, fingerprint)
    }
    const sold = await earlierSale()
    if (sold) return sold
    const plan = payablePlan(programme, request)
    const known = await findByIdentity(table, request.member.issuer, request.member.subject)
    if (known && (await holdsOne(needs, known.id, programme.id))) {
      // A rival of this very sale may have committed between the two reads.
      const rival = await earlierSale()
      if (rival) return rival
      throw new Refusal('membership-exists')
    }

    const member = buyer(needs, { known, request, programme })
    const at = now()
    const membership = soldMembership(needs, { member, plan, programme, request, at })
    const links = known ? await liveLinks(table, member.id, programme.id) : []
    const bare: Holding = { programme, membership, entitlements: [], links }
    // A term that began earlier gives the benefits that need no link from its beginning, not from this moment.
    const began = earlier(membership.startsAt, at)
    const offered = settle({ ...bare, links: [] }, { at: began, newId: needs.newId, subjects: member.subjects })
    const holding = settle({ ...offered, links }, { at, newId: needs.newId, subjects: member.subjects })
    const grants = await attachLinks(table, links, holding.entitlements)
    await table.commit([
      ...memberWrites(member, known),
      ...saleWrites(membership, fingerprint),
      ...(await holdingWrites(needs, holding, { entitlements: [], links }, at)),
      ...grants,
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

/** A term that is over without its timer having fired yet does not stand in the way of the next sale. */
async function holdsOne(needs: Needs, member: MemberId, programme: string): Promise<boolean> {
  const live = await findLive(needs.table, member, programme)
  if (!live) return false
  await advanceMembership(needs, live.id)
  return (await findLive(needs.table, member, programme)) !== undefined
}

type Purchase = { known: Member | undefined; request: MembershipRequest; programme: Programme }

function buyer(needs: Needs, { known, request, programme }: Purchase): Member {
  const member = known ?? newMember(needs, request)
  const { attributes } = request.member
  return {
    ...member,
    ...(attributes && { attributes }),
    version: member.version + 1,
    subjects: subjectsFor(member, programme, needs.random),
  }
}

const newMember = ({ now, newId }: Needs, { member }: MembershipRequest): Member => ({
  id: newId<MemberId>('mem'),
  issuer: member.issuer,
  subject: member.subject,
  createdAt: now(),
  version: 0,
  subjects: {},
})

/** How far ahead a term may be sold; keeps every instant that follows within four-digit years. */
const furthestStart = 'P10Y'

type Sale = { member: Member; plan: Plan; programme: Programme; request: MembershipRequest; at: Instant }

function soldMembership({ newId }: Pick<Needs, 'newId'>, { member, plan, programme, request, at }: Sale): Membership {
  const startsAt = request.startsAt ?? at
  if (isBefore(plusDuration(at, furthestStart, programme.timeZone), startsAt))
    throw new Refusal('at-out-of-range', `a term may begin within ${furthestStart}`)
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
