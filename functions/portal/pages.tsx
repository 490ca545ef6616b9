import type { Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { Services } from '../connect.ts'
import { errorFields } from '../kernel/log.ts'
import { guardedFetch, type OutboundRules } from '../kernel/outbound.ts'
import { Refusal, type RefusalCode, refusals } from '../kernel/refusal.ts'
import type { GatewayEnv } from '../kernel/validate.ts'
import { isSignedOut } from '../memberships/sign-out-everywhere.ts'
import { asLanguage, type Language, messagesOf, type NoticeCode, preferredLanguage } from './language.ts'
import { openidClient } from './openid-client.ts'
import { cookieNamed, isOwnForm, portalSessions } from './session.ts'
import { documentOf } from './views/layout.tsx'
import { noticeView } from './views/notice.tsx'
import {
  type Answer,
  type Notice,
  NoticeShown,
  type Portal,
  pageOfForm,
  type SignedInVisit,
  signInPath,
  type View,
  type Visit,
} from './visit.ts'

export type Needs = Omit<Portal, 'sessions' | 'openid'> &
  Pick<Services, 'keys'> & { outbound?: Pick<OutboundRules, 'timeoutMs' | 'maxBytes'> }
/** `parameter` is the first of the path's, `parameters` are all by their names. */
export type Page<V extends Visit> = (
  portal: Portal,
  visit: V,
  parameter: string,
  parameters: Record<string, string>,
) => Promise<Answer>
export type Handler = (c: Context<GatewayEnv>) => Promise<Response>

const languageCookie = 'tessera-language'
const formBytes = 16 * 1024

/**
 * What every page for people has in common: the language, the session, CSRF protection of forms, errors as pages, and
 * headers that allow nothing from elsewhere. Used by the portal and by the pages of the authorization server.
 */
export function pages(services: Needs) {
  const allowLoopback = services.config.ALLOW_LOOPBACK
  const fetch = guardedFetch({ allowLoopback, ...services.outbound })
  const openid = openidClient({ ...services, fetch, allowLoopback })
  const portal: Portal = { ...services, sessions: portalSessions(services), openid }
  return {
    portal,
    /** Anybody may open it. */
    open: (page: Page<Visit>): Handler => handled(portal, page),
    /** For who is signed in; others sign in first and come back. */
    member: (page: Page<SignedInVisit>): Handler => handled(portal, signedIn(page)),
    /** A form of our own, in this session. */
    form: (page: Page<SignedInVisit>): Handler => handled(portal, checkedForm(page), formOf),
    /** Goes before every form. */
    limit: bodyLimit({ maxSize: formBytes, onError: handled(portal, tooLarge) }),
  }
}

/** Pages of one's own: who is signed out goes to sign in and comes back. */
const signedIn =
  (page: Page<SignedInVisit>): Page<Visit> =>
  async (portal, visit, ...parameters) => {
    const { session, url } = visit
    if (!session) return { location: signInPath(`${url.pathname}${url.search}`) }
    return page(portal, { ...visit, session }, ...parameters)
  }

/** Forms of one's own: only from our page, in this session. */
const checkedForm =
  (page: Page<SignedInVisit>): Page<Visit> =>
  async (portal, visit, ...parameters) => {
    const { session, form, url, origin } = visit
    const programme = form.get('programme')
    const query = programme ? `?${new URLSearchParams({ programme })}` : ''
    // A redirect would not do: browsers hold our form-action against it, and the sign-in is on another origin.
    const place = pageOfForm(url.pathname)
    const back = opensAgain.test(place) ? `${place}${query}` : '/'
    if (!session) throw new NoticeShown({ code: 'signed-out', status: 401, again: signInPath(back) })
    if (!isOwnForm(session, form.get('csrf'), origin, portal.issuer))
      throw new NoticeShown({ code: 'csrf-token-mismatch', status: refusals['csrf-token-mismatch'][0], again: back })
    return page(portal, { ...visit, session }, ...parameters)
  }

/** Pages that a person comes back to by their address. */
const opensAgain =
  /^\/((link|unlink|choose|oauth\/interaction)\/[^/]+|device|pass|privacy(\/erase)?|finance\/(exceptions\/[^/]+|periods\/[^/]+\/[^/]+\/(close|netting)))$/

const tooLarge: Page<Visit> = async () => {
  throw new NoticeShown({ code: 'invalid-request', status: refusals['body-too-large'][0] })
}

/** Reads the request, asks the page, writes the answer; whatever is thrown becomes a page too. */
const handled =
  (portal: Portal, page: Page<Visit>, readForm = async (_c: Context<GatewayEnv>) => new URLSearchParams()): Handler =>
  async c => {
    const asked = asLanguage(c.req.query('lang'))
    let visit = visitOf(portal, c, asked)
    const answer = await (async () => {
      visit = await withSession(portal, visit, asked)
      const parameters: Record<string, string> = c.req.param()
      return page(portal, { ...visit, form: await readForm(c) }, Object.values(parameters)[0] ?? '', parameters)
    })().catch(error => noticeOf(portal, c, error))
    const renewed = visit.session && (await portal.sessions.renew(visit.session, visit.language))
    // A page's own cookies come last, so that a sign-out is not undone by a renewal.
    const cookies = [renewed, asked && languageSet(portal.issuer, asked), ...(answer.cookies ?? [])]
    return respond(portal, visit, { ...answer, cookies: cookies.filter(cookie => typeof cookie === 'string') })
  }

function visitOf({ issuer }: Portal, c: Context<GatewayEnv>, asked: Language | undefined): Visit {
  const cookies = c.req.header('cookie')
  const kept = asLanguage(cookieNamed(cookies, languageCookie))
  const language = asked ?? kept ?? preferredLanguage(c.req.header('accept-language'))
  const { pathname, search } = new URL(c.req.url)
  return {
    language,
    messages: messagesOf[language],
    session: undefined,
    cookies,
    url: new URL(`${pathname}${search}`, issuer),
    origin: c.req.header('origin'),
    form: new URLSearchParams(),
    request: c.req.raw,
  }
}

/** The session's language holds where the language cookie is missing: on the way back from another site. */
async function withSession(portal: Portal, visit: Visit, asked: Language | undefined): Promise<Visit> {
  const session = await portal.sessions.read(visit.cookies)
  if (!session || (await isSignedOut(portal, session))) return visit
  const language = asked ?? session.language
  return { ...visit, session, language, messages: messagesOf[language] }
}

async function formOf(c: Context<GatewayEnv>): Promise<URLSearchParams> {
  if (!/^application\/x-www-form-urlencoded\b/i.test(c.req.header('content-type') ?? '')) return new URLSearchParams()
  return new URLSearchParams(await c.req.text())
}

const languageSet = (issuer: string, language: Language): string =>
  `${languageCookie}=${language}; Path=/; Max-Age=31536000; SameSite=Strict${issuer.startsWith('https:') ? '; Secure' : ''}`

/** What was thrown as a page. Only codes and ids reach the log. */
function noticeOf({ log }: Portal, c: Context<GatewayEnv>, error: unknown): Answer {
  const requestId = c.get('requestId')
  if (error instanceof NoticeShown) {
    const { cause, notice } = error
    if (cause instanceof Refusal) log('warn', 'portal-refused', { requestId, code: notice.code, cause: cause.code })
    return { notice, cookies: error.cookies }
  }
  const refusal = error instanceof Refusal ? error : undefined
  const code = refusal && noticeCodes.has(refusal.code) ? (refusal.code as NoticeCode) : 'internal-error'
  if (!refusal) log('error', 'request-failed', { requestId, ...errorFields(error) })
  const notice: Notice = { code, status: statusOf(refusal?.code ?? 'internal-error') }
  return { notice }
}

const noticeCodes = new Set<string>(Object.keys(messagesOf.en.notices))
const statusOf = (code: RefusalCode): number => refusals[code][0]

function respond({ issuer }: Portal, visit: Visit, answer: Answer): Response {
  const headers = new Headers({ 'cache-control': 'no-store', vary: 'Accept-Language, Cookie' })
  for (const cookie of answer.cookies ?? []) headers.append('set-cookie', cookie)
  headers.set('referrer-policy', 'same-origin')
  if ('location' in answer) {
    headers.set('location', answer.location)
    return new Response(null, { status: 303, headers })
  }
  if ('response' in answer) {
    for (const [name, value] of headers) if (name === 'set-cookie') answer.response.headers.append(name, value)
    return answer.response
  }
  if ('download' in answer) {
    const { name, type, body } = answer.download
    headers.set('content-type', type)
    headers.set('content-disposition', `attachment; filename="${name}"`)
    return new Response(body, { headers })
  }
  if ('notice' in answer && answer.notice.retryAfterSeconds)
    headers.set('retry-after', String(answer.notice.retryAfterSeconds))
  const view = 'view' in answer ? answer.view : noticeView(visit, answer.notice)
  for (const [name, value] of Object.entries(protection(issuer, view))) headers.set(name, value)
  headers.set('content-type', 'text/html; charset=utf-8')
  headers.set('content-language', visit.language)
  if (view.frame?.refreshSeconds) headers.set('refresh', String(view.frame.refreshSeconds))
  const html = `<!doctype html>${documentOf(visit, view)}`
  return new Response(html, { status: view.status ?? 200, headers })
}

/**
 * Browsers hold `form-action` against every hop after the form, and where a partner's own addresses redirect to is its own
 * affair: a login host, another domain. To name one origin would strand the member there, so any https address may follow.
 */
const beyond = (leadsTo: string): string => (leadsTo.startsWith('https:') ? 'https:' : leadsTo)

/** No script at all, styles from here only, never in a frame. */
const protection = (issuer: string, { formLeadsTo }: View): Record<string, string> => ({
  'content-security-policy': [
    "default-src 'none'",
    "style-src 'self'",
    "img-src 'self'",
    `form-action 'self'${formLeadsTo ? ` ${beyond(formLeadsTo)}` : ''}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'referrer-policy': 'same-origin',
  'x-content-type-options': 'nosniff',
  'cross-origin-opener-policy': 'same-origin',
  ...(issuer.startsWith('https:') && { 'strict-transport-security': 'max-age=63072000; includeSubDomains' }),
})
