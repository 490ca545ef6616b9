import { refusals } from '../kernel/refusal.ts'
import { type App, router } from '../kernel/validate.ts'
import type { pages } from '../portal/pages.tsx'
import type { LinkFlows } from './flows.ts'
import { interactionPages } from './interaction.ts'
import type { RenderError } from './provider.ts'
import { faultView } from './views/fault.tsx'

type Pages = ReturnType<typeof pages>

/** Consent in a flow that a partner began in a browser. */
export function interactionRoutes({ member, form, limit }: Pages, flows: LinkFlows): App {
  const { show, answer } = interactionPages(flows)
  const app = router()
  app.get('/oauth/interaction/:uid', member(show))
  app.post('/oauth/interaction/:uid', limit, form(answer))
  return app
}

/** OAuth errors that must stay here, as pages in the person's language. */
export const authorizationErrorPage =
  ({ open }: Pages): RenderError =>
  async (request, code) => {
    const app = router()
    app.all(
      '*',
      open(async ({ log }, visit) => {
        log('warn', 'authorization-refused', { code })
        if (code === 'interaction-expired') return { notice: { code, status: refusals[code][0] } }
        return { view: faultView(visit, { code, status: code === 'server_error' ? 500 : 400 }) }
      }),
    )
    return app.fetch(request)
  }
