import { z } from '@hono/zod-openapi'
import { Slug } from '../../schemas/primitives.ts'
import { Programme, ProgrammeDocument } from '../../schemas/programme.ts'
import type { Now } from '../kernel/clock.ts'
import { Refusal } from '../kernel/refusal.ts'
import type { Table } from '../kernel/table.ts'
import { callerOf, json, jsonBody, operation, problemAnswer, router } from '../kernel/validate.ts'
import { applyProgramme, etagOf } from './apply-programme.ts'
import { findProgramme } from './find-programme.ts'

const params = z.object({ id: Slug })
/** The time zone is judged with the document's other faults, so that one answer names them all. */
const ProgrammeDraft = ProgrammeDocument.extend({ timeZone: z.string().max(64) }).meta({ id: 'ProgrammeDraft' })
const headers = z.object({ 'if-match': z.string().max(40).optional() })

export const programmeRoutes = (needs: { table: Table; now: Now }) =>
  router()
    .openapi(
      operation({
        method: 'put',
        path: '/v1/programmes/{id}',
        summary: 'Apply a programme document; every change is a new version',
        tag: 'operator',
        scopes: ['programmes:write'],
        request: { params, headers, body: jsonBody(ProgrammeDraft) },
        responses: { 200: json(Programme, 'The version that now holds'), default: problemAnswer },
      }),
      async c => {
        const document = c.req.valid('json')
        if (document.id !== c.req.valid('param').id)
          throw new Refusal('invalid-request', undefined, {
            errors: [{ pointer: '/id', detail: 'the id is not that of the path' }],
          })
        const ifMatch = c.req.valid('header')['if-match']
        const programme = await applyProgramme(needs, { caller: callerOf(c), document, ifMatch })
        return c.json(programme, 200, { etag: etagOf(programme.version) })
      },
    )
    .openapi(
      operation({
        method: 'get',
        path: '/v1/programmes/{id}',
        summary: 'The newest version of a programme',
        tag: 'operator',
        scopes: ['programmes:write', 'finance:read'],
        request: { params },
        responses: { 200: json(Programme, 'The programme'), default: problemAnswer },
      }),
      async c => {
        const programme = await findProgramme(needs, c.req.valid('param').id)
        if (programme.brand !== callerOf(c).brand) throw new Refusal('not-yours')
        return c.json(programme, 200, { etag: etagOf(programme.version) })
      },
    )
