import type { Entitlement } from '../../schemas/entitlement.ts'
import type { MemberId } from '../../schemas/ids.ts'
import type { LinkRecord } from '../../schemas/link.ts'
import type { Membership } from '../../schemas/membership.ts'
import type { Partner } from '../../schemas/partner.ts'
import type { Instant } from '../../schemas/primitives.ts'
import type { Benefit, ChoiceGroup, Plan, Programme } from '../../schemas/programme.ts'
import { groupStanding, isTerminal } from '../entitlements/derive.ts'
import { type Holding, loadHolding } from '../entitlements/holding.ts'
import { remainingOf } from '../entitlements/remaining.ts'
import type { Now } from '../kernel/clock.ts'
import type { Table } from '../kernel/table.ts'
import { linkWithQuota } from '../links/find-links.ts'
import { latestLinks } from '../links/member-links.ts'
import { findLinkRecords, linksOfMember } from '../links/records.ts'
import { findPartner, knownPartners } from '../partners/find-partner.ts'
import { findProgramme } from '../programmes/find-programme.ts'
import { allMemberships } from './find-member.ts'

export type BenefitOverview = {
  benefit: Benefit
  partner: Partner
  entitlement: Entitlement | undefined
  /** Active or broken. */
  link: LinkRecord | undefined
  /** Remaining allowance of the current quota period. */
  remaining?: number
}
/** A link that no benefit of the memberships stands on. */
export type OtherLink = { link: LinkRecord; partner: Partner; programme: Pick<Programme, 'id' | 'name' | 'timeZone'> }
export type MembershipOverview = {
  membership: Membership
  programme: Programme
  plan: Plan
  benefits: BenefitOverview[]
  openChoices: { group: ChoiceGroup; options: Benefit[]; chosen: string[] }[]
}

/** What a member has: every membership with its benefits, newest first, ended ones too. */
export async function overviewOf(
  { table, now }: { table: Table; now: Now },
  member: MemberId,
): Promise<MembershipOverview[]> {
  const memberships = await allMemberships({ table }, member)
  return Promise.all(
    memberships.map(async ({ id }) => {
      const holding = await loadHolding(table, id)
      const { membership, programme } = holding
      const plan = programme.plans.find(candidate => candidate.id === membership.plan)
      if (!plan) throw new Error(`membership ${id} names a plan that its programme version lacks`)
      const benefits = await benefitsOf(table, holding, now())
      return { membership, programme, plan, benefits, openChoices: openChoices(holding) }
    }),
  )
}

/**
 * Links of partners that are in none of the memberships shown: a renewal took up a version of the programme without
 * them. A link stays the member's to undo. Those that have ended come too, for who asks what became of one.
 */
export async function otherLinksOf(
  { table }: { table: Table },
  member: MemberId,
  shown: MembershipOverview[],
): Promise<OtherLink[]> {
  const known = new Set(
    shown.flatMap(({ programme, benefits }) =>
      benefits.filter(({ benefit }) => benefit.linkRequired).map(({ partner }) => `${programme.id}/${partner.id}`),
    ),
  )
  const others = (await latestLinks({ table }, member)).filter(
    ({ programme, partner }) => !known.has(`${programme}/${partner}`),
  )
  const links = await findLinkRecords(
    table,
    others.map(({ link }) => link),
  )
  return Promise.all(
    links.map(async link => {
      const partner = await findPartner({ table }, link.partner)
      return { link, partner, programme: await findProgramme({ table }, link.programme) }
    }),
  )
}

async function benefitsOf(
  table: Table,
  { membership, programme, entitlements }: Holding,
  now: Instant,
): Promise<BenefitOverview[]> {
  const [partners, latest] = await Promise.all([
    knownPartners(
      { table },
      programme.benefits.map(({ partner }) => partner),
    ),
    linksOfMember(table, membership.member, membership.programme),
  ])
  // A broken link stays in sight, so that the member learns what happened and can link again.
  const links = latest.filter(({ state }) => state !== 'ended')
  return Promise.all(
    programme.benefits.flatMap(benefit => {
      const partner = partners.find(({ id }) => id === benefit.partner)
      if (!partner) return []
      const own = entitlements.filter(entitlement => entitlement.benefit === benefit.id)
      const entitlement = own.find(({ state }) => !isTerminal(state)) ?? own.at(-1)
      const link = links.find(({ partner: at }) => at === benefit.partner)
      return [withRemaining(table, { benefit, partner, entitlement, link }, now)]
    }),
  )
}

async function withRemaining(table: Table, row: BenefitOverview, now: Instant): Promise<BenefitOverview> {
  if (!row.benefit.quota || row.link?.state !== 'active') return row
  const found = await linkWithQuota({ table }, row.link.partner, row.link.id)
  const linked = found?.link.entitlements.find(({ id }) => id === row.entitlement?.id)
  const remaining = linked && remainingOf(linked, found?.used ?? {}, now)
  return remaining === undefined ? row : { ...row, remaining }
}

const openChoices = ({ programme, entitlements, membership }: Holding) =>
  membership.state === 'ended'
    ? []
    : programme.choiceGroups
        .map(group => ({ group, standing: groupStanding(group, entitlements) }))
        .filter(({ standing }) => !standing.trivial)
        .map(({ group, standing }) => ({
          group,
          options: programme.benefits.filter(({ choiceGroup }) => choiceGroup === group.id),
          chosen: standing.chosen.map(({ benefit }) => benefit),
        }))
