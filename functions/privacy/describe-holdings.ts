import type { LinkedAccount } from '../../schemas/link.ts'
import type { Member } from '../../schemas/membership.ts'
import type { Partner } from '../../schemas/partner.ts'
import type { Programme } from '../../schemas/programme.ts'
import type { Table } from '../kernel/table.ts'
import { activityOf } from '../links/activity.ts'
import { latestLinks } from '../links/member-links.ts'
import { allMemberships } from '../memberships/find-member.ts'
import { knownPartners } from '../partners/find-partner.ts'
import { findProgramme } from '../programmes/find-programme.ts'

/** What is held about a member, in numbers; `member` is absent for a person who never had a membership. */
export type Holdings = {
  member: Member | undefined
  memberships: number
  links: number
  /** Lines of the log, counted up to `mostCounted`. */
  activity: number
}
export const mostCounted = 100

export async function describeHoldings({ table }: { table: Table }, member: Member | undefined): Promise<Holdings> {
  if (!member) return { member, memberships: 0, links: 0, activity: 0 }
  const [memberships, links, activity] = await Promise.all([
    allMemberships({ table }, member.id),
    latestLinks({ table }, member.id),
    activityOf({ table }, member.id, { limit: mostCounted + 1 }),
  ])
  return { member, memberships: memberships.length, links: links.length, activity: activity.items.length }
}

/** What would end if the member were erased now. */
export type Ending = { programmes: Programme[]; partners: Partner[] }

export async function describeEnding({ table }: { table: Table }, member: Member | undefined): Promise<Ending> {
  if (!member) return { programmes: [], partners: [] }
  const [memberships, links] = await Promise.all([
    allMemberships({ table }, member.id),
    latestLinks({ table }, member.id),
  ])
  const live = memberships.filter(({ state }) => state !== 'ended')
  const standing = links.filter(({ state }: LinkedAccount) => state !== 'ended')
  const [programmes, partners] = await Promise.all([
    Promise.all(live.map(({ programme, programmeVersion }) => findProgramme({ table }, programme, programmeVersion))),
    knownPartners({ table }, [...new Set(standing.map(({ partner }) => partner))]),
  ])
  return { programmes, partners: partners.toSorted((a, b) => (a.id < b.id ? -1 : 1)) }
}
