import * as z from 'zod'
import { AccountId } from '../../schemas/link.ts'
import type { Partner } from '../../schemas/partner.ts'
import { Instant, Slug } from '../../schemas/primitives.ts'
import { instantOf } from '../kernel/clock.ts'
import { Refusal } from '../kernel/refusal.ts'
import { makeLink } from '../links/complete-link.ts'
import { findPartnerToken, partnerTokenWrite } from '../links/partner-token.ts'
import { type LinkOffer, offersAt } from '../links/prepare-link.ts'
import { liveLinks } from '../links/records.ts'
import { discardToken } from '../links/withdraw-consent.ts'
import { findPartner, partnerRegistration } from '../partners/find-partner.ts'
import { type Registration, registrationAt } from '../partners/registration.ts'
import { programmeFrame } from '../programmes/find-programme.ts'
import { takeState, wasTakenBy } from './attempt-store.ts'
import { asPage, refuse, showCancelled, type Tried } from './link-refusal.ts'
import { memberOf } from './member.ts'
import { type Identity, isFromAsked } from './openid-client.ts'
import type { LinkAttempt, Session } from './session.ts'
import { consentView, programmeChoiceView } from './views/link.tsx'
import { type Answer, linkPath, NoticeShown, type Portal, type SignedInVisit, signInPath, type Visit } from './visit.ts'

type Offered = { offer: LinkOffer; partner: Partner; registration: Registration }

/** The consent page: whom the member links, for what, what is shared and how to undo it. */
export async function askConsent(portal: Portal, visit: SignedInVisit, partnerId: string): Promise<Answer> {
  const asked = visit.url.searchParams.get('programme')
  const prepared = async (): Promise<Answer> => {
    const offers = await offersFor(portal, visit, partnerId, asked)
    const [offer, ...more] = offers
    if (offer && more.length > 0) return { view: programmeChoiceView(visit, offers) }
    const { registration, offer: only } = await registered(portal, partnerId, offer)
    const formLeadsTo = await portal.openid.authorizationOrigin(registration)
    return { view: consentView(visit, only, formLeadsTo) }
  }
  return prepared().catch(error => {
    if (error instanceof Refusal) portal.log('warn', 'portal-refused', { code: error.code })
    throw asPage(error, { partner: partnerId, programme: asked ?? undefined })
  })
}

/** The member agreed: to the partner, with everything that ties the answer to this session. */
export async function beginLink(portal: Portal, visit: SignedInVisit, partnerId: string): Promise<Answer> {
  const programme = visit.form.get('programme')
  const begun = async () => {
    const [offer, ...more] = await offersFor(portal, visit, partnerId, programme)
    if (more.length > 0) return undefined
    const { registration, partner, offer: only } = await registered(portal, partnerId, offer)
    const request = {
      redirectUri: callbackOf(portal.issuer, partnerId),
      scopes: ['openid'],
      scopesIfOffered: ['membership'],
      offline: partner.keepTokens === true,
      languages: visit.language,
    }
    return { ...(await portal.openid.begin(registration, request)), programme: only.programme.id }
  }
  const ready = await begun().catch(async error => {
    const tried = { session: visit.session, partner: partnerId, programme: slugOf(programme) }
    if (await isRegistered(portal, partnerId)) return refuse(portal, tried, error)
    throw asPage(error, tried)
  })
  if (!ready) return { location: linkPath(partnerId, programme ?? undefined) }
  const attempt: LinkAttempt = {
    purpose: 'link',
    ...ready.checks,
    session: visit.session.id,
    partner: Slug.parse(partnerId),
    programme: ready.programme,
    startedAt: portal.wallNow(),
  }
  return { location: ready.location, cookies: await portal.sessions.begin(attempt, visit.cookies) }
}

/** Back from the partner: judge the answer, learn the account, make the link. */
export async function finishLink(portal: Portal, visit: Visit, partnerId: string): Promise<Answer> {
  const [state = '', ...others] = visit.url.searchParams.getAll('state')
  const attempt = others.length === 0 ? await portal.sessions.linkAttempt(visit.cookies, state) : undefined
  const cookies = attempt ? [portal.sessions.forget('link', state)] : []
  const { session } = visit
  if (!session) {
    const again = signInPath(linkPath(partnerId, attempt?.programme))
    throw new NoticeShown({ code: 'signed-out', status: 401, again }, cookies)
  }
  if (!(await isRegistered(portal, partnerId))) throw asPage(new Refusal('partner-not-found'), { partner: partnerId })
  const tried: Tried = { session, partner: partnerId, programme: attempt?.programme, isStray: !attempt, cookies }
  const identity = await answered(portal, { ...visit, session }, tried, attempt).catch(error =>
    refuse(portal, tried, error),
  )
  if (!identity) return showCancelled(portal, tried)
  const { programme } = identity.attempt
  await linkAccount(portal, tried, identity).catch(async error => {
    const { timeZone } = await programmeFrame(portal, programme)
    return refuse(portal, { ...tried, timeZone }, error)
  })
  return { location: `/link/${partnerId}/done?${new URLSearchParams({ programme })}`, cookies }
}

