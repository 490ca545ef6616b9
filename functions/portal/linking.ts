import * as z from 'zod'
import { AccountId } from '../../schemas/link.ts'
import type { Partner } from '../../schemas/partner.ts'
import { Instant, Slug } from '../../schemas/primitives.ts'
import { instantOf } from '../kernel/clock.ts'
import { Refusal, refusals } from '../kernel/refusal.ts'
import { completeLink } from '../links/complete-link.ts'
import { type LinkOffer, offersAt } from '../links/prepare-link.ts'
import { partnerRegistration } from '../partners/find-partner.ts'
import { programmeFrame } from '../programmes/find-programme.ts'
import type { NoticeCode } from './language.ts'
import { memberOf } from './member.ts'
import type { Registration } from './openid-client.ts'
import type { LinkAttempt } from './session.ts'
import { consentView, programmeChoiceView } from './views/link.tsx'
import { type Answer, linkPath, NoticeShown, type Portal, type SignedInVisit, signInPath, type Visit } from './visit.ts'

type Offered = { offer: LinkOffer; partner: Partner; registration: Registration }

/** The consent page: whom the member links, for what, what is shared and how to undo it. */
export async function askConsent(portal: Portal, visit: SignedInVisit, partnerId: string): Promise<Answer> {
  const asked = visit.url.searchParams.get('programme')
  const again = linkPath(partnerId, asked ?? undefined)
  const offers = await offersFor(portal, visit, partnerId, asked).catch(linkNotice(again))
  const [offer, ...more] = offers
  if (offer && more.length > 0) return { view: programmeChoiceView(visit, offers) }
  const { registration } = await registered(portal, partnerId, offer).catch(linkNotice(again))
  const formLeadsTo = await portal.openid.authorizationOrigin(registration).catch(linkNotice(again))
  if (!offer) throw new Refusal('no-benefit-here')
  return { view: consentView(visit, offer, formLeadsTo) }
}

/** The member agreed: to the partner, with everything that ties the answer to this session. */
export async function beginLink(portal: Portal, visit: SignedInVisit, partnerId: string): Promise<Answer> {
  const programme = visit.form.get('programme')
  const again = linkPath(partnerId, programme ?? undefined)
  const begun = async () => {
    const [offer, ...more] = await offersFor(portal, visit, partnerId, programme)
    if (more.length > 0) return undefined
    const found = await registered(portal, partnerId, offer)
    const request = {
      redirectUri: callbackOf(portal.issuer, partnerId),
      scope: 'openid profile membership',
      languages: visit.language,
    }
    return { ...(await portal.openid.begin(found.registration, request)), programme: found.offer.programme.id }
  }
  const ready = await begun().catch(linkNotice(again))
  if (!ready) return { location: again }
  const attempt = await portal.sessions.begin({
    purpose: 'link',
    ...ready.checks,
    session: visit.session.id,
    partner: Slug.parse(partnerId),
    programme: ready.programme,
    startedAt: portal.wallNow(),
  })
  return { location: ready.location, cookies: [attempt] }
}

/** Back from the partner: judge the answer, learn the account, make the link. The partner's tokens are not kept. */
export async function finishLink(portal: Portal, visit: Visit, partnerId: string): Promise<Answer> {
  const attempt = await portal.sessions.linkAttempt(visit.cookies)
  const forget = portal.sessions.forget('link')
  const again = linkPath(partnerId, attempt?.programme)
  if (!visit.session) throw new NoticeShown({ code: 'signed-out', status: 401, again: signInPath(again) }, [forget])
  if (!isMine(attempt, { ...visit, session: visit.session }, partnerId)) {
    portal.log('warn', 'portal-refused', { code: 'link-expired' })
    throw new NoticeShown({ code: 'link-expired', status: refusals['link-failed'][0], again: linkPath(partnerId) }, [
      forget,
    ])
  }
  const done = await completed(portal, { ...visit, session: visit.session }, attempt).catch(async error => {
    const { timeZone } = await programmeFrame(portal, attempt.programme)
    return linkNotice(again, { cookies: [forget], timeZone })(error)
  })
  if (!done) throw new NoticeShown({ code: 'link-cancelled', status: 200, again }, [forget])
  return { location: `/?linked=${attempt.partner}`, cookies: [forget] }
}

