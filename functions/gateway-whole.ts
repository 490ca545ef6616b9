import { OpenAPIHono } from '@hono/zod-openapi'
import { Scope } from '../schemas/client.ts'
import { brandRoutes } from './brands/routes.ts'
import type { Services } from './connect.ts'
import { contractRoutes } from './contracts/routes.ts'
import { docsRoutes } from './docs/routes.tsx'
import { eventRoutes } from './events/routes.ts'
import { exceptionRoutes } from './exceptions/routes.ts'
import { financeRoutes } from './finance/routes.tsx'
import { answerNothing, gateway, type Part } from './gateway.ts'
import { authorizePart } from './gateway-authorize.ts'
import { exceptionNeeds, settlementNeeds, statementNeeds, usageNeeds } from './gateway-needs.ts'
import { tokenPart } from './gateway-token.ts'
import type { App } from './kernel/validate.ts'
import { linkRoutes } from './links/routes.ts'
import { membershipRoutes } from './memberships/routes.ts'
import { partnerRoutes } from './partners/routes.ts'
import { passRoutes } from './passes/routes.ts'
import { lostPage, portalRoutes } from './portal/routes.tsx'
import { programmeRoutes } from './programmes/routes.ts'
import { reconciliationRoutes } from './reconciliation/routes.ts'
import { redemptionRoutes } from './redemptions/routes.ts'
import { paymentRoutes } from './settlement/payment-routes.ts'
import { settlementRoutes } from './settlement/routes.ts'
import { statementRoutes } from './settlement/statement-routes.ts'
import { keyRoutes } from './tokens/key-routes.ts'
import { usageRoutes } from './usage/routes.ts'

/** Every route there is, in one process: for `npm start` and tests. `schemas/routes.ts` lists the same ones for CDK. */
export const wholeGateway = (services: Services): App =>
  gateway(services, { api: apiPart, token: tokenPart, authorize: authorizePart })

/** Everything that the other two entries do not serve, and the description of the whole. */
export const apiPart: Part = (app, services) => {
  app.get('/health', c => c.json({ status: 'ok' }))
  mountDomains(app, services)
  app.route('/', portalRoutes(services))
  app.route('/', financeRoutes(services, deskOf(services)))
  // Built once: it is public, and takes longer than any other answer.
  let built: ReturnType<typeof openApiDocument> | undefined
  const document = () => {
    built ??= openApiDocument(services)
    return built
  }
  app.get('/openapi.json', c => c.json(document()))
  const lost = lostPage(services)
  // A browser that asks for a page is a person; programs get the problem that they can read.
  app.notFound(c => (/^text\/html\b/.test(c.req.header('accept') ?? '') ? lost(c) : answerNothing(services)(c)))
  app.route('/', docsRoutes({ document }))
}

/** What the pages for staff read of the domains. */
const deskOf = (services: Services) => ({
  ...services,
  settlement: settlementNeeds(services),
  exceptions: exceptionNeeds(services),
  namesOf: statementNeeds(services).namesOf,
})

const mountDomains: Part = (app, services) => {
  app.route('/', programmeRoutes(services))
  app.route('/', partnerRoutes(services))
  app.route('/', contractRoutes(services))
  app.route('/', brandRoutes(services))
  app.route('/', membershipRoutes(services))
  app.route('/', linkRoutes(services))
  app.route('/', passRoutes(services))
  app.route('/', redemptionRoutes(services))
  app.route('/', eventRoutes(services))
  app.route('/', keyRoutes(services))
  app.route('/', usageRoutes(usageNeeds(services)))
  app.route('/', reconciliationRoutes(usageNeeds(services)))
  app.route('/', exceptionRoutes(exceptionNeeds(services)))
  app.route('/', settlementRoutes(settlementNeeds(services)))
  app.route('/', statementRoutes(statementNeeds(services)))
  app.route('/', paymentRoutes(settlementNeeds(services)))
}

/** The whole surface, whichever entry answers: built from the zod schemas of every route. */
function openApiDocument(services: Services) {
  const { described } = gateway(services, { api: mountDomains, token: tokenPart, authorize: authorizePart })
  const whole = new OpenAPIHono()
  for (const description of described) whole.openAPIRegistry.registerPath(description)
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
