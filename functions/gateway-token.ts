import type { Part } from './gateway.ts'
import { authzenRoutes } from './tokens/authzen-routes.ts'
import { jwksRoutes } from './tokens/key-routes.ts'
import { tokenRoutes } from './tokens/routes.ts'
import { statusListRoutes } from './tokens/status-routes.ts'

/** What partners call for each visit of a member: the smallest bundle, which starts and scales on its own. */
export const tokenPart: Part = (app, services) => {
  app.route('/', tokenRoutes(services))
  app.route('/', jwksRoutes(services))
  app.route('/', statusListRoutes(services))
  app.route('/', authzenRoutes(services))
}
