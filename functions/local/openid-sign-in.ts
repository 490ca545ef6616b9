import type { IncomingMessage } from 'node:http'
import type { KoaContextWithOIDC, Provider } from 'oidc-provider'
import type { Account, Accounts } from './accounts.ts'
import {
  alreadySignedOutPage,
  type Display,
  errorPage,
  homePage,
  type Language,
  loginPage,
  stylesheet,
} from './pages.ts'

/** The pages a person meets at a demo OpenID provider, as one middleware before oidc-provider's own routes. */

export const SESSION_TTL_SECONDS = 8 * 60 * 60

const FORM_LIMIT_BYTES = 16 * 1024
const INTERACTION = /^\/oidc\/interaction\/([A-Za-z0-9_-]{1,64})$/

export interface SignInNeeds {
  readonly provider: Provider
  readonly issuer: string
  readonly accounts: Accounts
  readonly display: Display
  readonly clientNames: ReadonlyMap<string, string>
}

type Context = KoaContextWithOIDC
type Interaction = Awaited<ReturnType<Provider['interactionDetails']>>

/** zh-CN or en, by the request's `ui_locales` (OpenID Connect Core 3.1.2.1), else by Accept-Language, else English. */
export function languageOf(ctx: Pick<Context, 'acceptsLanguages'>, uiLocales?: unknown): Language {
  const asked = typeof uiLocales === 'string' ? uiLocales.split(' ') : []
  const first = asked.find(tag => /^(zh|en)\b/i.test(tag))
  if (first !== undefined) return /^zh/i.test(first) ? 'zh-CN' : 'en'
  const accepted = ctx.acceptsLanguages('en', 'zh')
  return accepted === 'zh' ? 'zh-CN' : 'en'
}

export function signInPages(needs: SignInNeeds) {
  const { display } = needs
  const css = stylesheet(display)
  return async (ctx: Context, next: () => Promise<unknown>): Promise<void> => {
    const interaction = INTERACTION.exec(ctx.path)?.[1]
    const reading = ctx.method === 'GET' || ctx.method === 'HEAD'
    if (ctx.path === '/oidc/style.css' && reading) {
      ctx.set('cache-control', 'public, max-age=300')
      ctx.type = 'css'
      ctx.body = css
    } else if (interaction !== undefined && (reading || ctx.method === 'POST')) {
      await interact(needs, ctx, interaction)
    } else if (ctx.path === '/oidc/sign-in' && (reading || ctx.method === 'POST')) {
      await signInHere(needs, ctx)
    } else if (ctx.path === '/' && reading) {
      const session = await needs.provider.Session.get(ctx)
      show(ctx, 200, homePage({ language: languageOf(ctx), display }, session.accountId))
    } else {
      await next()
      // `ctx.oidc` exists only where a route matched, which a status of 200 tells.
      const session = ctx.status === 200 && ctx.path === '/oidc/sign-out' ? ctx.oidc.session : undefined
      // Nobody to sign out: oidc-provider's own page for that submits itself by script.
      if (session?.state && !session.accountId) {
        const language = languageOf(ctx, ctx.oidc.params?.['ui_locales'])
        show(ctx, 200, alreadySignedOutPage({ language, display }, String(session.state['secret'])))
      }
      if (ctx.status === 404 && !ctx.body) {
        show(ctx, 404, errorPage({ language: languageOf(ctx), display }, 'not_found'))
      }
    }
  }
}

function show(ctx: Context, status: number, html: string) {
  ctx.status = status
  ctx.type = 'html'
  ctx.set('cache-control', 'no-store')
  ctx.vary('Accept-Language')
  ctx.body = html
}

/** A failed form is 401, so that a program sees it too; RFC 9110 section 15.5.2 wants a challenge with it. */
function showFailure(ctx: Context, html: string) {
  ctx.set('www-authenticate', 'Form')
  show(ctx, 401, html)
}

