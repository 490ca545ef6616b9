import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { Problem } from '../../schemas/problem.ts'
import { errorFields, type Log } from './log.ts'
import { Refusal, type RefusalCode, refusals } from './refusal.ts'
import { Conflict } from './table.ts'
import type { GatewayEnv } from './validate.ts'

const statusCodes: Record<number, RefusalCode> = {
  400: 'invalid-json',
  401: 'unauthenticated',
  404: 'not-found',
  405: 'method-not-allowed',
  413: 'body-too-large',
  415: 'unsupported-media-type',
}

/** The one place that turns what was thrown into an RFC 9457 problem; a 500 tells nothing but the request's id. */
export function problemOf(thrown: unknown, instance: string): { problem: Problem; headers: Record<string, string> } {
  const refusal = refusalOf(thrown)
  const [status, title] = refusals[refusal.code]
  const problem: Problem = {
    type: `urn:tessera:problem:${refusal.code}`,
    title,
    status,
    code: refusal.code,
    detail: refusal.message,
    instance,
    ...(refusal.errors && { errors: refusal.errors }),
  }
  return { problem, headers: refusal.headers }
}

function refusalOf(thrown: unknown): Refusal {
  if (thrown instanceof Refusal) return thrown
  // Rivals were in the way at every attempt: nothing was done, and the caller may try again.
  if (thrown instanceof Conflict) return new Refusal('busy', undefined, { headers: { 'retry-after': '1' } })
  // Hono's own validators throw these: a broken body or a wrong content type.
  const code = thrown instanceof HTTPException ? statusCodes[thrown.status] : undefined
  return new Refusal(code ?? 'internal-error')
}

export const answerProblem =
  (log: Log) =>
  (thrown: unknown, c: Context<GatewayEnv>): Response => {
    const { problem, headers } = problemOf(thrown, c.get('requestId'))
    if (problem.status >= 500) log('error', 'request-failed', { requestId: problem.instance, ...errorFields(thrown) })
    return c.body(JSON.stringify(problem), problem.status as ContentfulStatusCode, {
      ...headers,
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
    })
  }
