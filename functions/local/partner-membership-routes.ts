import type { HttpBindings } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { createPassDesk, TokenRefused, type Verifier } from '../../sdk/index.ts'
import { errorFields, type Log } from '../kernel/log.ts'
import type { Frame } from './partner-layout.tsx'
import type { MembershipDesk } from './partner-membership.ts'
import { connectPage, outcomePage, type TillOutcome, tillPage, tvPage } from './partner-membership-pages.tsx'

type PlatformEnv = { Bindings: HttpBindings }
type PlatformContext = Context<PlatformEnv>

export interface MembershipNeeds {
  readonly url: string
  readonly desk: MembershipDesk
  readonly verifier: Verifier
  /** Redeems a pass at the gateway, once for all tills. @throws what has a `code` when it is refused */
  readonly redeem: (token: string) => Promise<{ benefits: readonly string[] }>
  readonly log: Log
  readonly framed: (c: PlatformContext) => Promise<Frame>
  readonly page: (
    c: PlatformContext,
    html: string,
    status?: 200 | 400 | 403 | 409 | 502,
  ) => Response | Promise<Response>
}

const FORM_LIMIT_BYTES = 16 * 1024

/** How a membership comes to the platform from its own side: on the web, on a TV, at a till; and how it ends. */
export function membershipRoutes(needs: MembershipNeeds): Hono<PlatformEnv> {
  const { desk, framed, page, url, log } = needs
  const passes = createPassDesk({ verifier: needs.verifier })
  const app = new Hono<PlatformEnv>()
  const limit = bodyLimit({ maxSize: FORM_LIMIT_BYTES })

  /** A page or form of who is signed in; a form only from here. */
  const signedIn = (answer: (c: PlatformContext, frame: Frame, account: string) => Promise<Response>) => {
    return async (c: PlatformContext): Promise<Response> => {
      const frame = await framed(c)
      if (c.req.method === 'POST' && c.req.header('origin') !== url)
        return page(c, outcomePage(frame, { kind: 'cancelled' }), 403)
      if (frame.account === undefined) return c.redirect(frame.paths.signIn, 303)
      try {
        return await answer(c, frame, frame.account)
      } catch (error) {
        log('warn', 'membership-failed', { partner: frame.partner, ...errorFields(error) })
        return page(c, outcomePage(frame, { kind: 'refused', code: codeOf(error) }), 502)
      }
    }
  }

  app.get(
    '/connect',
    signedIn(async (c, frame, account) =>
      page(c, connectPage(frame, { membership: desk.membershipOf(account), events: desk.eventsReceived() })),
    ),
  )
  app.get(
    '/connect/start',
    signedIn(async (c, _frame, account) => c.redirect(await desk.begin(account), 303)),
  )
  app.get(
    '/connect/callback',
    signedIn(async (c, frame, account) => {
      const { search } = new URL(c.req.url)
      const link = await desk.finish(account, new URL(`/connect/callback${search}`, url))
      return page(c, outcomePage(frame, link ? { kind: 'connected', link } : { kind: 'cancelled' }), link ? 200 : 409)
    }),
  )
  app.get(
    '/tv',
    signedIn(async (c, frame) => page(c, tvPage(frame, undefined))),
  )
  app.post(
    '/tv',
    limit,
    signedIn(async (c, frame, account) => page(c, tvPage(frame, await desk.beginOnTv(account)))),
  )
  app.post(
    '/tv/check',
    limit,
    signedIn(async (c, frame, account) => {
      const outcome = await desk.checkTv(account)
      if (outcome.kind === 'waiting') return page(c, tvPage(frame, outcome.flow, { checked: true }))
      if (outcome.kind === 'linked') return page(c, outcomePage(frame, { kind: 'connected', link: outcome.link }))
      return page(c, outcomePage(frame, outcome.kind === 'none' ? { kind: 'cancelled' } : outcome), 409)
    }),
  )
  app.post(
    '/withdraw',
    limit,
    signedIn(async (c, frame, account) => {
      await desk.withdraw(account)
      return page(c, outcomePage(frame, { kind: 'withdrawn' }))
    }),
  )
  app.get('/till', async c => page(c, tillPage(await framed(c))))
  app.post('/till', limit, async c => {
    const frame = await framed(c)
    const foreign = c.req.header('origin') !== url
    const outcome = foreign ? refused('cross-origin-form') : await scanned(needs, passes, await c.req.parseBody())
    return page(c, tillPage(frame, outcome), outcome.kind === 'accepted' ? 200 : 409)
  })
  app.post('/events', limit, c => receive(needs, c))
  return app
}

const refused = (code: string): TillOutcome => ({ kind: 'refused', code })

/** First offline, as a till without a connection would; then at the gateway, so that no other till takes it too. */
async function scanned(
  { redeem, log }: MembershipNeeds,
  passes: ReturnType<typeof createPassDesk>,
  form: Record<string, unknown>,
): Promise<TillOutcome> {
  const token = typeof form['token'] === 'string' ? form['token'].trim() : ''
  try {
    await passes.accept(token)
    return { kind: 'accepted', ...(await redeem(token)) }
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
    return c.json({ err: 'invalid_request', description: error.code }, 400)
  }
}

function codeOf(error: unknown): string {
  const { code, error: oauth, error_description: told } = Object(error) as Record<string, unknown>
  const first = typeof told === 'string' ? /^([a-z][a-z-]{1,63}):/.exec(told)?.[1] : undefined
  return (
    ([first, code, oauth].find(text => typeof text === 'string' && /^[\w-]{1,64}$/.test(text)) as string) ?? 'failed'
  )
}