async function interact(needs: SignInNeeds, ctx: Context, uid: string): Promise<void> {
  const { provider, accounts, display, clientNames } = needs
  const interaction = await provider.interactionDetails(ctx.req, ctx.res).catch(() => undefined)
  if (interaction?.uid !== uid) {
    return show(ctx, 400, errorPage({ language: languageOf(ctx), display }, 'session_not_found'))
  }
  // Consent is given with the sign-in; only a client that sends prompt=consent comes here for it.
  if (interaction.prompt.name === 'consent') return finish(needs, ctx, { consent: {} })

  const { params } = interaction
  const language = languageOf(ctx, params['ui_locales'])
  const client = clientNames.get(String(params['client_id']))
  const form = {
    language,
    display,
    action: ctx.path,
    ...(client === undefined ? {} : { client }),
    ...(accounts.hint ? { hint: accounts.hint } : {}),
  }
  if (ctx.method !== 'POST') {
    const hinted = typeof params['login_hint'] === 'string' ? params['login_hint'] : ''
    return show(ctx, 200, loginPage({ ...form, login: hinted }))
  }
  const fields = await readForm(ctx)
  if (fields.has('cancel')) {
    return finish(needs, ctx, { error: 'access_denied', error_description: 'the person cancelled the sign-in' })
  }
  const login = (fields.get('login') ?? '').trim()
  const account = accounts.signIn(login, fields.get('password') ?? '')
  if (!account) return showFailure(ctx, loginPage({ ...form, login, failed: true }))
  await leaveOtherAccount(needs, interaction, account)
  await finish(needs, ctx, { login: { accountId: account.sub, amr: ['pwd'] } })
}

/**
 * Signing in as somebody else replaces the session. Left to itself oidc-provider would do it through a page
 * that submits itself by script.
 */
async function leaveOtherAccount({ provider }: SignInNeeds, interaction: Interaction, account: Account) {
  const { session } = interaction
  if (!session || session.accountId === account.sub) return
  await (await provider.Session.findByUid(session.uid))?.destroy()
  interaction.session = undefined
  await interaction.persist()
}

async function finish({ provider }: SignInNeeds, ctx: Context, result: Parameters<Provider['interactionResult']>[2]) {
  const returnTo = await provider.interactionResult(ctx.req, ctx.res, result)
  ctx.status = 303
  ctx.redirect(returnTo)
}

/** Sign-in without a client: for the platform's own pages on the same origin. `return` is a path of this origin. */
async function signInHere(needs: SignInNeeds, ctx: Context): Promise<void> {
  const { provider, issuer, accounts, display } = needs
  const language = languageOf(ctx)
  const returnTo = ownPath(new URLSearchParams(ctx.querystring).get('return'), issuer)
  const form = {
    language,
    display,
    action: `/oidc/sign-in?return=${encodeURIComponent(returnTo)}`,
    ...(accounts.hint ? { hint: accounts.hint } : {}),
  }
  if (ctx.method !== 'POST') return show(ctx, 200, loginPage(form))
  // Unlike an interaction this form carries nothing of the browser's, so another site could post it (login forgery).
  if (ctx.get('origin') !== new URL(issuer).origin) {
    return show(ctx, 403, errorPage({ language, display }, 'cross_origin_form'))
  }
  const fields = await readForm(ctx)
  if (!fields.has('cancel')) {
    const login = (fields.get('login') ?? '').trim()
    const account = accounts.signIn(login, fields.get('password') ?? '')
    if (!account) return showFailure(ctx, loginPage({ ...form, login, failed: true }))
    const before = await provider.Session.get(ctx)
    if (before.accountId !== undefined) await before.destroy()
    const session = new provider.Session()
    session.loginAccount({ accountId: account.sub, amr: ['pwd'] })
    await session.save(SESSION_TTL_SECONDS)
    ctx.cookies.set(provider.cookieName('session'), session.jti, {
      httpOnly: true,
      sameSite: 'lax',
      maxAge: SESSION_TTL_SECONDS * 1000,
    })
  }
  ctx.status = 303
  ctx.redirect(returnTo)
}

/** Path and query of this origin, `/` for anything else: no open redirect. */
function ownPath(asked: string | null, issuer: string): string {
  if (asked === null || !asked.startsWith('/') || !URL.canParse(asked, issuer)) return '/'
  const url = new URL(asked, issuer)
  if (url.origin !== new URL(issuer).origin || url.pathname.startsWith('//')) return '/'
  return url.pathname + url.search
}

/** A form of at most 16 KiB; anything larger or of another type reads as an empty one. */
async function readForm(ctx: Context): Promise<URLSearchParams> {
  const request: IncomingMessage = ctx.req
  if (!ctx.is('urlencoded')) return new URLSearchParams()
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    size += chunk.length
    if (size > FORM_LIMIT_BYTES) return new URLSearchParams()
    chunks.push(chunk)
  }
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'))
}
