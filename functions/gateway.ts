import type { Context, MiddlewareHandler } from 'hono'
import { methodNotAllowed } from 'hono/method-not-allowed'
import { secureHeaders } from 'hono/secure-headers'
import { ForeignId } from '../schemas/primitives.ts'
import { type Entry, type Route, routes } from '../schemas/routes.ts'
import { usageLimits } from '../schemas/usage.ts'
import type { Services } from './connect.ts'
import { answerProblem } from './kernel/problem.ts'
import { Refusal } from './kernel/refusal.ts'
import { type App, bodyWithin, type GatewayEnv, router } from './kernel/validate.ts'
import { bearer } from './oauth/bearer-routes.ts'
import { accessVerifier } from './oauth/verify-access.ts'

/** Mounts the routes of one entry. */
export type Part = (app: App, services: Services) => void

/**
 * What all routes have in common, around the parts that are given. A Lambda imports its own entry's part and nothing of
 * the others (`gateway-token.ts` and so on); `npm start` and tests serve all of them (`gateway-whole.ts`).
 */
export function gateway(services: Services, parts: Partial<Record<Entry, Part>>): App {
  const app = router()
  app.use(observed(services))
  app.use(
    secureHeaders({
      crossOriginResourcePolicy: false,
      xFrameOptions: 'DENY',
      referrerPolicy: 'same-origin',
      // Over plain http (npm start) a browser would ignore it, and localhost must not be forced to https.
      strictTransportSecurity: services.issuer.startsWith('https:') ? 'max-age=31536000; includeSubDomains' : false,
    }),
  )
  app.use(methodNotAllowed({ app, onMethodNotAllowed: (_c, allowed) => refuseMethod(allowed) }))
  app.use(bodyWithin(usageLimits.bytes, `at most ${usageLimits.bytes} bytes`, ['/v1/usage-batches']))
  app.use(bearer(accessVerifier(services)))
  app.onError(answerProblem(services.log))
  app.notFound(answerNothing(services))

  for (const mount of Object.values(parts)) mount(app, services)
  refuseOtherMethods(
    app,
    routes.filter(route => !parts[route.entry]),
  )
  return app
}

/** Unknown routes are problems too. */
export const answerNothing =
  ({ log }: Pick<Services, 'log'>) =>
  (c: Context<GatewayEnv>) =>
    answerProblem(log)(new Refusal('not-found', `there is no ${c.req.path}`), c)

/**
 * On AWS a wrong method on another Lambda's path falls to this one by the default route: it must answer 405 as the
 * whole gateway would, not 404.
 */
function refuseOtherMethods(app: App, elsewhere: readonly Route[]): void {
  for (const { method, path } of elsewhere) {
    const allowed = method === 'GET' ? ['GET', 'HEAD'] : [method]
    app.all(path.replaceAll(/{([^}]+)}/g, ':$1'), () => refuseMethod(allowed))
  }
}

/** Names every request, and logs what was answered: no query, body or token. */
function observed({ log, newId }: Services): MiddlewareHandler<GatewayEnv> {
  return async (c, next) => {
    const requestId = newId<string>('req')
    c.set('requestId', requestId)
    const started = performance.now()
    await next()
    c.res.headers.set('x-request-id', callersId(c) ?? requestId)
    // Answers are somebody's data unless a route says that they may be kept.
    if (!c.res.headers.has('cache-control')) c.res.headers.set('cache-control', 'no-store')
    const milliseconds = Math.round(performance.now() - started)
    const { client } = c.get('caller') ?? {}
    log('info', 'answered', {
      requestId,
      method: c.req.method,
      route: c.req.routePath,
      status: c.res.status,
      milliseconds,
      client,
    })
  }
}

/**
 * AuthZEN 1.0 (Request Identification) has a caller find its own request id in the answer, a refusal too. The log and
 * the problems keep ours: nothing that a caller made up gets into either.
 */
function callersId(c: Context<GatewayEnv>): string | undefined {
  const id = c.req.path.startsWith('/access/') ? c.req.header('x-request-id') : undefined
  return ForeignId.safeParse(id).data
}

function refuseMethod(allowed: string[]): never {
  throw new Refusal('method-not-allowed', `allowed here: ${allowed.join(', ')}`, {
    headers: { allow: allowed.join(', ') },
  })
}
