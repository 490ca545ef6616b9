import { randomUUID } from 'node:crypto'
import type { HttpBindings } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { accepts } from 'hono/accepts'
import { bodyLimit } from 'hono/body-limit'
import { secureHeaders } from 'hono/secure-headers'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import * as z from 'zod'
import { EntitlementId } from '../../schemas/ids.ts'
import { Slug } from '../../schemas/primitives.ts'
import type { PassClaims, Verifier } from '../../sdk/index.ts'
import { errorFields, type Log } from '../kernel/log.ts'
import type { OpenidProvider } from './openid.ts'
import type { Language } from './pages.ts'
import { GatewayRefused, GatewayUnreachable, type PartnerGateway } from './partner-gateway.ts'
import type { Frame } from './partner-layout.tsx'
import type { MembershipDesk } from './partner-membership.ts'
import { membershipRoutes } from './partner-membership-routes.ts'
import { homePage, signedOutPage, type Trouble, troublePage } from './partner-pages.tsx'
import { platformStyle } from './partner-style.ts'
import { passFor, type Standing, standingOf } from './partner-unlock.ts'
import { ReceiptRefused, type UsageDesk } from './partner-usage.ts'
import { usagePage } from './partner-usage-page.tsx'

type PlatformEnv = { Bindings: HttpBindings }
type PlatformContext = Context<PlatformEnv>

export interface PlatformNeeds {
  /** Origin of the platform: forms from any other are refused. */
  readonly url: string
  /** The same on every page. */
  readonly frame: Omit<Frame, 'language' | 'account'>
  readonly issuer: string
  readonly provider: Pick<OpenidProvider, 'signedIn'>
  readonly gateway: PartnerGateway
  readonly verifier: Verifier
  readonly claims: PassClaims
  readonly usage: UsageDesk
  readonly desk: MembershipDesk
  readonly log: Log
}

const FORM_LIMIT_BYTES = 16 * 1024

/** Ids of an unlocked card's form. All three are checked against a fresh token before anything is reported. */
const UseForm = z.object({ benefit: Slug, entitlement: EntitlementId, use: z.uuid() })

/** A partner's own pages: what is unlocked and why, a use and its receipt, and the uses reported so far. */
export function platformRoutes(needs: PlatformNeeds): Hono<PlatformEnv> {
  const { frame, usage, gateway } = needs
  const style = platformStyle(frame.display)
  const app = new Hono<PlatformEnv>()
  app.use(
    secureHeaders({
      contentSecurityPolicy: {
        defaultSrc: ["'none'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'"],
        formAction: ["'self'"],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
      },
      // Same-origin forms must say where they come from, so not `no-referrer`, which blanks Origin.
      referrerPolicy: 'same-origin',
      strictTransportSecurity: false,
    }),
  )
  app.get('/platform.css', c => c.body(style, 200, { 'content-type': 'text/css; charset=utf-8', ...cached }))
  app.get('/icon.svg', c => c.body(icon(frame.display.colour), 200, { 'content-type': 'image/svg+xml', ...cached }))
  app.get('/', c => home(needs, c))
  app.post('/use', bodyLimit({ maxSize: FORM_LIMIT_BYTES, onError: c => tooLarge(needs, c) }), c => use(needs, c))
  app.get('/usage', async c => {
    const uses = await Promise.all(
      usage.recent().map(async reported => ({
        use: reported,
        dispositions: await gateway.dispositions(reported.batch).catch(quietly(needs)),
      })),
    )
    return page(c, usagePage(await framed(needs, c), uses))
  })
  app.route('/', membershipRoutes({ ...needs, framed: c => framed(needs, c), page }))
  app.notFound(async c => page(c, troublePage(await framed(needs, c), { kind: 'not-found' }), 404))
  app.onError(async (error, c) => {
    const { status, ...trouble } = troubleOf(error)
    logTrouble(needs, trouble, error)
    return page(c, troublePage(await framed(needs, c), trouble), status)
  })
  return app
}

