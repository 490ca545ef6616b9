import { z } from '@hono/zod-openapi'
import { Programme, ProgrammeDocument } from '../../schemas/programme.ts'
import type { Now } from '../kernel/clock.ts'
import { Refusal } from '../kernel/refusal.ts'
import type { Table } from '../kernel/table.ts'
import { documentRoutes } from '../kernel/validate.ts'
import { applyProgramme } from './apply-programme.ts'
import { findProgramme } from './find-programme.ts'

/** The time zone is judged with the document's other faults, so that one answer names them all. */
const ProgrammeDraft = ProgrammeDocument.extend({ timeZone: z.string().max(64) }).meta({ id: 'ProgrammeDraft' })

export const programmeRoutes = (needs: { table: Table; now: Now }) =>
  documentRoutes({
    path: '/v1/programmes/{id}',
    tag: 'operator',
    document: ProgrammeDraft,
    answer: Programme,
    apply: {
      summary: 'Apply a programme document; every change is a new version',
      scopes: ['programmes:write'],
      run: request => applyProgramme(needs, request),
    },
    find: {
      summary: 'The newest version of a programme',
      scopes: ['programmes:write', 'finance:read'],
      async run({ caller, id }) {
        const programme = await findProgramme(needs, id)
        if (programme.brand !== caller.brand) throw new Refusal('not-yours')
        return programme
      },
    },
  })
