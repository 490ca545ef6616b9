import { z } from '@hono/zod-openapi'
import {
  AssignRequest,
  DisputeRequest,
  ExceptionalLine,
  ExceptionReason,
  ExceptionState,
  ResolveRequest,
  Severity,
  UsageException,
} from '../../schemas/exception.ts'
import { Period, Slug } from '../../schemas/primitives.ts'
import { idempotent } from '../kernel/idempotency.ts'
import { type App, callerOf, json, jsonBody, operation, problemAnswer, router } from '../kernel/validate.ts'
import { assignException, disputeException } from './act.ts'
import { exceptionLines } from './exception-lines.ts'
import { listExceptions } from './list-exceptions.ts'
import { resolveException } from './resolve.ts'
import { type ExceptionNeeds, findOne } from './view.ts'

const path = '/v1/exceptions/{id}' as const
const tag = 'finance'
const params = z.object({ id: z.string().max(64).openapi({ description: 'Exception id' }) })
/** A query parameter as the OpenAPI document describes it. */
const asked = <S extends z.ZodType>(schema: S, description: string) => schema.optional().openapi({ description })
const limit = z.coerce.number().int().min(1)
const cursor = asked(z.string().max(2_000), '`next` of the page before, with the same filters')
/** Strict: a mistyped filter would be a list of everything. */
const filter = z.strictObject({
  state: asked(ExceptionState, 'In this state'),
  reason: asked(ExceptionReason, 'Of this reason'),
  programme: asked(Slug, 'Of this programme'),
  period: asked(Period, 'Of this accounting period'),
  partner: asked(Slug, 'Of the lines of this partner'),
  severity: asked(Severity, 'Of this severity at this moment'),
  limit: limit.max(100).default(50).openapi({ description: 'Items of a page at most' }),
  cursor,
})
const linePaging = z.strictObject({
  limit: limit.max(1000).default(100).openapi({ description: 'Lines of a page at most' }),
  cursor,
})
const ExceptionPage = z.strictObject({ items: z.array(UsageException), next: z.string().optional() })
const LinePage = z.strictObject({ items: z.array(ExceptionalLine), next: z.string().optional() })
/** The problems of an operation, with when each of them is. */
const problems = (...codes: string[]) => ({
  ...problemAnswer,
  description: `A problem (RFC 9457), of its own: ${codes.join('; ')}`,
})
const unseen = '`exception-not-found`, also for those of others'
const resolved = '`exception-resolved`: it is decided, and the detail says what can be done yet'
const answers = (...codes: string[]) => ({
  200: json(UsageException, 'The exception as it now stands'),
  default: problems(unseen, ...codes),
})

export const exceptionRoutes = (needs: ExceptionNeeds) =>
  router().route('/', readingRoutes(needs)).route('/', decidingRoutes(needs))

const readingRoutes = (needs: ExceptionNeeds): App =>
  router()
    .openapi(
      operation({
        method: 'get',
        path: '/v1/exceptions',
        summary: 'Exceptions of the programmes of the caller’s brand, or those of the partner that calls',
        tag,
        scopes: ['finance:read', 'usage:write'],
        request: { query: filter },
        responses: {
          200: json(
            ExceptionPage,
            'By state, reason, period and opening; a page may be short of items, also empty: read on while there is a ' +
              '`next`. Without `state`, an exception that moves on to another state while it is listed may come twice: ' +
              'the later one is as it stands',
          ),
          default: problems('`invalid-request` names unknown parameters, and a cursor of another list'),
        },
      }),
      async c => c.json(await listExceptions(needs, { caller: callerOf(c), ...c.req.valid('query') }), 200),
    )
    .openapi(
      operation({
        method: 'get',
        path,
        summary: 'An exception with its evidence and its whole trail',
        tag,
        scopes: ['finance:read', 'usage:write'],
        request: { params },
        responses: answers(),
      }),
      async c => c.json(await findOne(needs, { caller: callerOf(c), id: c.req.valid('param').id }), 200),
    )
    .openapi(
      operation({
        method: 'get',
        path: `${path}/lines`,
        summary: 'Every line of an exception',
        tag,
        scopes: ['finance:read', 'usage:write'],
        request: { params, query: linePaging },
        responses: { 200: json(LinePage, 'In the order of the lines'), default: problems(unseen) },
      }),
      async c => {
        const request = { caller: callerOf(c), id: c.req.valid('param').id, ...c.req.valid('query') }
        return c.json(await exceptionLines(needs, request), 200)
      },
    )

const decidingRoutes = (needs: ExceptionNeeds): App =>
  router()
    .openapi(
      operation({
        method: 'post',
        path: `${path}/assign`,
        summary: 'Assign an exception to somebody',
        tag,
        scopes: ['finance:write'],
        middleware: [idempotent(needs)],
        request: { params, body: jsonBody(AssignRequest) },
        responses: answers(
          '`not-yours` to a partner: the brand decides',
          resolved,
          '`wrong-state` after 100 entries of its trail: resolve it',
        ),
      }),
      async c => {
        const request = { caller: callerOf(c), id: c.req.valid('param').id, ...c.req.valid('json') }
        return c.json(await assignException(needs, request), 200)
      },
    )
    .openapi(
      operation({
        method: 'post',
        path: `${path}/resolve`,
        summary: 'Accept, reject or adjust an exception; what is accepted or adjusted is billed by the next close',
        tag,
        scopes: ['finance:write'],
        middleware: [idempotent(needs)],
        request: { params, body: jsonBody(ResolveRequest) },
        responses: answers(
          '`not-yours` to a partner: the brand decides',
          resolved,
          '`not-billable` where a line cannot be billed, or its event is billed already: the detail names the line and what to do',
          '`busy` while a long chain is reconciled: ask again after Retry-After',
        ),
      }),
      async c => {
        const request = { caller: callerOf(c), id: c.req.valid('param').id, resolution: c.req.valid('json') }
        return c.json(await resolveException(needs, request), 200)
      },
    )
    .openapi(
      operation({
        method: 'post',
        path: `${path}/dispute`,
        summary: 'Dispute an exception, or the rejection of one, within 30 days',
        tag: 'partner',
        scopes: ['usage:write'],
        middleware: [idempotent(needs)],
        request: { params, body: jsonBody(DisputeRequest) },
        responses: answers(
          '`not-yours` to the brand: the partner disputes',
          resolved,
          '`dispute-too-late` after the deadline, which it names',
          '`wrong-state` while a dispute waits for a decision, and for lines of no programme, about which nobody decides',
        ),
      }),
      async c => {
        const request = { caller: callerOf(c), id: c.req.valid('param').id, ...c.req.valid('json') }
        return c.json(await disputeException(needs, request), 200)
      },
    )
