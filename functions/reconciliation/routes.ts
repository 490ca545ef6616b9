import { z } from '@hono/zod-openapi'
import { BatchView, Disposition, LineDisposition } from '../../schemas/disposition.ts'
import { Period, Slug } from '../../schemas/primitives.ts'
import { BatchSummary, PeriodLine, UsageDay, UsagePeriod } from '../../schemas/usage-view.ts'
import { type App, json, operation, partnerOf, problemAnswer, router } from '../kernel/validate.ts'
import { batchDispositions, viewBatch, viewBatches } from './batch-view.ts'
import type { ChainNeeds } from './chain-inputs.ts'
import { exact, type PeriodViewNeeds, periodLines, usageDays, viewUsagePeriod } from './period-view.ts'
import { batchCsv, csvHeaders, daysCsv, linesCsv } from './usage-csv.ts'
import type { DaySum } from './usage-days.ts'

const noBatches = 'only a partner has usage batches'
const noUsage = 'only a partner reports usage'
const tag = 'partner'
const scopes = ['usage:write' as const]
const limit = z.coerce.number().int().min(1)
const listQuery = z.object({ limit: limit.max(1_000).default(100), cursor: z.string().max(1_000).optional() })
/** An answer of Lambda has 6 MB at most: what is longer comes in several files. */
const fileQuery = listQuery.extend({ limit: limit.max(10_000).default(10_000) })
const filter = { disposition: Disposition.optional(), programme: Slug.optional() }
const batchParams = z.object({ id: z.string().max(64).openapi({ description: 'Batch id' }) })
const periodParams = z.object({ period: Period })
const path = '/v1/usage-periods/{period}' as const
const pageOf = <Item extends z.ZodType>(item: Item) =>
  z.strictObject({ items: z.array(item), next: z.string().optional() })
const BatchPage = pageOf(BatchSummary)
const DispositionPage = pageOf(LineDisposition)
const DayPage = pageOf(UsageDay)
const LinePage = pageOf(PeriodLine)

const csvAnswer = (description: string) => ({
  description: `${description}. Where rows are left, the header Link names the next file`,
  headers: z.object({ link: z.string().optional().openapi({ description: '<…>; rel="next" (RFC 8288)' }) }),
  content: { 'text/csv': { schema: z.string() } },
})

/** What a partner reads of its usage: by batch and by period. */
export function reconciliationRoutes(needs: PeriodViewNeeds): App {
  const app = router()
  for (const routes of [batchRoutes(needs), summaryRoutes(needs), lineRoutes(needs)]) app.route('/', routes)
  return app
}

const batchRoutes = (needs: ChainNeeds): App =>
  router()
    .openapi(
      operation({
        method: 'get',
        path: '/v1/usage-batches',
        summary: 'Batches, newest first',
        tag,
        scopes,
        request: { query: listQuery },
        responses: { 200: json(BatchPage, 'A page of batches'), default: problemAnswer },
      }),
      async c => c.json(await viewBatches(needs, { partner: partnerOf(c, noBatches), ...c.req.valid('query') }), 200),
    )
    .openapi(
      operation({
        method: 'get',
        path: '/v1/usage-batches/{id}',
        summary: 'A batch with its lines counted by disposition',
        tag,
        scopes,
        request: { params: batchParams },
        responses: { 200: json(BatchView, 'The counts add up to the lines'), default: problemAnswer },
      }),
      async c => c.json(await viewBatch(needs, { partner: partnerOf(c, noBatches), id: c.req.valid('param').id }), 200),
    )
    .openapi(
      operation({
        method: 'get',
        path: '/v1/usage-batches/{id}/dispositions',
        summary: 'The disposition of each line of a batch',
        tag,
        scopes,
        request: { params: batchParams, query: listQuery },
        responses: { 200: json(DispositionPage, 'In the order of the lines'), default: problemAnswer },
      }),
      async c => {
        const name = { partner: partnerOf(c, noBatches), id: c.req.valid('param').id }
        return c.json(await batchDispositions(needs, { ...name, ...c.req.valid('query') }), 200)
      },
    )
    .openapi(
      operation({
        method: 'get',
        path: '/v1/usage-batches/{id}/dispositions.csv',
        summary: 'The disposition of each line of a batch, as CSV',
        tag,
        scopes,
        request: { params: batchParams, query: fileQuery },
        responses: { 200: csvAnswer('In the order of the lines'), default: problemAnswer },
      }),
      async c => {
        const asked = { id: c.req.valid('param').id, ...c.req.valid('query') }
        const { items, next } = await batchDispositions(needs, { partner: partnerOf(c, noBatches), ...asked })
        return c.body(batchCsv(asked.id, items), 200, csvHeaders(c.req.url, { name: asked.id, next }))
      },
    )

