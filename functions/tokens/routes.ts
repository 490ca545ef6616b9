import { EntitlementTokenAnswer, EntitlementTokenRequest } from '../../schemas/token.ts'
import type { Now } from '../kernel/clock.ts'
import type { Table } from '../kernel/table.ts'
import { json, jsonBody, operation, partnerOf, problemAnswer, router } from '../kernel/validate.ts'
import type { KeyRing } from './keys.ts'
import { mint } from './mint.ts'

export const tokenRoutes = (needs: { table: Table; keys: KeyRing; now: Now; issuer: string }) =>
  router().openapi(
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
