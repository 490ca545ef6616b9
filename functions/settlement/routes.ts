import { z } from '@hono/zod-openapi'
import { Period, Slug } from '../../schemas/primitives.ts'
import { PeriodState, PeriodView, Preview } from '../../schemas/settlement.ts'
import {
  callerOf,
  json,
  operation,
  optionalJsonBody,
  problemAnswer,
  refuseOtherBodies,
  router,
} from '../kernel/validate.ts'
import { requestClose } from './close.ts'
import type { SettlementNeeds } from './inputs.ts'
import { periodJournal } from './payments-journal.ts'
import { knownPeriod, listPeriods, ownProgramme, preview, viewPeriod } from './periods.ts'

const tag = 'finance'
const params = z.object({ programme: Slug, period: Period })
const path = '/v1/programmes/{programme}/periods/{period}' as const
const limit = z.coerce.number().int().min(1).max(100).default(50)
const PeriodList = z.object({ items: z.array(PeriodView), next: Period.optional() })
const CloseAnswer = z.object({ period: Period, state: PeriodState })
const text = (type: string, description: string) => ({ description, content: { [type]: { schema: z.string() } } })

export const settlementRoutes = (needs: SettlementNeeds) =>
  router()
    .openapi(
      operation({
        method: 'get',
        path: '/v1/programmes/{programme}/periods',
        summary: 'Periods of a programme with their state and totals',
        tag,
        scopes: ['finance:read'],
        request: { params: params.pick({ programme: true }), query: z.object({ limit, cursor: Period.optional() }) },
        responses: { 200: json(PeriodList, 'Periods, oldest first'), default: problemAnswer },
      }),
      async c => {
        const { id: programme } = await ownProgramme(needs, callerOf(c), c.req.valid('param').programme)
        return c.json(await listPeriods(needs, { programme, ...c.req.valid('query') }), 200)
      },
    )
    .openapi(
      operation({
        method: 'get',
        path,
        summary: 'State, dispositions and totals of a period; provisional while it is open',
        tag,
        scopes: ['finance:read'],
        request: { params },
        responses: { 200: json(PeriodView, 'The period'), default: problemAnswer },
      }),
      async c => {
        await ownProgramme(needs, callerOf(c), c.req.valid('param').programme)
        return c.json(await viewPeriod(needs, c.req.valid('param')), 200)
      },
    )
    .openapi(
      operation({
        method: 'post',
        path: `${path}/preview`,
        summary: 'Statements as a close would make them now; nothing is posted',
        tag,
        scopes: ['finance:read'],
        middleware: [refuseOtherBodies],
        request: { params, body: optionalJsonBody(z.strictObject({})) },
        responses: { 200: json(Preview, 'The statements'), default: problemAnswer },
      }),
      async c => {
        await ownProgramme(needs, callerOf(c), c.req.valid('param').programme)
        return c.json(await preview(needs, c.req.valid('param')), 200)
      },
    )
    .openapi(
      operation({
        method: 'post',
        path: `${path}/close`,
        summary: 'Close a period for good; poll the period for its state',
        tag,
        scopes: ['finance:write'],
        middleware: [refuseOtherBodies],
        request: { params, body: optionalJsonBody(z.strictObject({})) },
        responses: { 202: json(CloseAnswer, 'The close is under way or done'), default: problemAnswer },
      }),
      async c => {
        await ownProgramme(needs, callerOf(c), c.req.valid('param').programme)
        const { period, state } = await requestClose(needs, c.req.valid('param'))
        return c.json({ period, state }, 202)
      },
    )
    .openapi(
      operation({
        method: 'get',
        path: `${path}/journal`,
        summary: 'What the period posted to the ledger and what was paid of it, as a journal for hledger and ledger',
        tag,
        scopes: ['finance:read'],
        request: { params },
        responses: { 200: text('text/plain', 'The journal'), default: problemAnswer },
      }),
      async c => {
        const { programme, period } = c.req.valid('param')
        await ownProgramme(needs, callerOf(c), programme)
        await knownPeriod(needs, { programme, period })
        return c.text(await periodJournal(needs, { programme, period }), 200)
      },
    )