/** Begun by this session, for this partner, and answered with its own state. */
const isMine = (attempt: LinkAttempt | undefined, visit: SignedInVisit, partner: string): attempt is LinkAttempt =>
  attempt !== undefined &&
  attempt.session === visit.session.id &&
  attempt.partner === partner &&
  attempt.state === visit.url.searchParams.get('state')

async function completed(portal: Portal, visit: SignedInVisit, attempt: LinkAttempt): Promise<boolean> {
  const member = await memberOf(portal, visit.session)
  if (!member) throw new Refusal('no-benefit-here')
  const { partner, clientSecret } = await partnerRegistration(portal, attempt.partner)
  const identity = await portal.openid.finish(registrationOf(partner, clientSecret), visit.url, attempt, 'link-failed')
  if (!identity) return false
  const account = AccountId.safeParse(identity.subject)
  if (!account.success) throw new Refusal('link-failed', 'The partner names no usable account')
  const paidUntil = paidUntilOf(partner, identity.claims)
  const { programme } = attempt
  await completeLink(portal, {
    member: member.id,
    programme,
    partner: partner.id,
    account: account.data,
    ...(paidUntil && { paidUntil }),
  })
  return true
}

async function offersFor(portal: Portal, { session }: SignedInVisit, partner: string, programme: string | null) {
  if (!Slug.safeParse(partner).success) throw new Refusal('partner-not-found')
  if (programme !== null && !Slug.safeParse(programme).success) throw new Refusal('no-benefit-here')
  const member = await memberOf(portal, session)
  if (!member) return []
  return offersAt(portal, { member: member.id, partner, ...(programme !== null && { programme }) })
}

async function registered(portal: Portal, partnerId: string, offer: LinkOffer | undefined): Promise<Offered> {
  const { partner, clientSecret } = await partnerRegistration(portal, partnerId)
  if (!offer) throw new Refusal('no-benefit-here')
  return { offer, partner, registration: registrationOf(partner, clientSecret) }
}

const registrationOf = ({ issuer, clientId }: Partner, clientSecret: string | undefined): Registration => ({
  issuer,
  clientId,
  clientSecret,
})

const callbackOf = (issuer: string, partner: string): string => `${issuer}/link/${partner}/callback`

const PaidUntil = z.union([
  Instant,
  z.iso.datetime({ offset: true }).transform(text => instantOf(Date.parse(text))),
  // A NumericDate, as JWT claims write instants (RFC 7519 section 2).
  z
    .int()
    .min(0)
    .max(253_402_300_799)
    .transform(seconds => instantOf(seconds * 1000)),
])

/** Until when the account pays the partner itself; absent when it does not. */
export function paidUntilOf({ claims: names }: Pick<Partner, 'claims'>, claims: Record<string, unknown>) {
  const claim = claims[names?.['paidUntil'] ?? 'paidUntil']
  if (claim === undefined || claim === null) return undefined
  const parsed = PaidUntil.safeParse(claim)
  // Guessing would make somebody pay twice.
  if (!parsed.success) throw new Refusal('link-failed', 'The partner’s claim of what is paid cannot be read')
  return parsed.data
}

const shown = [
  'partner-unavailable',
  'partner-not-found',
  'no-benefit-here',
  'already-linked',
  'account-linked-elsewhere',
  'relink-cooldown',
  'already-entitled',
  'account-already-pays',
  'link-failed',
] as const satisfies NoticeCode[]

/** A refusal on the way to a link, as a page that tells what to do next. */
const linkNotice =
  (again: string, { cookies = [], timeZone = 'UTC' }: { cookies?: string[]; timeZone?: string } = {}) =>
  (error: unknown): never => {
    const code = error instanceof Refusal ? shown.find(known => known === error.code) : undefined
    if (!(error instanceof Refusal) || !code) throw error
    const date = /\d{4}-\d\d-\d\dT[\d:.]+Z/.exec(error.message)?.[0]
    const lasting = code === 'partner-not-found' || code === 'no-benefit-here' || code === 'already-linked'
    const notice = {
      code,
      status: refusals[code][0],
      ...(date && { date: { at: date as Instant, timeZone } }),
      ...(!lasting && { again }),
    }
    throw new NoticeShown(notice, cookies, error)
  }
