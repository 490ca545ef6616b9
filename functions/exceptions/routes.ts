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
const paging = { limit: z.coerce.number().int().min(1).max(100).default(50), cursor: z.string().max(2_000).optional() }
const filter = z.object({
  state: ExceptionState.optional(),
  reason: ExceptionReason.optional(),
  programme: Slug.optional(),
  period: Period.optional(),
  partner: Slug.optional(),
  severity: Severity.optional(),
  ...paging,
})
const linePaging = z.object({ ...paging, limit: z.coerce.number().int().min(1).max(1000).default(100) })
const ExceptionPage = z.strictObject({ items: z.array(UsageException), next: z.string().optional() })
const LinePage = z.strictObject({ items: z.array(ExceptionalLine), next: z.string().optional() })
const answers = { 200: json(UsageException, 'The exception as it now stands'), default: problemAnswer }

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
          200: json(ExceptionPage, 'By state, reason, period and opening; a page may be short of items'),
          default: problemAnswer,
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
        responses: answers,
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
        responses: { 200: json(LinePage, 'In the order of the lines'), default: problemAnswer },
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
        responses: answers,
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
        responses: answers,
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
        responses: answers,
      }),
      async c => {
        const request = { caller: callerOf(c), id: c.req.valid('param').id, ...c.req.valid('json') }
        return c.json(await disputeException(needs, request), 200)
      },
    )
