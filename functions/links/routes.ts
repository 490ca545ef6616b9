import * as z from 'zod'
import { AccountId, Link } from '../../schemas/link.ts'
import type { Table } from '../kernel/table.ts'
import { json, operation, partnerOf, problemAnswer, router } from '../kernel/validate.ts'
import { linksOfAccount } from './find-links.ts'

export const linkRoutes = (needs: { table: Table }) =>
  router().openapi(
    operation({
      method: 'get',
      path: '/v1/links',
      summary: "The links of one of the partner's own accounts",
      tag: 'partner',
      scopes: ['entitlements:read'],
      request: { query: z.object({ account: AccountId }) },
      responses: { 200: json(z.object({ items: z.array(Link) }), 'Links, ended ones too'), default: problemAnswer },
    }),
    async c => {
      const partner = partnerOf(c, 'only a partner has accounts')
      return c.json({ items: await linksOfAccount(needs, partner, c.req.valid('query').account) }, 200)
    },
  )
