import { type MembershipOverview, otherLinksOf, overviewOf } from '../memberships/overview.ts'
import { memberOf } from './member.ts'
import { emptyView, overviewView } from './views/overview.tsx'
import { welcomeView } from './views/welcome.tsx'
import type { Answer, Portal, Visit } from './visit.ts'

/** What the member has: every membership, newest first, with each benefit and what can be done about it now. */
export async function showOverview(portal: Portal, visit: Visit): Promise<Answer> {
  const { session } = visit
  if (!session) return { view: welcomeView(visit) }
  const member = await memberOf(portal, session)
  const memberships = member ? await overviewOf(portal, member.id) : []
  const signedIn = { ...visit, session }
  if (memberships.length === 0) return { view: emptyView(signedIn) }
  const owning = memberships.filter(overview => ownsLinks(overview, memberships))
  const others = member ? await otherLinksOf(portal, member.id, owning) : []
  const shown = memberships.map(overview => (owning.includes(overview) ? overview : withoutLinks(overview)))
  return { view: overviewView(signedIn, { memberships: shown, others, now: portal.now() }) }
}

/** A link stands with the programme's live membership, if there is one, and not with those that are over. */
const ownsLinks = ({ membership, programme }: MembershipOverview, all: MembershipOverview[]): boolean =>
  membership.state !== 'ended' ||
  !all.some(other => other.programme.id === programme.id && other.membership.state !== 'ended')

const withoutLinks = (overview: MembershipOverview): MembershipOverview => ({
  ...overview,
  benefits: overview.benefits.map(held => ({ ...held, link: undefined })),
})
