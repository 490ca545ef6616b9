import { Slug } from '../../schemas/primitives.ts'
import { choose } from '../entitlements/choose.ts'
import { Refusal, refusals } from '../kernel/refusal.ts'
import { overviewOf } from '../memberships/overview.ts'
import { memberOf } from './member.ts'
import { emptyView, overviewView } from './views/overview.tsx'
import { welcomeView } from './views/welcome.tsx'
import { type Answer, NoticeShown, type Portal, type SignedInVisit, type Visit } from './visit.ts'

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

export async function chooseBenefits(portal: Portal, visit: SignedInVisit, group: string): Promise<Answer> {
  const member = await memberOf(portal, visit.session)
  const request = { programme: visit.form.get('programme') ?? '', group, benefits: visit.form.getAll('benefit') }
  const chosen = async () => {
    const named = [request.programme, group, ...request.benefits].every(name => Slug.safeParse(name).success)
    if (!member || !named || request.benefits.length === 0) throw new Refusal('choice-not-possible')
    await choose(portal, { member: member.id, ...request })
  }
  await chosen().catch(error => {
    if (!(error instanceof Refusal) || error.code !== 'choice-not-possible') throw error
    throw new NoticeShown({ code: 'choice-not-possible', status: refusals['choice-not-possible'][0] }, [], error)
  })
  return { location: `/?chosen=${encodeURIComponent(group)}` }
}
