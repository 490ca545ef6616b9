import type { Part } from './gateway.ts'
import { deviceRoutes } from './oauth/device-routes.ts'
import { authorizationErrorPage, interactionRoutes } from './oauth/interaction-routes.ts'
import { authorizationServer } from './oauth/provider.ts'
import { oauthRoutes } from './oauth/routes.ts'
import { pages } from './portal/pages.tsx'

/** The authorization server, and the pages that a member meets in its flows. */
export const authorizePart: Part = (app, services) => {
  const shown = pages(services)
  const authorization = authorizationServer({ ...services, renderError: authorizationErrorPage(shown) })
  app.route('/', oauthRoutes({ authorization }))
  app.route('/', interactionRoutes(shown, authorization.flows))
  app.route('/', deviceRoutes(shown, authorization.flows))
}
