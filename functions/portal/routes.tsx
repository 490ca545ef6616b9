import { refusals } from '../kernel/refusal.ts'
import { type App, router } from '../kernel/validate.ts'
import { showActivity } from './activity.ts'
import { askChoice, chooseBenefits } from './choosing.ts'
import { showLinked } from './linked.ts'
import { askConsent, beginLink, finishLink } from './linking.ts'
import { showOverview } from './overview.ts'
import { type Needs, type Page, pages } from './pages.tsx'
import { showPass } from './pass.ts'
import { askErasure, confirmErasure, downloadExport, showPrivacy, signOutHereOrEverywhere } from './privacy.ts'
import { beginSignIn, finishSignIn } from './sign-in.ts'
import { stylesheet } from './stylesheet.ts'
import { askUnlink, finishUnlink } from './unlinking.ts'
import { NoticeShown, type SignedInVisit } from './visit.ts'

/** The member portal: pages for people, who get pages for errors too. */
export function portalRoutes(services: Needs): App {
  const { open, member, form, limit } = pages(services)
  const app = router()
  app.get('/portal.css', c =>
    c.body(stylesheet, 200, {
      'content-type': 'text/css; charset=utf-8',
      'cache-control': 'public, max-age=31536000, immutable',
      'x-content-type-options': 'nosniff',
    }),
  )
  app.get('/', open(showOverview))
  app.get('/sign-in', open(beginSignIn))
  app.get('/sign-in/callback', open(finishSignIn))
  app.post('/sign-out', limit, form(signOutHereOrEverywhere))
  app.get('/link/:partner', member(askConsent))
  app.post('/link/:partner', limit, form(unlessCancelled(beginLink)))
  app.get('/link/:partner/callback', open(finishLink))
  app.get('/link/:partner/done', member(showLinked))
  app.get('/unlink/:partner', member(askUnlink))
  app.post('/unlink/:partner', limit, form(finishUnlink))
  app.get('/choose/:group', member(askChoice))
  app.post('/choose/:group', limit, form(chooseBenefits))
  app.get('/activity', member(showActivity))
  app.get('/pass', member(showPass))
  app.get('/privacy', open(showPrivacy))
  app.get('/privacy/export', member(downloadExport))
  app.get('/privacy/erase', member(askErasure))
  app.post('/privacy/erase', limit, form(confirmErasure))
  return app
}

/** What a person gets at an address that leads nowhere. */
export const lostPage = (services: Needs) =>
  pages(services).open(async () => {
    throw new NoticeShown({ code: 'not-found', status: refusals['not-found'][0] })
  })

const unlessCancelled =
  (page: Page<SignedInVisit>): Page<SignedInVisit> =>
  async (portal, visit, ...parameters) =>
    visit.form.has('cancel') ? { location: '/' } : page(portal, visit, ...parameters)
