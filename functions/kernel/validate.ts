import { createRoute, OpenAPIHono, type RouteConfig, type z } from '@hono/zod-openapi'
import type { Context, MiddlewareHandler } from 'hono'
import type { Caller, Scope } from '../../schemas/client.ts'
import { Problem } from '../../schemas/problem.ts'
import type { PointedError } from '../../schemas/usage.ts'
import { Refusal } from './refusal.ts'

export type GatewayEnv = { Variables: { caller?: Caller; requestId: string } }
export type App = OpenAPIHono<GatewayEnv>

/** A router whose validation failures are thrown as refusals, so that every problem is made in one place. */
export const router = (): App =>
  new OpenAPIHono<GatewayEnv>({
    defaultHook: result => {
      if (!result.success) throw new Refusal('invalid-request', undefined, { errors: pointedErrors(result.error) })
    },
  })

/** A zod error as JSON pointers (RFC 6901); an unknown field is pointed at by its own name. */
export function pointedErrors(error: z.core.$ZodError): PointedError[] {
  return error.issues.flatMap(issue =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map(key => ({ pointer: pointer([...issue.path, key]), detail: 'unknown field' }))
      : [{ pointer: pointer(issue.path), detail: issue.message }],
  )
}

export const pointer = (path: readonly PropertyKey[]): string =>
  path.map(part => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')

/** Refuses callers without the scope before anything of the body is looked at. */
const requires =
  (scopes: Scope[]): MiddlewareHandler<GatewayEnv> =>
  async (c, next) => {
    const caller = c.get('caller')
    if (!caller) throw new Refusal('unauthenticated', undefined, { headers: { 'www-authenticate': 'Bearer' } })
    if (!scopes.some(scope => caller.scopes.includes(scope)))
      throw new Refusal('insufficient-scope', `one of these scopes is needed: ${scopes.join(' ')}`, {
        headers: { 'www-authenticate': `Bearer error="insufficient_scope", scope="${scopes.join(' ')}"` },
      })
    await next()
  }

export const callerOf = (c: Context<GatewayEnv>): Caller => {
  const caller = c.get('caller')
  if (!caller) throw new Refusal('unauthenticated')
  return caller
}

type Operation<Method extends RouteConfig['method'], Path extends string, Request, Answers> = {
  method: Method
  path: Path
  summary: string
  tag: string
  /** Any one of these suffices; none makes the operation public. */
  scopes: Scope[]
  /** Runs after the scopes are checked. */
  middleware?: MiddlewareHandler<GatewayEnv>
  request?: Request
  responses: Answers
}

/** A route as the OpenAPI document shows it: with its scopes enforced, and problems as its errors. */
export function operation<
  Method extends RouteConfig['method'],
  Path extends string,
  const Request extends NonNullable<RouteConfig['request']>,
  const Answers extends RouteConfig['responses'],
>({ method, path, summary, tag, scopes, middleware, request, responses }: Operation<Method, Path, Request, Answers>) {
  return createRoute({
    method,
    path,
    summary,
    tags: [tag],
    ...(scopes.length > 0 && { security: scopes.map(scope => ({ oauth: [scope] })) }),
    middleware: [...(scopes.length > 0 ? [requires(scopes)] : []), ...(middleware ? [middleware] : [])],
    request: request as Request,
    responses: responses as Answers & {
      default: { description: string; content: { 'application/problem+json': { schema: typeof Problem } } }
    },
  })
}

export const json = <S extends z.ZodType>(schema: S, description: string) => ({
  description,
  content: { 'application/json': { schema } },
})
export const jsonBody = <S extends z.ZodType>(schema: S) => ({
  required: true as const,
  content: { 'application/json': { schema } },
})
export const problemAnswer = {
  description: 'A problem (RFC 9457)',
  content: { 'application/problem+json': { schema: Problem } },
}
