import { randomUUID } from 'node:crypto'
import type { HttpBindings } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { createPassDesk, type PassClaims, type PassDesk, TokenRefused, type Verifier } from '../../sdk/index.ts'
import { errorFields, type Log } from '../kernel/log.ts'
import type { PartnerGateway } from './partner-gateway.ts'
import type { Frame } from './partner-layout.tsx'
import type { MembershipDesk } from './partner-membership.ts'
import { connectPage, outcomePage, type TillOutcome, tillPage, tvPage } from './partner-membership-pages.tsx'
import { type Outcome, type OutcomeBook, outcomeBook } from './partner-outcomes.ts'

type PlatformEnv = { Bindings: HttpBindings }
type PlatformContext = Context<PlatformEnv>

export interface MembershipNeeds {
  readonly url: string
  readonly desk: MembershipDesk
  readonly verifier: Verifier
  readonly gateway: Pick<PartnerGateway, 'liveLinks'>
  /** What accepts a pass once for all tills. */
  readonly claims: PassClaims
  readonly log: Log
  readonly framed: (c: PlatformContext) => Promise<Frame>
  readonly page: (
    c: PlatformContext,
    html: string,
    status?: 200 | 400 | 403 | 409 | 502,
  ) => Response | Promise<Response>
}

const FORM_LIMIT_BYTES = 16 * 1024
const EVENTS_SHOWN = 5

/** How a membership comes to the platform from its own side: on the web, on a TV, at a till; and how it ends. */
export function membershipRoutes(needs: MembershipNeeds): Hono<PlatformEnv> {
  const app = new Hono<PlatformEnv>()
  const limit = bodyLimit({ maxSize: FORM_LIMIT_BYTES })
  const outcomes = outcomeBook()
  const linking = { ...needs, outcomes }
  for (const [path, answer] of Object.entries(pagesOfLinking)) app.get(path, signedIn(linking, answer))
  for (const [path, answer] of Object.entries(formsOfLinking)) app.post(path, limit, signedIn(linking, answer))
  const { framed, page, url, verifier, claims, log } = needs
  const passes = createPassDesk({ verifier, claims })
  app.get('/till', async c => page(c, tillPage(await framed(c))))
  app.post('/till', limit, async c => {
    const frame = await framed(c)
    const foreign = c.req.header('origin') !== url
    const outcome = foreign ? refused('cross-origin-form') : await scanned(log, passes, await c.req.parseBody())
    return page(c, tillPage(frame, outcome), outcome.kind === 'accepted' ? 200 : 409)
  })
  app.post('/events', limit, c => receive(needs, c))
  return app
}

type Linking = MembershipNeeds & { readonly outcomes: OutcomeBook }
type Visit = { readonly c: PlatformContext; readonly frame: Frame; readonly account: string }
type Answer = (needs: Linking, visit: Visit) => Promise<Response>

/** A page or form of who is signed in; a form only from here. */
function signedIn(needs: Linking, answer: Answer) {
  const { framed, page, url, log } = needs
  return async (c: PlatformContext): Promise<Response> => {
    const frame = await framed(c)
    if (c.req.method === 'POST' && c.req.header('origin') !== url)
      return page(c, outcomePage(frame, { kind: 'refused', code: 'cross-origin-form' }), 403)
    if (frame.account === undefined) return c.redirect(frame.paths.signIn, 303)
    try {
      return await answer(needs, { c, frame, account: frame.account })
    } catch (error) {
      log('warn', 'membership-failed', { partner: frame.partner, ...errorFields(error) })
      return page(c, outcomePage(frame, { kind: 'refused', code: codeOf(error) }), 502)
    }
  }
}

