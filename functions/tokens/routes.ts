import { z } from '@hono/zod-openapi'
import { PublicJwk } from '../../schemas/key.ts'
import { EntitlementTokenAnswer, EntitlementTokenRequest } from '../../schemas/token.ts'
import { hashOf } from '../kernel/canonical.ts'
import type { Now } from '../kernel/clock.ts'
import type { Table } from '../kernel/table.ts'
import { json, jsonBody, operation, partnerOf, problemAnswer, router } from '../kernel/validate.ts'
import type { KeyRing } from './keys.ts'
import { mint } from './mint.ts'

export const tokenRoutes = (needs: { table: Table; keys: KeyRing; now: Now; issuer: string }) =>
  router()
    .openapi(
      operation({
        method: 'post',
        path: '/v1/entitlement-tokens',
        summary: "A signed token of a link's entitlements",
        tag: 'partner',
        scopes: ['entitlements:read'],
        request: { body: jsonBody(EntitlementTokenRequest) },
        responses: { 200: json(EntitlementTokenAnswer, 'The token'), default: problemAnswer },
      }),
      async c => {
        const partner = partnerOf(c, 'entitlement tokens are for partners')
        return c.json(await mint(needs, partner, c.req.valid('json')), 200, { 'cache-control': 'no-store' })
      },
    )
    .openapi(
      operation({
        method: 'get',
        path: '/.well-known/jwks.json',
        summary: 'Public keys of everything the gateway signs (RFC 7517)',
        tag: 'trust',
        scopes: [],
        responses: {
          200: json(z.object({ keys: z.array(PublicJwk) }), 'The key set'),
          304: { description: 'The key set that the ETag names still holds' },
          default: problemAnswer,
        },
      }),
      async c => {
        const keys = await needs.keys.publicKeys()
        const etag = `"${hashOf(keys).slice(0, 32)}"`
        const headers = { etag, 'cache-control': 'public, max-age=300' }
        if (isHeld(c.req.header('if-none-match'), etag)) return c.body(null, 304, headers)
        return c.json({ keys }, 200, headers)
      },
    )

/** If-None-Match (RFC 9110 §13.1.2) compares weakly: proxies that compress mark an ETag as weak. */
const isHeld = (ifNoneMatch: string | undefined, etag: string): boolean =>
  (ifNoneMatch?.split(',') ?? []).some(tag => ['*', etag].includes(tag.trim().replace(/^W\//, '')))
