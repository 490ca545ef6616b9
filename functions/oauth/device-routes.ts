import { type App, router } from '../kernel/validate.ts'
import type { pages } from '../portal/pages.tsx'
import type { LinkFlows } from './flows.ts'
import { devicePages } from './interaction-device.ts'

/** Where a member types the code that a TV shows (RFC 8628 section 3.3). */
export function deviceRoutes({ member, form, limit }: ReturnType<typeof pages>, flows: LinkFlows): App {
  const { show, answer } = devicePages(flows)
  const app = router()
  app.get('/device', member(show))
  app.post('/device', limit, form(answer))
  return app
}
