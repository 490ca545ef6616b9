import { refusals } from '../kernel/refusal.ts'
import { type Answer, NoticeShown, type Portal, type SignedInVisit } from '../portal/visit.ts'
import type { LinkAsk, LinkFlows } from './flows.ts'
import { noteCancelled, noteRefusal, weighAsk } from './interaction-offer.ts'
import { grantView } from './views/grant.tsx'

type Flows = Pick<LinkFlows, 'asked' | 'agree' | 'decline'>

/** The pages of a flow in which a partner sent the member here in a browser: consent, and its answer. */
export const interactionPages = (flows: Flows) => ({
  async show(portal: Portal, visit: SignedInVisit, uid: string): Promise<Answer> {
    const ask = await asked(flows, visit)
    return weighed(portal, visit, { ask, uid, programme: visit.url.searchParams.get('programme') })
  },

  async answer(portal: Portal, visit: SignedInVisit, uid: string): Promise<Answer> {
    const { form, request, session } = visit
    const ask = await asked(flows, visit)
    const decision = form.get('decision')
    if (decision === 'cancel') await noteCancelled(portal, session, ask, 'partner')
    if (decision === 'cancel' || decision === 'back') return { response: await flows.decline(request) }
    const programme = form.get('programme')
    const standing = await weighAsk(portal, { session, ask, programme })
    // What stood when the page was shown may stand no longer: then the page says so.
    if (standing.kind !== 'ready' || decision !== 'agree') return weighed(portal, visit, { ask, uid, programme })
    const consent = { member: standing.member.id, programme: standing.offer.programme.id }
    return { response: await flows.agree(request, consent) }
  },
})

async function asked(flows: Flows, { request }: SignedInVisit): Promise<LinkAsk> {
  const ask = await flows.asked(request)
  if (!ask) throw new NoticeShown({ code: 'interaction-expired', status: refusals['interaction-expired'][0] })
  return ask
}

type Shown = { ask: LinkAsk; uid: string; programme: string | null }

async function weighed(portal: Portal, visit: SignedInVisit, { ask, uid, programme }: Shown): Promise<Answer> {
  const standing = await weighAsk(portal, { session: visit.session, ask, programme })
  await noteRefusal(portal, standing, 'partner')
  return { view: grantView(visit, { ask, standing, action: `/oauth/interaction/${encodeURIComponent(uid)}` }) }
}
