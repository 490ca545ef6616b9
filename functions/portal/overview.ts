import { overviewOf } from '../memberships/overview.ts'
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
  return { view: overviewView(signedIn, memberships, portal.now()) }
}
