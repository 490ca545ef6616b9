import type { LinkRecord } from '../../schemas/link.ts'
import { type Instant, Slug } from '../../schemas/primitives.ts'
import { isLive } from '../entitlements/derive.ts'
import { compareInstants, isBefore } from '../kernel/clock.ts'
import { Refusal, refusals } from '../kernel/refusal.ts'
import { type CooldownTerms, cooldownEnd } from '../links/decide-link.ts'
import { latestLinks } from '../links/member-links.ts'
import { findLinkRecords, liveLinks } from '../links/records.ts'
import { unlink } from '../links/unlink.ts'
import { consentWithdrawal } from '../links/withdraw-consent.ts'
import { type BenefitOverview, overviewOf } from '../memberships/overview.ts'
import { findPartner } from '../partners/find-partner.ts'
import { programmeFrame } from '../programmes/find-programme.ts'
import { memberOf } from './member.ts'
import { unlinkView } from './views/unlink.tsx'
import { type Answer, NoticeShown, type Portal, type SignedInVisit } from './visit.ts'

/** Asks before unlinking, and says what ends by it. */
export async function askUnlink(portal: Portal, visit: SignedInVisit, partnerId: string): Promise<Answer> {
  const member = await memberOf(portal, visit.session)
  const asked = visit.url.searchParams.get('programme') ?? undefined
  const link = member && (await standingLink(portal, member.id, { partner: partnerId, programme: asked }))
  if (!link) throw notLinked()
  const [partner, programme, memberships] = await Promise.all([
    findPartner(portal, link.partner),
    programmeFrame(portal, link.programme),
    overviewOf(portal, member.id),
  ])
  const benefits = memberships
    .filter(overview => overview.programme.id === link.programme)
    .flatMap(overview => overview.benefits.filter(held => endsWith(held, link)))
    .map(({ benefit }) => benefit)
  const relinkFrom = relinkFromOf({ partner, programme }, link, portal.now())
  return { view: unlinkView(visit, { programme, partner, link, benefits, relinkFrom }) }
}

/**
 * What the member may undo at a partner, in the programme asked for or in any: that a membership is over, or that its
 * programme has no benefit there any more, takes no consent back. One that works comes before one that is broken.
 */
async function standingLink(
  { table }: Portal,
  member: string,
  asked: { partner: string; programme: string | undefined },
): Promise<LinkRecord | undefined> {
  const standing = (await latestLinks({ table }, member)).filter(
    ({ partner, programme, state }) =>
      partner === asked.partner && state !== 'ended' && (asked.programme ?? programme) === programme,
  )
  const links = await findLinkRecords(
    table,
    standing.map(({ link }) => link),
  )
  const newest = links.toSorted((a, b) => compareInstants(b.since, a.since))
  return newest.find(({ state }) => state === 'active') ?? newest.find(({ state }) => state === 'broken')
}

const endsWith = ({ benefit, entitlement }: BenefitOverview, link: LinkRecord): boolean =>
  benefit.partner === link.partner && benefit.linkRequired && entitlement?.link === link.id && isLive(entitlement.state)

/** Of a broken link the wait began when it broke; undefined where there is none, or none any more. */
function relinkFromOf(terms: CooldownTerms, link: LinkRecord, now: Instant): Instant | undefined {
  const from = cooldownEnd(terms, link.state === 'broken' ? link : { endedAt: now, reason: 'member' })
  return from && isBefore(now, from) ? from : undefined
}

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
