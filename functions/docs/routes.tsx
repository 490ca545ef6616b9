import { type App, router } from '../kernel/validate.ts'
import type { ApiDocument } from './document.ts'
import { stylesheet } from './style.ts'
import { referencePage } from './views/page.tsx'

/**
 * `GET /docs`: the OpenAPI document as a page to read, without script. Made here because the usual viewer (Scalar)
 * brings 243 MB of dependencies and needs script and inline styles, which the policy below forbids.
 * @param document what `GET /openapi.json` answers; asked for once
 */
export function docsRoutes({ document }: { document: () => unknown }): App {
  const app = router()
  let page: string | undefined
  app.get('/docs', c => {
    // Read as its readers get it: as JSON, without what is undefined.
    page ??= referencePage(JSON.parse(JSON.stringify(document())) as ApiDocument)
    return c.html(page, 200, {
      'cache-control': 'public, max-age=300',
      'content-language': 'en',
      'content-security-policy':
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    })
  })
  app.get('/docs.css', c =>
    c.body(stylesheet, 200, {
      'content-type': 'text/css; charset=utf-8',
      'cache-control': 'public, max-age=31536000, immutable',
    }),
  )
  return app
}