const cached = { 'cache-control': 'public, max-age=300' }
const icon = (colour: string): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="8" fill="${colour}"/></svg>`

async function home(needs: PlatformNeeds, c: PlatformContext): Promise<Response> {
  const frame = await framed(needs, c)
  const { account } = frame
  if (account === undefined) return page(c, signedOutPage(frame))
  const standing = await standingOf(needs, account)
  logRefusals(needs, standing)
  const used = needs.usage.find(account, c.req.query('used') ?? '')
  const html = homePage(frame, { standing, issuer: needs.issuer, newUseId: randomUUID, used })
  return page(c, html, keysAreMissing(standing) ? 503 : 200)
}

/** Unlocks once more by a fresh token, reports the use, and shows it on the page that follows. */
async function use(needs: PlatformNeeds, c: PlatformContext): Promise<Response> {
  const frame = await framed(needs, c)
  const { account } = frame
  // Cookies cross the ports of one host, so SameSite tells the demo's platforms apart no more than the cookie does.
  if (c.req.header('origin') !== needs.url) return page(c, troublePage(frame, { kind: 'cross-origin-form' }), 403)
  if (account === undefined) return c.redirect(frame.paths.signIn, 303)
  const form = UseForm.safeParse(await c.req.parseBody().catch(() => ({})))
  if (!form.success) return page(c, troublePage(frame, { kind: 'invalid-form' }), 400)
  try {
    const { benefit, entitlement, use: useId } = form.data
    const before = needs.usage.known({ account, useId })
    const pass = before ? undefined : passFor(await standingOf(needs, account), benefit, entitlement)
    if (!before && (!pass || pass.entitlement.remaining === 0))
      return page(c, troublePage(frame, { kind: 'not-unlocked' }), 409)
    const reported = await needs.usage.use({ account, useId, ...(pass && { pass }) })
    needs.log('info', 'use-reported', {
      partner: frame.partner,
      batch: reported.batch,
      sequence: reported.sequence,
    })
    return c.redirect(`/?used=${encodeURIComponent(reported.batch)}`, 303)
  } catch (error) {
    const { status, ...trouble } = troubleOf(error)
    logTrouble(needs, trouble, error)
    return page(c, troublePage(frame, { ...trouble, again: form.data }), status)
  }
}

async function tooLarge(needs: PlatformNeeds, c: PlatformContext): Promise<Response> {
  return page(c, troublePage(await framed(needs, c), { kind: 'invalid-form', code: 'body-too-large' }), 413)
}

async function framed({ frame, provider }: PlatformNeeds, c: PlatformContext): Promise<Frame> {
  return { ...frame, language: languageOf(c), account: await provider.signedIn(c.env.incoming) }
}

const languageOf = (c: PlatformContext): Language =>
  accepts(c, {
    header: 'Accept-Language',
    supports: ['zh', 'en'],
    default: 'en',
    match: (accepted, { default: fallback }) => {
      const [first] = accepted
        .filter(({ type, q }) => q > 0 && /^(zh|en)\b/i.test(type))
        .sort((a, b) => b.q - a.q)
        .map(({ type }) => type.slice(0, 2).toLowerCase())
      return first ?? fallback
    },
  }) === 'zh'
    ? 'zh-CN'
    : 'en'

const page = (c: PlatformContext, html: string, status: ContentfulStatusCode = 200): Response | Promise<Response> =>
  c.html(html, status, {
    'cache-control': 'no-store',
    vary: 'Accept-Language, Cookie',
    'content-language': languageOf(c),
  })

/** The issuer's keys could not be had: the same token may verify in a moment. */
const keysAreMissing = (standing: Standing): boolean =>
  standing.kind === 'linked' &&
  standing.passes.length === 0 &&
  standing.refusals.some(({ by, code }) => by === 'verification' && code.startsWith('keys-'))

function troubleOf(error: unknown): Trouble & { status: ContentfulStatusCode } {
  if (error instanceof GatewayUnreachable) return { kind: 'gateway-unreachable', status: 503 }
  // What is the gateway's own fault passes; what it refuses stays refused.
  if (error instanceof GatewayRefused)
    return { kind: error.status >= 500 ? 'gateway-unreachable' : 'gateway-refused', code: error.code, status: 502 }
  if (error instanceof ReceiptRefused) return { kind: 'receipt-refused', code: error.code, status: 502 }
  return { kind: 'internal-error', status: 500 }
}

/** Codes only: neither accounts nor subjects nor tokens. */
function logTrouble({ log, frame }: PlatformNeeds, { kind, code }: Trouble, error: unknown): void {
  const fields = { partner: frame.partner, kind, code }
  if (kind === 'internal-error') log('error', 'platform-failed', { ...fields, ...errorFields(error) })
  else log('warn', 'platform-trouble', fields)
}

function logRefusals({ log, frame }: PlatformNeeds, standing: Standing): void {
  if (standing.kind !== 'linked') return
  for (const { by, code } of standing.refusals) log('info', 'benefit-locked', { partner: frame.partner, by, code })
}

/** A list is worth showing without the answer that failed. */
const quietly = (needs: PlatformNeeds) => (error: unknown) => {
  const { status: _status, ...trouble } = troubleOf(error)
  logTrouble(needs, trouble, error)
  return undefined
}
