import { z } from '@hono/zod-openapi'
import { StatementId } from '../../schemas/ids.ts'
import { Period, Slug } from '../../schemas/primitives.ts'
import { PeriodState, PeriodView, Preview, Statement } from '../../schemas/settlement.ts'
import { periodDays } from '../kernel/calendar.ts'
import { Refusal } from '../kernel/refusal.ts'
import {
  callerOf,
  json,
  operation,
  optionalJsonBody,
  problemAnswer,
  refuseOtherBodies,
  router,
} from '../kernel/validate.ts'
import { journal } from '../reports/journal.ts'
import { statementCsv } from '../reports/statement-csv.ts'
import { transfersOfPeriod } from './balances.ts'
import { requestClose } from './close.ts'
import type { SettlementNeeds } from './inputs.ts'
import { knownPeriod, listPeriods, ownProgramme, preview, viewPeriod } from './periods.ts'
import { findStatement, findStatementToken, listStatements } from './statements.ts'

const tag = 'finance'
const params = z.object({ programme: Slug, period: Period })
const path = '/v1/programmes/{programme}/periods/{period}' as const
const limit = z.coerce.number().int().min(1).max(100).default(50)
const PeriodList = z.object({ items: z.array(PeriodView), next: Period.optional() })
const StatementList = z.object({ items: z.array(Statement), next: z.string().optional() })
const CloseAnswer = z.object({ period: Period, state: PeriodState })
const text = (type: string, description: string) => ({ description, content: { [type]: { schema: z.string() } } })

export const settlementRoutes = (needs: SettlementNeeds) =>
  router().route('/', periodRoutes(needs)).route('/', statementRoutes(needs))

const periodRoutes = (needs: SettlementNeeds) =>
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
        summary: 'What the period posted to the ledger, as a plain-text journal for hledger and ledger',
        tag,
        scopes: ['finance:read'],
        request: { params },
        responses: { 200: text('text/plain', 'The journal'), default: problemAnswer },
      }),
      async c => {
        const { programme, period } = c.req.valid('param')
        await ownProgramme(needs, callerOf(c), programme)
        await knownPeriod(needs, { programme, period })
        const transfers = await transfersOfPeriod(needs, { programme, period })
        return c.text(journal(transfers, periodDays(period).last, `${programme} ${period}`), 200)
      },
    )

const statementRoutes = (needs: Pick<SettlementNeeds, 'table'>) =>
  router()
    .openapi(
      operation({
        method: 'get',
        path: '/v1/statements',
        summary: 'Statements to which the caller is a party',
        tag,
        scopes: ['finance:read', 'settlements:read'],
        request: {
          query: z.object({
            programme: Slug.optional(),
            period: Period.optional(),
            limit,
            cursor: z.string().max(400).optional(),
          }),
        },
        responses: { 200: json(StatementList, 'By programme, period and id'), default: problemAnswer },
      }),
      async c => c.json(await listStatements(needs, { caller: callerOf(c), ...c.req.valid('query') }), 200),
    )
    .openapi(
      operation({
        method: 'get',
        path: '/v1/statements/{id}',
        summary: 'A statement; with the suffix .csv or .jwt as CSV or as signed token',
        tag,
        scopes: ['finance:read', 'settlements:read'],
        request: { params: z.object({ id: z.string().max(64) }) },
        responses: {
          200: {
            description: 'The statement in the form that the suffix names',
            content: {
              'application/json': { schema: Statement },
              'text/csv': { schema: z.string() },
              'application/jwt': { schema: z.string() },
            },
          },
          default: problemAnswer,
        },
      }),
      async c => {
        const { id, form } = formOf(c.req.valid('param').id)
        const caller = callerOf(c)
        if (form === 'jwt')
          return c.body(await findStatementToken(needs, { caller, id }), 200, { 'content-type': 'application/jwt' })
        const statement = await findStatement(needs, { caller, id })
        if (form === 'json') return c.json(statement, 200)
        return c.body(statementCsv(statement), 200, {
          'content-type': 'text/csv; charset=utf-8',
          'content-disposition': `attachment; filename="${statement.id}.csv"`,
        })
      },
    )

/** The id of a path parameter and the form its suffix asks for. @throws Refusal statement-not-found */
function formOf(parameter: string): { id: string; form: 'json' | 'csv' | 'jwt' } {
  const [id = '', form = 'json', ...rest] = parameter.split('.')
  if (!StatementId.safeParse(id).success || rest.length > 0 || (form !== 'json' && form !== 'csv' && form !== 'jwt'))
    throw new Refusal('statement-not-found')
  return { id, form }
}
