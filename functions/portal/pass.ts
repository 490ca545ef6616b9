import { isLive } from '../entitlements/derive.ts'
import { Refusal, refusals } from '../kernel/refusal.ts'
import { type BenefitOverview, type MembershipOverview, overviewOf } from '../memberships/overview.ts'
import { issuePass } from '../passes/issue-pass.ts'
import { memberOf } from './member.ts'
import { codeView, noCodeView, offersView } from './views/pass.tsx'
import { type Answer, NoticeShown, type Portal, type SignedInVisit } from './visit.ts'

/** A live link as the pass page lists it: `ready` when staff would see a benefit. */
export type PassOffer = Pick<MembershipOverview, 'programme'> & {
  partner: BenefitOverview['partner']
  account: string
  benefits: BenefitOverview[]
  state: 'ready' | 'paused' | 'idle'
}

/**
 * Without a partner the list of links, and no pass is made; with one, a fresh pass for its till. Only a pressed button
 * leads there, since browsers fetch links ahead of time.
 */
export async function showPass(portal: Portal, visit: SignedInVisit): Promise<Answer> {
  const member = await memberOf(portal, visit.session)
  const offers = member ? (await overviewOf(portal, member.id)).flatMap(offersOf) : []
  const asked = visit.url.searchParams.get('partner')
  if (!member || asked === null) return { view: offersView(visit, offers) }
  const programme = visit.url.searchParams.get('programme')
  const named = offers.filter(
    offer => offer.partner.id === asked && (programme === null || offer.programme.id === programme),
  )
  const [offer, other] = named
  if (!offer) throw new NoticeShown({ code: 'link-not-found', status: refusals['link-not-found'][0], again: '/pass' })
  if (other) return { view: offersView(visit, named) }
  if (offer.state !== 'ready') return { view: noCodeView(visit, offer, offer.state) }
  const request = { member: member.id, programme: offer.programme.id, partner: asked }
  const pass = await issuePass(portal, request).catch(nothingEntitled)
  // Ended in this very second, or by a timer that is late.
  return { view: pass ? codeView(visit, offer, pass) : noCodeView(visit, offer, 'idle') }
}

function nothingEntitled(error: unknown): undefined {
  if (error instanceof Refusal && error.code === 'nothing-entitled') return undefined
  throw error
}

/** A membership's live links, each with the benefits that its tokens may name. */
function offersOf({ membership, programme, benefits }: MembershipOverview): PassOffer[] {
  if (membership.state === 'ended') return []
  const linked = benefits.filter(({ link }) => link?.state === 'active')
  return [...Map.groupBy(linked, ({ partner }) => partner.id).values()].flatMap(held => {
    const [first] = held
    if (!first?.link) return []
    const live = held.filter(({ entitlement }) => entitlement && isLive(entitlement.state))
    const isPaused = live.length === 0 && held.some(({ entitlement }) => entitlement?.state === 'suspended')
    const state = live.length > 0 ? 'ready' : isPaused ? 'paused' : 'idle'
    return [{ programme, partner: first.partner, account: first.link.account, benefits: live, state }]
  })
}
