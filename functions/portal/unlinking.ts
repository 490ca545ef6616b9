import { Slug } from '../../schemas/primitives.ts'
import { isLive } from '../entitlements/derive.ts'
import { plusDuration } from '../kernel/calendar.ts'
import { Refusal, refusals } from '../kernel/refusal.ts'
import { liveLinks } from '../links/records.ts'
import { unlink } from '../links/unlink.ts'
import { type BenefitOverview, overviewOf } from '../memberships/overview.ts'
import { memberOf } from './member.ts'
import { consentWithdrawal } from './partner-consent.ts'
import { unlinkView } from './views/unlink.tsx'
import { type Answer, NoticeShown, type Portal, type SignedInVisit } from './visit.ts'

/** Asks before unlinking, and says what ends by it. */
export async function askUnlink(portal: Portal, visit: SignedInVisit, partner: string): Promise<Answer> {
  const member = await memberOf(portal, visit.session)
  const asked = visit.url.searchParams.get('programme')
  // Memberships that are over count too: their links stay the member's to undo.
  const memberships = member ? await overviewOf(portal, member.id) : []
  const linked = memberships
    .filter(({ programme }) => asked === null || programme.id === asked)
    .map(({ programme, benefits }) => ({ programme, held: benefits.filter(held => isLinkedAt(held, partner)) }))
    .find(({ held }) => held.length > 0)
  const [first] = linked?.held ?? []
  if (!linked || !first?.link) throw notLinked()
  const { programme, held } = linked
  const relinkFrom = plusDuration(portal.now(), first.partner.relinkCooldown, programme.timeZone)
  const benefits = held
    .filter(({ entitlement }) => entitlement && isLive(entitlement.state))
    .map(({ benefit }) => benefit)
  return { view: unlinkView(visit, { programme, partner: first.partner, link: first.link, benefits, relinkFrom }) }
}

const isLinkedAt = ({ benefit, link }: BenefitOverview, partner: string): boolean =>
  benefit.partner === partner && benefit.linkRequired && link !== undefined && link.state !== 'ended'

export async function finishUnlink(portal: Portal, visit: SignedInVisit, partner: string): Promise<Answer> {
  const member = await memberOf(portal, visit.session)
  const programme = Slug.safeParse(visit.form.get('programme'))
  if (!member || !programme.success) throw notLinked()
  const request = { member: member.id, programme: programme.data, partner, reason: 'member' as const }
  const link = (await liveLinks(portal.table, member.id, programme.data)).find(live => live.partner === partner)
  const withdraw = link && (await consentWithdrawal(portal, link))
  await unlink(portal, request).catch(nothingLinked)
  await withdraw?.()
  return { location: `/?unlinked=${encodeURIComponent(partner)}` }
}

const notLinked = (cause?: Refusal) =>
  new NoticeShown({ code: 'link-not-found', status: refusals['link-not-found'][0] }, [], cause)

function nothingLinked(error: unknown): never {
  if (error instanceof Refusal && error.code === 'link-not-found') throw notLinked(error)
  throw error
}
