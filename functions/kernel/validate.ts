import { createRoute, OpenAPIHono, type RouteConfig, z } from '@hono/zod-openapi'
import type { Context, MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { Caller, Scope } from '../../schemas/client.ts'
import { Slug } from '../../schemas/primitives.ts'
import { Problem } from '../../schemas/problem.ts'
import type { PointedError } from '../../schemas/usage.ts'
import { etagOf, Refusal } from './refusal.ts'

export type GatewayEnv = { Variables: { caller?: Caller; requestId: string } }
export type App = OpenAPIHono<GatewayEnv>

/** A router whose validation failures are thrown as refusals, so that every problem is made in one place. */
export const router = (): App =>
  new OpenAPIHono<GatewayEnv>({
    defaultHook: result => {
      const errors = result.success ? brokenTexts(result.data) : pointedErrors(result.error)
      if (errors.length > 0) throw new Refusal('invalid-request', undefined, { errors })
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

/** Half a surrogate pair has no UTF-8 form: nobody could store or hash it. What is valid is shallow enough to walk. */
function brokenTexts(value: unknown, path: string[] = []): PointedError[] {
  if (typeof value === 'string')
    return value.isWellFormed() ? [] : [{ pointer: pointer(path), detail: 'text of whole Unicode characters' }]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => [
    ...brokenTexts(key, path),
    ...brokenTexts(inner, [...path, key]),
  ])
}

export const pointer = (path: readonly PropertyKey[]): string =>
  path.map(part => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')

/** Refuses callers without the scope before anything of the body is looked at. */
const requires =
  (scopes: Scope[]): MiddlewareHandler<GatewayEnv> =>
  async (c, next) => {
    const caller = callerOf(c)
    if (!scopes.some(scope => caller.scopes.includes(scope)))
      throw new Refusal('insufficient-scope', `one of these scopes is needed: ${scopes.join(' ')}`, {
        headers: { 'www-authenticate': `Bearer error="insufficient_scope", scope="${scopes.join(' ')}"` },
      })
    await next()
  }

export const callerOf = (c: Context<GatewayEnv>): Caller => {
  const caller = c.get('caller')
  if (!caller) throw new Refusal('unauthenticated', undefined, { headers: { 'www-authenticate': 'Bearer' } })
  return caller
}

/** The partner that calls, for what only partners have. @throws Refusal not-yours, with the given detail */
export const partnerOf = (c: Context<GatewayEnv>, otherwise: string): string => {
  const { partner } = callerOf(c)
  if (!partner) throw new Refusal('not-yours', otherwise)
  return partner
}

type Operation<Method extends RouteConfig['method'], Path extends string, Request, Answers> = {
  method: Method
  path: Path
  summary: string
  tag: string
  /** Any one of these suffices; none makes the operation public. */
  scopes: Scope[]
  /** Runs after the scopes are checked. */
  middleware?: MiddlewareHandler<GatewayEnv>[]
  request?: Request
  responses: Answers
}

/** A document is stored as one item, which may have 400 KB (DynamoDB). */
const documentBytes = 256 * 1024
const documentLimit = bodyLimit({
  maxSize: documentBytes,
  onError: () => {
    throw new Refusal('body-too-large', `a document has at most ${documentBytes} bytes`)
  },
})

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
    middleware: [
      ...(scopes.length > 0 ? [requires(scopes)] : []),
      ...(isDocument(request) ? [documentLimit] : []),
      ...(middleware ?? []),
    ],
    request: request as Request,
    responses: responses as Answers & {
      default: { description: string; content: { 'application/problem+json': { schema: typeof Problem } } }
    },
  })
}

/** Bodies that a handler reads itself have limits of their own. */
const isDocument = (request: RouteConfig['request']): boolean => {
  const content = request?.body?.content['application/json']
  return content !== undefined && 'schema' in content && content.schema !== undefined && 'safeParse' in content.schema
}

export const json = <S extends z.ZodType>(schema: S, description: string) => ({
  description,
  content: { 'application/json': { schema } },
})
export const jsonBody = <S extends z.ZodType>(schema: S) => ({
  required: true as const,
  content: { 'application/json': { schema } },
})
/** A body that may be left out; with `refuseOtherBodies`, since the router would take any other body for none. */
export const optionalJsonBody = <S extends z.ZodType>(schema: S) => ({
  required: false as const,
  content: { 'application/json': { schema } },
})
export const refuseOtherBodies: MiddlewareHandler<GatewayEnv> = async (c, next) => {
  const isJson = /^application\/([a-z-.]+\+)?json\s*(;|$)/i.test(c.req.header('content-type') ?? '')
  if (!isJson && (await c.req.text()) !== '') throw new Refusal('unsupported-media-type')
  await next()
}
export const problemAnswer = {
  description: 'A problem (RFC 9457)',
  content: { 'application/problem+json': { schema: Problem } },
}

type DocumentRoutes<Document extends { id: string }, Answer extends { version: number }> = {
  path: `/v1/${string}/{id}`
  tag: string
  document: z.ZodType<Document>
  answer: z.ZodType<Answer>
  apply: {
    summary: string
    scopes: Scope[]
    run(request: { caller: Caller; document: Document; ifMatch: string | undefined }): Promise<Answer>
  }
  find: { summary: string; scopes: Scope[]; run(request: { caller: Caller; id: string }): Promise<Answer> }
}

/** `PUT` and `GET` of a versioned document that its operator names, with entity tags: they are alike in all this. */
export function documentRoutes<Document extends { id: string }, Answer extends { version: number }>({
  path,
  tag,
  document: documentSchema,
  answer,
  apply,
  find,
}: DocumentRoutes<Document, Answer>): App {
  const params = z.object({ id: Slug })
  const headers = z.object({ 'if-match': z.string().max(40).optional() })
  const responses = { 200: json(answer, 'The document as it now holds'), default: problemAnswer }
  const app = router()
  app.openapi(
    operation({
      method: 'put',
      path,
      summary: apply.summary,
      tag,
      scopes: apply.scopes,
      request: { params, headers, body: jsonBody(documentSchema) },
      responses,
    }),
    async c => {
      const document = c.req.valid('json') as Document
      if (document.id !== c.req.valid('param').id)
        throw new Refusal('invalid-request', undefined, {
          errors: [{ pointer: '/id', detail: 'the id is not that of the path' }],
        })
      const ifMatch = c.req.valid('header')['if-match']
      return answered(c, await apply.run({ caller: callerOf(c), document, ifMatch }))
    },
  )
  app.openapi(
    operation({ method: 'get', path, summary: find.summary, tag, scopes: find.scopes, request: { params }, responses }),
    async c => answered(c, await find.run({ caller: callerOf(c), id: c.req.valid('param').id })),
  )
  return app
}

/** The router's types cannot follow the JSON form of a type parameter, hence `never`. */
const answered = (c: Context<GatewayEnv>, document: { version: number }): never =>
  c.json(document, 200, { etag: etagOf(document.version) }) as never
