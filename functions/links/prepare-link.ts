import type { LinkRecord } from '../../schemas/link.ts'
import type { Membership } from '../../schemas/membership.ts'
import type { Partner } from '../../schemas/partner.ts'
import type { Benefit, Programme } from '../../schemas/programme.ts'
import type { Table } from '../kernel/table.ts'
import { liveMemberships } from '../memberships/find-member.ts'
import { findPartner } from '../partners/find-partner.ts'
import { findProgramme } from '../programmes/find-programme.ts'
import { liveLinks } from './records.ts'

/** What linking at a partner would give a member under one programme. */
export type LinkOffer = {
  programme: Programme
  membership: Membership
  partner: Partner
  benefits: Benefit[]
  existing?: LinkRecord
}

type Request = { member: string; partner: string; programme?: string }

/** One offer for each programme whose live membership has a benefit at the partner; none is an empty list. */
export async function offersAt({ table }: { table: Table }, request: Request): Promise<LinkOffer[]> {
  const partner = await findPartner({ table }, request.partner)
  const memberships = await liveMemberships({ table }, request.member)
  const asked = memberships.filter(({ programme }) => !request.programme || programme === request.programme)
  const offers = await Promise.all(asked.map(membership => offerOf(table, membership, partner)))
  return offers.filter(({ benefits }) => benefits.length > 0)
}

async function offerOf(table: Table, membership: Membership, partner: Partner): Promise<LinkOffer> {
  const programme = await findProgramme({ table }, membership.programme, membership.programmeVersion)
  const benefits = programme.benefits.filter(benefit => benefit.partner === partner.id && benefit.linkRequired)
  const links = await liveLinks(table, membership.member, programme.id)
  const existing = links.find(link => link.partner === partner.id)
  return { programme, membership, partner, benefits, ...(existing && { existing }) }
}