type Answered = Identity & { attempt: LinkAttempt; registered: Partner }

/**
 * Who answered, once it is sure that this session asked this partner and that the answer was not used before: the
 * partner is asked nothing earlier.
 * @returns undefined when the member cancelled there
 * @throws Refusal link-expired, link-state-reused, link-answer-mismatch, link-claims-missing, link-failed,
 * partner-unavailable
 */
async function answered(
  portal: Portal,
  visit: SignedInVisit,
  { partner }: Tried,
  attempt: LinkAttempt | undefined,
): Promise<Answered | undefined> {
  const use = { state: visit.url.searchParams.get('state') ?? '', session: visit.session.id }
  if (attempt?.session !== use.session)
    throw new Refusal((await wasTakenBy(portal, use)) ? 'link-state-reused' : 'link-expired')
  const isTrue = attempt.partner === partner && isFromAsked(visit.url, attempt)
  if (!(await takeState(portal, use))) throw new Refusal('link-state-reused')
  if (!isTrue) throw new Refusal('link-answer-mismatch', 'another partner than the one that was asked answered')
  const { partner: registered, clientSecret } = await partnerRegistration(portal, partner)
  const identity = await portal.openid.finish(registrationAt(portal, registered, clientSecret), visit.url, attempt)
  return identity && { ...identity, attempt, registered }
}

/** Makes the link. Of the partner's tokens at most the refresh token is kept, and only where that is registered. */
async function linkAccount(portal: Portal, { session }: Tried, found: Answered): Promise<void> {
  const { refreshToken, attempt, registered, subject, claims } = found
  const keeps = registered.keepTokens === true
  const { id: partner } = registered
  const link = async () => {
    const member = await memberOf(portal, session)
    if (!member) throw new Refusal('no-benefit-here')
    const account = AccountId.safeParse(subject)
    if (!account.success) throw new Refusal('link-claims-missing', 'it names no usable account')
    const paidUntil = paidUntilOf(registered, claims)
    await makeLink(portal, {
      member: member.id,
      programme: attempt.programme,
      partner,
      account: account.data,
      via: 'portal',
      ...(paidUntil && { paidUntil }),
      ...(keeps &&
        refreshToken && {
          alongside: async link => [await partnerTokenWrite(portal, { link, partner, refreshToken })],
        }),
    })
  }
  const discard = async () => {
    if (refreshToken) await discardToken(portal, partner, refreshToken)
  }
  // A partner may push that the consent is gone when a token of it is revoked: that must find no link made since.
  if (!keeps) await discard()
  else if (refreshToken) await withdrawReplaced(portal, session, found)
  await link().catch(async error => {
    if (keeps) await discard()
    throw error
  })
}

/** Of an account that is linked already, the token that is kept gives way to the one that has come now. */
async function withdrawReplaced(portal: Portal, session: Session, found: Answered): Promise<void> {
  const { attempt, registered, subject, refreshToken } = found
  const member = await memberOf(portal, session)
  const links = member ? await liveLinks(portal.table, member.id, attempt.programme) : []
  const standing = links.find(({ partner, account }) => partner === registered.id && account === subject)
  const kept = standing && (await findPartnerToken(portal, standing.id).catch(() => undefined))
  if (kept !== undefined && kept !== refreshToken) await discardToken(portal, registered.id, kept)
}

async function isRegistered(portal: Portal, partner: string): Promise<boolean> {
  if (slugOf(partner) === undefined) return false
  return findPartner(portal, partner).then(
    () => true,
    error => {
      if (error instanceof Refusal) return false
      throw error
    },
  )
}

const slugOf = (text: string | null): string | undefined => Slug.safeParse(text).data

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
  return { offer, partner, registration: registrationAt(portal, partner, clientSecret) }
}

const callbackOf = (issuer: string, partner: string): string => `${issuer}/link/${partner}/callback`

// A time zone may carry the last hours of the year 9999 beyond what an instant can be written in.
const PaidUntil = z.union([
  Instant,
  z.iso
    .datetime({ offset: true })
    .transform((text): string => instantOf(Date.parse(text)))
    .pipe(Instant),
  // A NumericDate, as JWT claims write instants (RFC 7519 section 2).
  z
    .int()
    .min(0)
    .max(253_402_300_799)
    .transform((seconds): string => instantOf(seconds * 1000))
    .pipe(Instant),
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
