import { z } from '@hono/zod-openapi'
import { Partner, PartnerDocument } from '../../schemas/partner.ts'
import { Slug } from '../../schemas/primitives.ts'
import type { Now } from '../kernel/clock.ts'
import { Refusal } from '../kernel/refusal.ts'
import type { Table } from '../kernel/table.ts'
import { callerOf, json, jsonBody, operation, problemAnswer, router } from '../kernel/validate.ts'
import type { Vault } from '../tokens/vault.ts'
import { findPartner } from './find-partner.ts'
import { etagOf, registerPartner } from './register-partner.ts'

const params = z.object({ id: Slug })
const headers = z.object({ 'if-match': z.string().max(40).optional() })

export const partnerRoutes = (needs: { table: Table; vault: Vault; now: Now }) =>
  router()
    .openapi(
      operation({
        method: 'put',
        path: '/v1/partners/{id}',
        summary: 'Register a partner or change its registration',
        tag: 'operator',
        scopes: ['partners:write'],
        request: { params, headers, body: jsonBody(PartnerDocument) },
        responses: { 200: json(Partner, 'The registration, without its secret'), default: problemAnswer },
      }),
      async c => {
        const document = c.req.valid('json')
        if (document.id !== c.req.valid('param').id)
          throw new Refusal('invalid-request', undefined, {
            errors: [{ pointer: '/id', detail: 'the id is not that of the path' }],
          })
        const ifMatch = c.req.valid('header')['if-match']
        const partner = await registerPartner(needs, { caller: callerOf(c), document, ifMatch })
        return c.json(partner, 200, { etag: etagOf(partner.version) })
      },
    )
    .openapi(
      operation({
        method: 'get',
        path: '/v1/partners/{id}',
        summary: "A partner's registration",
        tag: 'operator',
        scopes: ['partners:write'],
        request: { params },
        responses: { 200: json(Partner, 'The registration, without its secret'), default: problemAnswer },
      }),
      async c => {
        const partner = await findPartner(needs, c.req.valid('param').id)
        return c.json(partner, 200, { etag: etagOf(partner.version) })
      },
    )
