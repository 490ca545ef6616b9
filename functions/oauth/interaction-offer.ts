import type { Member } from '../../schemas/membership.ts'
import type { Partner } from '../../schemas/partner.ts'
import { type Instant, Slug } from '../../schemas/primitives.ts'
import type { Programme } from '../../schemas/programme.ts'
import { Refusal, refusals } from '../kernel/refusal.ts'
import { noteOnce, recordActivity } from '../links/activity.ts'
import { checkLink } from '../links/check-link.ts'
import { linkRefusals } from '../links/decide-link.ts'
import { type LinkOffer, offersAt } from '../links/prepare-link.ts'
import { liveMemberships } from '../memberships/find-member.ts'
import { findPartner } from '../partners/find-partner.ts'
import { memberOf } from '../portal/member.ts'
import type { Session } from '../portal/session.ts'
import type { Portal } from '../portal/visit.ts'
import type { LinkAsk } from './flows.ts'

export type GrantRefusal = {
  code: (typeof linkRefusals)[number]
  status: number
  /** False for who has no membership at all: another account of theirs may have one. */
  hasMembership: boolean
  programme?: Programme
  /** From when on it would be possible. */
  from?: Instant
}

/** What a partner's ask comes to for the person who is signed in. */
export type Standing = { partner: Partner } & (
  | { kind: 'ready'; member: Member; offer: LinkOffer }
  /** Several programmes have a benefit at the partner: the member says which. */
  | { kind: 'choose'; offers: LinkOffer[] }
  | { kind: 'refused'; member: Member | undefined; refusal: GrantRefusal }
)

type Asked = { session: Session; ask: LinkAsk; programme: string | null }

/**
 * Weighs a partner's ask before the member agrees: its programme, its benefits and the link rules.
 * @param asked `programme` is the member's choice; it counts only where the partner named none
 * @throws Refusal partner-not-found
 */
export async function weighAsk(portal: Portal, { session, ask, programme: chosen }: Asked): Promise<Standing> {
  const partner = await findPartner(portal, ask.partner)
  const member = await memberOf(portal, session)
  const programme = ask.programme ?? Slug.safeParse(chosen).data
  const offers = member
    ? await offersAt(portal, { member: member.id, partner: partner.id, ...(programme && { programme }) })
    : []
  const [offer, ...more] = offers
  if (!member || !offer) {
    const hasMembership = member !== undefined && (await liveMemberships(portal, member.id)).length > 0
    const refusal = { code: 'no-benefit-here', status: refusals['no-benefit-here'][0], hasMembership } as const
    return { kind: 'refused', partner, member, refusal }
  }
  if (more.length > 0) return { kind: 'choose', partner, offers }
  const refusal = await refusalOf(portal, { member, offer, ask })
  return refusal ? { kind: 'refused', partner, member, refusal } : { kind: 'ready', partner, member, offer }
}

type Weighed = { member: Member; offer: LinkOffer; ask: LinkAsk }

async function refusalOf(portal: Portal, { member, offer, ask }: Weighed): Promise<GrantRefusal | undefined> {
  const { programme, partner } = offer
  const request = { member: member.id, programme: programme.id, partner: partner.id }
  try {
    await checkLink(portal, { ...request, ...(ask.account !== undefined && { account: ask.account }) })
    return undefined
  } catch (error) {
    const code = error instanceof Refusal ? linkRefusals.find(known => known === error.code) : undefined
    if (!(error instanceof Refusal) || !code) throw error
    const from = code === 'relink-cooldown' ? error.at : undefined
    return { code, status: refusals[code][0], hasMembership: true, programme, ...(from && { from }) }
  }
}

type Via = 'partner' | 'device'

/** Says in the member's own log and in ours that a partner's ask was refused: no account, no name. */
export async function noteRefusal(portal: Portal, standing: Standing, via: Via): Promise<void> {
  if (standing.kind !== 'refused') return
  const { member, partner, refusal } = standing
  const { code, programme } = refusal
  portal.log('warn', 'grant-refused', { code, partner: partner.id, via })
  if (!member) return
  const entry = { at: portal.now(), action: 'link-refused', partner: partner.id, code, via } as const
  await noteOnce(portal, member.id, { ...entry, ...(programme && { programme: programme.id }) })
}

/** Says in the member's own log that they did not agree. */
export async function noteCancelled(portal: Portal, session: Session, ask: LinkAsk, via: Via): Promise<void> {
  const member = await memberOf(portal, session)
  if (!member) return
  const entry = { at: portal.now(), action: 'link-cancelled', partner: Slug.parse(ask.partner), via } as const
  const programme = Slug.safeParse(ask.programme).data
  await recordActivity(portal, member.id, { ...entry, ...(programme && { programme }) })
}
