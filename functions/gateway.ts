import type { MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { methodNotAllowed } from 'hono/method-not-allowed'
import { secureHeaders } from 'hono/secure-headers'
import { Scope } from '../schemas/client.ts'
import { type Entry, type Route, routes } from '../schemas/routes.ts'
import { usageLimits } from '../schemas/usage.ts'
import type { Services } from './connect.ts'
import { contractRoutes } from './contracts/routes.ts'
import { docsRoutes } from './docs/routes.tsx'
import { settlementNeeds, usageNeeds } from './gateway-needs.ts'
import { answerProblem } from './kernel/problem.ts'
import { Refusal } from './kernel/refusal.ts'
import { type App, type GatewayEnv, router } from './kernel/validate.ts'
import { linkRoutes } from './links/routes.ts'
import { membershipRoutes } from './memberships/routes.ts'
import { authorizationServer } from './oauth/provider.ts'
import { bearer, oauthRoutes } from './oauth/routes.ts'
import { accessVerifier } from './oauth/verify-access.ts'
import { partnerRoutes } from './partners/routes.ts'
import { portalRoutes } from './portal/routes.tsx'
import { programmeRoutes } from './programmes/routes.ts'
import { reconciliationRoutes } from './reconciliation/routes.ts'
import { settlementRoutes } from './settlement/routes.ts'
import { tokenRoutes } from './tokens/routes.ts'
import { usageRoutes } from './usage/routes.ts'

/**
 * Which routes exist. A Lambda serves its own entry's routes; `npm start` and tests serve all of them.
 * `schemas/routes.ts` lists the same ones for CDK.
 */
export function gateway(services: Services, entry?: Entry): App {
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
  app.use(bodyLimit({ maxSize: usageLimits.bytes, onError: () => refuseSize() }))
  app.use(bearer(accessVerifier(services)))
  app.onError(answerProblem(services.log))
  app.notFound(c => answerProblem(services.log)(new Refusal('not-found', `there is no ${c.req.path}`), c))

  const wanted = (candidate: Entry) => entry === undefined || entry === candidate
  if (wanted('token')) app.route('/', tokenRoutes(services))
  if (wanted('authorize')) app.route('/', oauthRoutes({ authorization: authorizationServer(services) }))
  if (wanted('api')) mountApi(app, services)
  refuseOtherMethods(
    app,
    routes.filter(route => !wanted(route.entry)),
  )
  return app
}

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

function mountApi(app: App, services: Services): void {
  app.get('/health', c => c.json({ status: 'ok' }))
  app.route('/', programmeRoutes(services))
  app.route('/', partnerRoutes(services))
  app.route('/', contractRoutes(services))
  app.route('/', membershipRoutes(services))
  app.route('/', linkRoutes(services))
  app.route('/', usageRoutes(usageNeeds(services)))
  app.route('/', reconciliationRoutes(usageNeeds(services)))
  app.route('/', settlementRoutes(settlementNeeds(services)))
  app.route('/', portalRoutes(services))
  // Built once: it is public, and takes longer than any other answer.
  let built: ReturnType<typeof openApiDocument> | undefined
  const document = () => {
    built ??= openApiDocument(services)
    return built
  }
  app.get('/openapi.json', c => c.json(document()))
  app.route('/', docsRoutes({ document }))
}

/** The whole surface, whichever entry answers: built from the zod schemas of every route. */
function openApiDocument(services: Services) {
  const whole = gateway(services)
  whole.openAPIRegistry.registerComponent('securitySchemes', 'oauth', {
    type: 'oauth2',
    flows: {
      clientCredentials: {
        tokenUrl: `${services.issuer}/oauth/token`,
        scopes: Object.fromEntries(Scope.options.map(scope => [scope, scope])),
      },
    },
  })
  return whole.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Tessera',
      version: '0.1.0',
      description: 'Partner-benefits federation gateway',
      license: { name: 'Apache-2.0' },
    },
    servers: [{ url: services.issuer }],
  })
}

/** Names every request, and logs what was answered: no query, body or token. */
function observed({ log, newId }: Services): MiddlewareHandler<GatewayEnv> {
  return async (c, next) => {
    const requestId = newId<string>('req')
    c.set('requestId', requestId)
    const started = performance.now()
    await next()
    c.res.headers.set('x-request-id', requestId)
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

function refuseMethod(allowed: string[]): never {
  throw new Refusal('method-not-allowed', `allowed here: ${allowed.join(', ')}`, {
    headers: { allow: allowed.join(', ') },
  })
}

function refuseSize(): never {
  throw new Refusal('body-too-large', `at most ${usageLimits.bytes} bytes`)
}
