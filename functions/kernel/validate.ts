import type { RouteConfig, RouteHandler } from '@hono/zod-openapi'
import { type Context, type Env, Hono, type MiddlewareHandler, type Schema, type ValidationTargets } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { validator } from 'hono/validator'
import * as z from 'zod'
import type { Caller, Scope } from '../../schemas/client.ts'
import { Slug } from '../../schemas/primitives.ts'
import { Problem } from '../../schemas/problem.ts'
import { brokenTexts, etagOf, pointedErrors, Refusal } from './refusal.ts'

export { pointedErrors, pointer } from './refusal.ts'

export type GatewayEnv = { Variables: { caller?: Caller; requestId: string } }
export type App = Router

/**
 * A router that knows its operations by their description, checks requests by it, and throws what does not fit as a
 * refusal, so that every problem is made in one place. The OpenAPI document is made from the same descriptions where it
 * is served (`gateway-whole.ts`): its generator is half as large as the whole bundle of the token path may be.
 */
export class Router extends Hono<GatewayEnv> {
  readonly described: RouteConfig[] = []

  openapi<R extends RouteConfig>(description: R, handler: RouteHandler<R, GatewayEnv>): this {
    const { method, path, middleware = [], request } = description
    this.described.push(description)
    const chain = [...[middleware].flat(), ...checksOf(request), handler] as MiddlewareHandler<GatewayEnv>[]
    this.on(method, [path.replaceAll(/{(.+?)}/g, ':$1')], ...chain)
    return this
  }

  override route<Path extends string, E extends Env, S extends Schema, Base extends string>(
    path: Path,
    app: Hono<E, S, Base>,
  ) {
    if (app instanceof Router) {
      if (path !== '/') throw new Error('operations are mounted under the path that they describe')
      this.described.push(...app.described)
    }
    return super.route(path, app)
  }
}

export const router = (): App => new Router()

/** What must hold of a request, in the order in which it is looked at. */
function checksOf(request: RouteConfig['request'] = {}): MiddlewareHandler[] {
  const { query, params, headers, body } = request
  const document = documentOf(request)
  const checkJson = document ? [check('json', document)] : []
  return [
    ...(query ? [check('query', query)] : []),
    ...(params ? [check('param', params)] : []),
    ...(isZod(headers) ? [check('header', headers)] : []),
    ...(document ? [refuseOtherTypes] : []),
    ...(body?.required ? checkJson : checkJson.map(whereThereIsJson)),
  ]
}

const isZod = (schema: unknown): schema is z.ZodType =>
  typeof schema === 'object' && schema !== null && 'safeParse' in schema

/** The schema of a JSON body; bodies that a handler reads itself have none here, and limits of their own. */
function documentOf(request: RouteConfig['request']): z.ZodType | undefined {
  const content = request?.body?.content['application/json']
  return content && 'schema' in content && isZod(content.schema) ? content.schema : undefined
}

const check = (target: keyof ValidationTargets, schema: z.ZodType): MiddlewareHandler =>
  validator(target, value => {
    const result = schema.safeParse(value)
    const errors = result.success ? brokenTexts(result.data) : pointedErrors(result.error)
    if (errors.length > 0) throw new Refusal('invalid-request', undefined, { errors })
    return result.data
  })

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

/**
 * Refuses larger bodies with `body-too-large`. HTTP holds a sender to the length that it states, so then the body is not
 * touched: the library would first make a stream of every request, which costs more than all else about it. A body of
 * no stated length is held and counted here, but for the paths whose routes count what they read themselves.
 */
export function bodyWithin(maxBytes: number, detail: string, but: string[] = []): MiddlewareHandler<GatewayEnv> {
  const refuse = (): never => {
    throw new Refusal('body-too-large', detail)
  }
  const counted = bodyLimit({ maxSize: maxBytes, onError: refuse })
  return (c, next) => {
    const isChunked = c.req.header('transfer-encoding') !== undefined
    const stated = c.req.header('content-length')
    if (!isChunked && stated !== undefined && /^\d{1,15}$/.test(stated))
      return Number(stated) > maxBytes ? refuse() : next()
    const isBodiless = c.req.method === 'GET' || c.req.method === 'HEAD'
    if ((isBodiless && !isChunked) || but.includes(c.req.path)) return next()
    let isWhole = false
    const read = () => {
      isWhole = true
      return next()
    }
    return counted(c, read).catch(error => {
      if (isWhole || error instanceof Refusal) throw error
      throw new Refusal('invalid-request', 'the body broke off before its end: send it again')
    })
  }
}

/** A document is stored as one item, which may have 400 KB (DynamoDB). */
const documentBytes = 256 * 1024
const documentLimit = bodyWithin(documentBytes, `a document has at most ${documentBytes} bytes`)

/** A route as the OpenAPI document shows it: with its scopes enforced, and problems as its errors. */
export function operation<
  Method extends RouteConfig['method'],
  Path extends string,
  const Request extends NonNullable<RouteConfig['request']>,
  const Answers extends RouteConfig['responses'],
>({ method, path, summary, tag, scopes, middleware, request, responses }: Operation<Method, Path, Request, Answers>) {
  return {
    method,
    path,
    summary,
    tags: [tag],
    ...(scopes.length > 0 && { security: scopes.map(scope => ({ oauth: [scope] })) }),
    middleware: [
      ...(scopes.length > 0 ? [requires(scopes)] : []),
      ...(documentOf(request) ? [documentLimit] : []),
      ...(middleware ?? []),
    ],
    request: request as Request,
    responses: responses as Answers & {
      default: { description: string; content: { 'application/problem+json': { schema: typeof Problem } } }
    },
  }
}

const inJson = <S extends z.ZodType>(schema: S) => ({ 'application/json': { schema } })
export const json = <S extends z.ZodType>(schema: S, description: string) => ({ description, content: inJson(schema) })
export const jsonBody = <S extends z.ZodType>(schema: S) => ({ required: true as const, content: inJson(schema) })
/** A body that may be left out; with `refuseOtherBodies`, since the router would take any other body for none. */
export const optionalJsonBody = <S extends z.ZodType>(schema: S) => ({ ...jsonBody(schema), required: false as const })
export const refuseOtherBodies: MiddlewareHandler<GatewayEnv> = async (c, next) => {
  if (!isJson(c.req.header('content-type')) && (await c.req.text()) !== '') throw new Refusal('unsupported-media-type')
  await next()
}
const isJson = (type = ''): boolean => /^application\/([a-z-.]+\+)?json\s*(;|$)/i.test(type)

/** A body that is there must say that it is JSON, even one that is no JSON. */
const refuseOtherTypes: MiddlewareHandler = async (c, next) => {
  const type = c.req.header('content-type')
  const fits = type ? isJson(type) : (await c.req.arrayBuffer()).byteLength === 0
  if (!fits) throw new Refusal('unsupported-media-type')
  await next()
}

const whereThereIsJson =
  (checked: MiddlewareHandler): MiddlewareHandler =>
  async (c, next) => {
    if (isJson(c.req.header('content-type'))) return checked(c, next)
    c.req.addValidatedData('json', {})
    return next()
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
      const errors = [{ pointer: '/id', detail: 'the id is not that of the path' }]
      if (document.id !== c.req.valid('param').id) throw new Refusal('invalid-request', undefined, { errors })
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
