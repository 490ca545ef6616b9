import * as z from 'zod'
import { PointedError } from './usage.ts'

/** RFC 9457 problem details; `code` is stable, `instance` is the request's id. */
export const Problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string(),
    detail: z.string(),
    instance: z.string(),
    errors: z.array(PointedError).optional(),
  })
  .meta({ id: 'Problem' })
export type Problem = z.infer<typeof Problem>
