import type { Membership, MembershipView } from '../../schemas/membership.ts'
import { loadHolding } from '../entitlements/holding.ts'
import { Refusal } from '../kernel/refusal.ts'
import type { Table } from '../kernel/table.ts'
import { linksOfMember } from '../links/records.ts'
import { findMemberRecord } from './store.ts'

type Needs = { table: Table }

/** A membership with its links and entitlements, as its seller sees it. @throws Refusal membership-not-found */
export async function viewMembership({ table }: Needs, id: string, brand: string): Promise<MembershipView> {
  const { membership, entitlements, programme } = await loadHolding(table, id)
  if (programme.brand !== brand) throw new Refusal('not-yours')
  const [member, links] = await Promise.all([
    findMemberRecord(table, membership.member),
    linksOfMember(table, membership.member, membership.programme),
  ])
  if (!member) throw new Refusal('membership-not-found')
  return {
    ...shownMembership(membership),
    member: { id: member.id, issuer: member.issuer, subject: member.subject },
    links: links.map(({ id: link, programme, partner, account, state, since }) => ({
      id: link,
      programme,
      partner,
      account,
      state,
      since,
    })),
    entitlements: entitlements
      .map(({ id: entitlement, partner, benefit, kind, state, link, subject, windows, validUntil }) => ({
        id: entitlement,
        partner,
        benefit,
        kind,
        state,
        ...(link && { link }),
        subject,
        windows,
        validUntil,
      }))
      .sort((a, b) => (a.id < b.id ? -1 : 1)),
  }
}

function shownMembership({ member: _m, nextTimerAt: _t, entitlements: _e, ...rest }: Membership) {
  return rest
}
