import { z } from '@hono/zod-openapi'
import { BatchView, LineDisposition } from '../../schemas/disposition.ts'
import { type App, json, operation, partnerOf, problemAnswer, router } from '../kernel/validate.ts'
import { type BatchViewNeeds, batchDispositions, viewBatch } from './batch-view.ts'

const notAPartner = 'only a partner has usage batches'
const params = z.object({ id: z.string().max(64).openapi({ description: 'Batch id' }) })
const query = z.object({
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  cursor: z.string().max(100).optional(),
})
const DispositionPage = z.strictObject({ items: z.array(LineDisposition), next: z.string().optional() })

export const reconciliationRoutes = (needs: BatchViewNeeds): App =>
  router()
    .openapi(
      operation({
        method: 'get',
        path: '/v1/usage-batches/{id}',
        summary: 'A batch with its lines counted by disposition',
        tag: 'partner',
        scopes: ['usage:write'],
        request: { params },
        responses: { 200: json(BatchView, 'The counts add up to the lines'), default: problemAnswer },
      }),
      async c =>
        c.json(await viewBatch(needs, { partner: partnerOf(c, notAPartner), id: c.req.valid('param').id }), 200),
    )
    .openapi(
      operation({
        method: 'get',
        path: '/v1/usage-batches/{id}/dispositions',
        summary: 'The disposition of each line of a batch',
        tag: 'partner',
        scopes: ['usage:write'],
        request: { params, query },
        responses: { 200: json(DispositionPage, 'In the order of the lines'), default: problemAnswer },
      }),
      async c => {
        const name = { partner: partnerOf(c, notAPartner), id: c.req.valid('param').id }
        return c.json(await batchDispositions(needs, { ...name, ...c.req.valid('query') }), 200)
      },
    )
