import { Refusal } from '../kernel/refusal.ts'
import type { Registration } from '../partners/registration.ts'
import { takeState } from './attempt-store.ts'
import { isFromAsked } from './openid-client.ts'
import type { SignInAttempt } from './session.ts'
import { type Answer, NoticeShown, ownPath, type Portal, type SignedInVisit, signInPath, type Visit } from './visit.ts'

/** Sends the person to the brand's identity provider. */
export async function beginSignIn(portal: Portal, visit: Visit): Promise<Answer> {
  const { openid, sessions, issuer, wallNow } = portal
  const returnTo = ownPath(visit.url.searchParams.get('return'), issuer)
  const request = { redirectUri: callbackOf(issuer), scopes: ['openid', 'profile', 'roles'], languages: visit.language }
  const { location, checks } = await openid
    .begin(identityProvider(portal), request)
    .catch(error => Promise.reject(refused(portal, returnTo, error)))
  const attempt: SignInAttempt = {
    purpose: 'sign-in',
    ...checks,
    language: visit.language,
    returnTo,
    startedAt: wallNow(),
  }
  return { location, cookies: await sessions.begin(attempt, visit.cookies) }
}

/** Takes the identity provider's answer and starts a fresh session. */
export async function finishSignIn(portal: Portal, visit: Visit): Promise<Answer> {
  const { openid, sessions, config } = portal
  const [state = '', ...others] = visit.url.searchParams.getAll('state')
  const attempt = others.length === 0 ? await sessions.signInAttempt(visit.cookies, state) : undefined
  if (!attempt) throw refused(portal, '/', new Refusal('sign-in-failed', 'no attempt of this browser'))
  const forget = sessions.forget('sign-in', state)
  const isTrue = isFromAsked(visit.url, attempt)
  const judged = async () => {
    if (!(await takeState(portal, { state, session: 'sign-in' })))
      throw new Refusal('sign-in-failed', 'the state was used already')
    if (!isTrue) throw new Refusal('sign-in-failed', 'another provider than the one that was asked answered')
    const found = await openid.finish(identityProvider(portal), visit.url, attempt)
    if (found && bytesOf(found.subject) > longestSubject)
      throw new Refusal('sign-in-failed', 'the provider names the person in more than 255 bytes')
    return found
  }
  const identity = await judged().catch(error => Promise.reject(refused(portal, attempt.returnTo, error, forget)))
  if (!identity)
    throw new NoticeShown({ code: 'sign-in-cancelled', status: 200, again: signInPath(attempt.returnTo) }, [forget])
  const { name, roles } = identity.claims
  const session = await sessions.start({
    issuer: config.IDENTITY_ISSUER,
    subject: identity.subject,
    name: typeof name === 'string' ? shortName(name) : '',
    roles: Array.isArray(roles) ? roles.filter(isRole).slice(0, mostRoles) : [],
    language: attempt.language,
  })
  return { location: attempt.returnTo, cookies: [session, forget] }
}

// A cookie carries them, beside those of attempts: see `mostAttemptBytes` in session.ts.
/** As OpenID Connect Core 1.0 section 2 has it. */
const longestSubject = 255
const longestName = 60
const longestRole = 64
const mostRoles = 8

/** Without what would take six bytes in JSON: control characters and halves of surrogate pairs. */
const shortName = (name: string): string =>
  name
    .slice(0, longestName)
    .toWellFormed()
    .replaceAll(/\p{Cc}/gu, ' ')

/** A role that is cut would be another one, so a long one is none. */
const isRole = (role: unknown): role is string => typeof role === 'string' && bytesOf(role) <= longestRole

/** As the cookie's JSON has it. */
const bytesOf = (text: string): number => Buffer.byteLength(JSON.stringify(text)) - '""'.length

/** Ends the session here; the one at the identity provider is its own. */
export const signOut = async ({ sessions }: Portal, { cookies }: SignedInVisit): Promise<Answer> => ({
  location: '/',
  cookies: [sessions.end(), ...sessions.forgetAll('link', cookies)],
})

const callbackOf = (issuer: string): string => `${issuer}/sign-in/callback`

const identityProvider = ({ config }: Portal): Registration => ({
  issuer: config.IDENTITY_ISSUER,
  clientId: config.IDENTITY_CLIENT_ID,
  clientSecret: config.IDENTITY_CLIENT_SECRET,
})

/** As a page, with a line in the log; anything but a refusal stays what it is. */
function refused(portal: Portal, returnTo: string, error: unknown, ...cookies: string[]): unknown {
  if (!(error instanceof Refusal)) return error
  const code = error.code === 'partner-unavailable' ? 'identity-unavailable' : 'sign-in-failed'
  portal.log('warn', 'sign-in-refused', { code, reason: error.message })
  const status = code === 'identity-unavailable' ? 502 : 400
  return new NoticeShown({ code, status, again: signInPath(returnTo) }, cookies)
}