const summaryRoutes = (needs: PeriodViewNeeds): App =>
  router()
    .openapi(
      operation({
        method: 'get',
        path,
        summary: 'Usage of a period by programme; provisional while it is open',
        tag,
        scopes,
        request: { params: periodParams },
        responses: { 200: json(UsagePeriod, 'The period'), default: problemAnswer },
      }),
      async c => {
        const { period } = c.req.valid('param')
        return c.json(await viewUsagePeriod(needs, { partner: partnerOf(c, noUsage), period }), 200)
      },
    )
    .openapi(
      operation({
        method: 'get',
        path: `${path}/days`,
        summary: 'Usage of a period by day, benefit and disposition',
        tag,
        scopes,
        request: { params: periodParams, query: listQuery },
        responses: { 200: json(DayPage, 'Each line of the period is in one row'), default: problemAnswer },
      }),
      async c => {
        const asked = { ...c.req.valid('param'), ...c.req.valid('query') }
        const { items, ...rest } = await usageDays(needs, { partner: partnerOf(c, noUsage), ...asked })
        return c.json({ items: items.map(usageDay), ...rest }, 200)
      },
    )
    .openapi(
      operation({
        method: 'get',
        path: `${path}/days.csv`,
        summary: 'Usage of a period by day, benefit and disposition, as CSV',
        tag,
        scopes,
        request: { params: periodParams, query: fileQuery },
        responses: { 200: csvAnswer('Each line of the period is in one row'), default: problemAnswer },
      }),
      async c => {
        const asked = { ...c.req.valid('param'), ...c.req.valid('query') }
        const { items, next } = await usageDays(needs, { partner: partnerOf(c, noUsage), ...asked })
        return c.body(daysCsv(items), 200, csvHeaders(c.req.url, { name: `usage-${asked.period}-days`, next }))
      },
    )

const lineRoutes = (needs: PeriodViewNeeds): App =>
  router()
    .openapi(
      operation({
        method: 'get',
        path: `${path}/dispositions`,
        summary: 'The lines of a period with their dispositions',
        tag,
        scopes,
        request: { params: periodParams, query: listQuery.extend(filter) },
        responses: { 200: json(LinePage, 'In the order in which they were reported'), default: problemAnswer },
      }),
      async c => {
        const asked = { ...c.req.valid('param'), ...c.req.valid('query') }
        return c.json(await periodLines(needs, { partner: partnerOf(c, noUsage), ...asked }), 200)
      },
    )
    .openapi(
      operation({
        method: 'get',
        path: `${path}/dispositions.csv`,
        summary: 'The lines of a period with their dispositions, as CSV',
        tag,
        scopes,
        request: { params: periodParams, query: fileQuery.extend(filter) },
        responses: { 200: csvAnswer('In the order in which they were reported'), default: problemAnswer },
      }),
      async c => {
        const asked = { ...c.req.valid('param'), ...c.req.valid('query') }
        const { items, next } = await periodLines(needs, { partner: partnerOf(c, noUsage), ...asked })
        return c.body(linesCsv(items), 200, csvHeaders(c.req.url, { name: `usage-${asked.period}-lines`, next }))
      },
    )

const usageDay = ({ quantity, currency, amountMinor, ...day }: DaySum): UsageDay => ({
  ...day,
  quantity: exact(quantity),
  ...(currency !== undefined && { amount: { currency, amountMinor: exact(amountMinor) } }),
})
