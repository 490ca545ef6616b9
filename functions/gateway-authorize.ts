import type { Part } from './gateway.ts'
import { authorizationServer } from './oauth/provider.ts'
import { oauthRoutes } from './oauth/routes.ts'

/** The authorization server. */
export const authorizePart: Part = (app, services) => {
  app.route('/', oauthRoutes({ authorization: authorizationServer(services) }))
}
