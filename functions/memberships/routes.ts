import { z } from '@hono/zod-openapi'
import { MembershipId } from '../../schemas/ids.ts'
import { MembershipAction, MembershipRequest, MembershipVerb, MembershipView } from '../../schemas/membership.ts'
import type { Now } from '../kernel/clock.ts'
import { idempotent } from '../kernel/idempotency.ts'
import type { NewId, Random } from '../kernel/ids.ts'
import type { Table } from '../kernel/table.ts'
import {
  callerOf,
  json,
  jsonBody,
  operation,
  optionalJsonBody,
  problemAnswer,
  refuseOtherBodies,
  router,
} from '../kernel/validate.ts'
import { changeMembership } from './change.ts'
import { sell } from './sell.ts'
import { viewMembership } from './view.ts'

type Needs = { table: Table; now: Now; wallNow: Now; newId: NewId; random: Random }
const params = z.object({ id: MembershipId })
const summaries: Record<MembershipVerb, string> = {
  renew: 'Add a term',
  cancel: 'Let it end with its term',
  suspend: 'Suspend it with its entitlements; for the reason `fraud` sign the member out everywhere, too',
  resume: 'Lift a suspension',
  refund: 'End it now and revoke its entitlements; for the reason `fraud` sign the member out everywhere, too',
}

export function membershipRoutes(needs: Needs) {
  const routes = router()
    .openapi(
      operation({
        method: 'post',
        path: '/v1/memberships',
        summary: 'Sell a membership; the external id makes it safe to retry',
        tag: 'operator',
        scopes: ['memberships:write'],
        middleware: [idempotent(needs)],
        request: { body: jsonBody(MembershipRequest) },
        responses: { 201: json(MembershipView, 'The membership'), default: problemAnswer },
      }),
      async c => {
        const caller = callerOf(c)
        const { id } = await sell(needs, caller, c.req.valid('json'))
        return c.json(await viewMembership(needs, id, caller.brand), 201, { location: `/v1/memberships/${id}` })
      },
    )
    .openapi(
      operation({
        method: 'get',
        path: '/v1/memberships/{id}',
        summary: 'A membership with its links and entitlements',
        tag: 'operator',
        scopes: ['memberships:write'],
        request: { params },
        responses: { 200: json(MembershipView, 'The membership'), default: problemAnswer },
      }),
      async c => c.json(await viewMembership(needs, c.req.valid('param').id, callerOf(c).brand), 200),
    )
  for (const verb of MembershipVerb.options)
    routes.openapi(
      operation({
        method: 'post',
        path: `/v1/memberships/{id}/${verb}`,
        summary: summaries[verb],
        tag: 'operator',
        scopes: ['memberships:write'],
        middleware: [refuseOtherBodies, idempotent(needs)],
        request: { params, body: optionalJsonBody(MembershipAction) },
        responses: { 200: json(MembershipView, 'The membership after it'), default: problemAnswer },
      }),
      async c => {
        const caller = callerOf(c)
        const { id } = c.req.valid('param')
        await changeMembership(needs, caller, { id, verb, action: c.req.valid('json') })
        return c.json(await viewMembership(needs, id, caller.brand), 200)
      },
    )
  return routes
}
