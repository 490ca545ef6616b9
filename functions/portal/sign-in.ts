import { Refusal } from '../kernel/refusal.ts'
import type { Registration } from './openid-client.ts'
import { type Answer, NoticeShown, ownPath, type Portal, type SignedInVisit, signInPath, type Visit } from './visit.ts'

/** Sends the person to the brand's identity provider. */
export async function beginSignIn(portal: Portal, visit: Visit): Promise<Answer> {
  const { openid, sessions, issuer, wallNow } = portal
  const returnTo = ownPath(visit.url.searchParams.get('return'), issuer)
  const request = { redirectUri: callbackOf(issuer), scope: 'openid profile roles', languages: visit.language }
  const { location, checks } = await openid
    .begin(identityProvider(portal), request)
    .catch(error => Promise.reject(asNotice(error, returnTo)))
  const attempt = await sessions.begin({
    purpose: 'sign-in',
    ...checks,
    language: visit.language,
    returnTo,
    startedAt: wallNow(),
  })
  return { location, cookies: [attempt] }
}

/** Takes the identity provider's answer and starts a fresh session. */
export async function finishSignIn(portal: Portal, visit: Visit): Promise<Answer> {
  const { openid, sessions, config } = portal
  const attempt = await sessions.signInAttempt(visit.cookies)
  const forget = sessions.forget('sign-in')
  const mine = attempt && visit.url.searchParams.get('state') === attempt.state
  if (!mine) throw new NoticeShown(failed('/'), [forget])
  const identity = await openid
    .finish(identityProvider(portal), visit.url, attempt, 'sign-in-failed')
    .catch(error => Promise.reject(asNotice(error, attempt.returnTo, forget)))
  if (!identity)
    throw new NoticeShown({ code: 'sign-in-cancelled', status: 200, again: signInPath(attempt.returnTo) }, [forget])
  const { name, roles } = identity.claims
  const session = await sessions.start({
    issuer: config.IDENTITY_ISSUER,
    subject: identity.subject,
    name: typeof name === 'string' ? name.slice(0, 100) : '',
    roles: Array.isArray(roles) ? roles.filter(role => typeof role === 'string').slice(0, 20) : [],
    language: attempt.language,
  })
  return { location: attempt.returnTo, cookies: [session, forget] }
}

/** Ends the session here; the one at the identity provider is its own. */
export const signOut = async ({ sessions }: Portal, _visit: SignedInVisit): Promise<Answer> => ({
  location: '/',
  cookies: [sessions.end(), sessions.forget('link')],
})

const callbackOf = (issuer: string): string => `${issuer}/sign-in/callback`

const identityProvider = ({ config }: Portal): Registration => ({
  issuer: config.IDENTITY_ISSUER,
  clientId: config.IDENTITY_CLIENT_ID,
  clientSecret: config.IDENTITY_CLIENT_SECRET,
  idTokenAlgorithm: 'ES256',
})

const failed = (returnTo: string) => ({ code: 'sign-in-failed', status: 400, again: signInPath(returnTo) }) as const

function asNotice(error: unknown, returnTo: string, ...cookies: string[]): unknown {
  if (!(error instanceof Refusal)) return error
  if (error.code !== 'partner-unavailable') return new NoticeShown(failed(returnTo), cookies, error)
  return new NoticeShown({ code: 'identity-unavailable', status: 502, again: signInPath(returnTo) }, cookies, error)
}