const pagesOfLinking: Record<string, Answer> = {
  async '/connect'({ desk, gateway, outcomes, page }, { c, frame, account }) {
    const done = c.req.query('done')
    const outcome = done === undefined ? undefined : await outcomes.find(account, done)
    if (outcome) return page(c, outcomePage(frame, outcome))
    const links = await gateway.liveLinks(account)
    // An answer that nobody awaits: of an attempt that is over, or of one that was made before this process started.
    if (done !== undefined && links.length === 0) return page(c, outcomePage(frame, { kind: 'cancelled' }))
    return page(c, connectPage(frame, { links, events: desk.eventsOf(account).slice(0, EVENTS_SHOWN) }))
  },
  async '/connect/start'({ desk }, { c, account }) {
    return c.redirect(await desk.begin(account), 303)
  },
  /** Redirects, so that going back or loading again shows what came of it and sends no answer twice. */
  async '/connect/callback'(needs, { c, frame, account }) {
    const { desk, outcomes, url, log } = needs
    const { search, searchParams } = new URL(c.req.url)
    const state = searchParams.get('state') ?? ''
    if (!desk.awaits(account, state) && outcomes.find(account, state) === undefined)
      return c.redirect('/connect?done=unknown', 303)
    await outcomes.once(account, state, async () => {
      try {
        const link = await desk.finish(account, new URL(`/connect/callback${search}`, url))
        return link === undefined ? { kind: 'cancelled' } : { kind: 'connected', link }
      } catch (error) {
        log('warn', 'membership-failed', { partner: frame.partner, ...errorFields(error) })
        return { kind: 'refused', code: codeOf(error) }
      }
    })
    return c.redirect(`/connect?done=${encodeURIComponent(state)}`, 303)
  },
  async '/tv'(needs, visit) {
    const { c, frame, account } = visit
    const outcome = await needs.desk.checkTv(account)
    if (outcome.kind === 'none') return needs.page(c, tvPage(frame))
    if (outcome.kind === 'linked') return told(needs, visit, { kind: 'connected', link: outcome.link })
    if (outcome.kind === 'refused') return told(needs, visit, outcome)
    // A TV has no script here, and nobody at its buttons.
    c.header('refresh', String(outcome.flow.intervalSeconds))
    return needs.page(c, tvPage(frame, outcome.flow))
  },
}

const formsOfLinking: Record<string, Answer> = {
  async '/tv'({ desk }, { c, account }) {
    await desk.beginOnTv(account)
    return c.redirect('/tv', 303)
  },
  async '/withdraw'(needs, visit) {
    const links = await needs.gateway.liveLinks(visit.account)
    if (links.length === 0) return told(needs, visit, { kind: 'nothing-linked' })
    await needs.desk.withdraw(visit.account)
    return told(needs, visit, { kind: 'withdrawn' })
  },
}

/** On a page of its own, which may be loaded again. */
async function told({ outcomes }: Linking, { c, account }: Visit, outcome: Outcome): Promise<Response> {
  const key = randomUUID()
  await outcomes.once(account, key, async () => outcome)
  return c.redirect(`/connect?done=${key}`, 303)
}

const refused = (code: string): TillOutcome => ({ kind: 'refused', code })

/** First offline, as a till without a connection would; then at the gateway, so that no other till takes it too. */
async function scanned(log: Log, passes: PassDesk, form: Record<string, unknown>): Promise<TillOutcome> {
  const token = typeof form['token'] === 'string' ? form['token'].trim() : ''
  try {
    const { entitlements } = await passes.accept(token)
    return { kind: 'accepted', benefits: entitlements.map(({ benefit }) => benefit) }
  } catch (error) {
    log('info', 'pass-refused', { code: codeOf(error) })
    return refused(codeOf(error))
  }
}

/** RFC 8935: 202 once the event is taken, also when it was taken before. */
async function receive({ desk, log }: MembershipNeeds, c: PlatformContext): Promise<Response> {
  try {
    await desk.receive(await c.req.text())
    return c.body(null, 202)
  } catch (error) {
    if (!(error instanceof TokenRefused)) throw error
    if (error.code === 'event-replayed') return c.body(null, 202)
    log('warn', 'event-refused', { code: error.code })
    return c.json({ err: 'invalid_request', description: error.code }, error.temporary ? 503 : 400)
  }
}

function codeOf(error: unknown): string {
  const { code, error: oauth, error_description: told } = Object(error) as Record<string, unknown>
  const first = typeof told === 'string' ? /^([a-z][a-z-]{1,63}):/.exec(told)?.[1] : undefined
  return (
    ([first, code, oauth].find(text => typeof text === 'string' && /^[\w-]{1,64}$/.test(text)) as string) ?? 'failed'
  )
}
