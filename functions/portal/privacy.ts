import { withdrawBy } from '../links/withdraw-consent.ts'
import { signOutEverywhere } from '../memberships/sign-out-everywhere.ts'
import { describeEnding, describeHoldings } from '../privacy/describe-holdings.ts'
import { eraseMember } from '../privacy/erase-member.ts'
import { exportMember } from '../privacy/export-member.ts'
import { memberOf } from './member.ts'
import { signOut } from './sign-in.ts'
import { eraseView, goneView, isGone, privacyView } from './views/privacy.tsx'
import { type Answer, type Portal, type SignedInVisit, signInPath, type Visit } from './visit.ts'

/** What is held about the member; for who has just signed out everywhere or is erased, what has come of it. */
export async function showPrivacy(portal: Portal, visit: Visit): Promise<Answer> {
  const { session, url } = visit
  const done = url.searchParams.get('done')
  if (!session) return isGone(done) ? { view: goneView(visit, done) } : { location: signInPath(url.pathname) }
  const holdings = await describeHoldings(portal, await memberOf(portal, session))
  return { view: privacyView({ ...visit, session }, holdings) }
}

/** All that is held about the member, as one file. */
export async function downloadExport(portal: Portal, { session }: SignedInVisit): Promise<Answer> {
  const document = await exportMember(portal, session)
  const name = `tessera-${document.exportedAt.slice(0, 10)}.json`
  return { download: { name, type: 'application/json', body: `${JSON.stringify(document, null, 2)}\n` } }
}

/** In this browser, or with `everywhere=yes` in all. */
export async function signOutHereOrEverywhere(portal: Portal, visit: SignedInVisit): Promise<Answer> {
  const here = await signOut(portal, visit)
  if (visit.form.get('everywhere') !== 'yes') return here
  await signOutEverywhere(portal, visit.session)
  return { ...here, location: '/privacy?done=signed-out' }
}

/** Says what ends and what stays, before the member confirms it. */
export async function askErasure(portal: Portal, visit: SignedInVisit): Promise<Answer> {
  const ending = await describeEnding(portal, await memberOf(portal, visit.session))
  return { view: eraseView(visit, ending) }
}

/**
 * Erases the member who ticked the box. The session ends with it, so what came of it is shown to whoever has none; an
 * erasure that is not finished here goes on by itself.
 */
export async function confirmErasure(portal: Portal, visit: SignedInVisit): Promise<Answer> {
  const member = await memberOf(portal, visit.session)
  if (visit.form.get('understood') !== 'yes')
    return { view: eraseView(visit, await describeEnding(portal, member), { isUnticked: true }) }
  if (!member) await signOutEverywhere(portal, visit.session)
  const { isDone } = member
    ? await eraseMember({ ...portal, withdraw: withdrawBy(portal) }, member.id)
    : { isDone: true }
  const here = await signOut(portal, visit)
  return { ...here, location: `/privacy?done=${isDone ? 'erased' : 'erasing'}` }
}
