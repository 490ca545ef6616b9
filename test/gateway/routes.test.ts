import { beforeAll, describe, expect, test } from 'vitest'
import { gateway, type Part } from '../../functions/gateway.ts'
import { authorizePart } from '../../functions/gateway-authorize.ts'
import { tokenPart } from '../../functions/gateway-token.ts'
import { apiPart } from '../../functions/gateway-whole.ts'
import type { App } from '../../functions/kernel/validate.ts'
import { Scope } from '../../schemas/client.ts'
import { type Entry, type Route, routes } from '../../schemas/routes.ts'
import { bodyOf, type GatewayWorld, gatewayWorld } from '../support/gateway.ts'
import { expectations } from './expectations.ts'

type Schema = Record<string, unknown>
type Operation = {
  summary?: string
  security?: { oauth?: string[] }[]
  responses: Record<string, { description?: string; content?: Record<string, { schema?: Schema }> }>
  requestBody?: { content: Record<string, { schema?: Schema }> }
  parameters?: { in: string; name: string; required?: boolean }[]
}
type Document = {
  openapi: string
  info: { title: string; version: string }
  servers: { url: string }[]
  paths: Record<string, Record<string, Operation>>
  components: {
    schemas: Record<string, Schema>
    securitySchemes: { oauth: { flows: { clientCredentials: { tokenUrl: string; scopes: Record<string, string> } } } }
  }
}

let world: GatewayWorld
let document: Document

beforeAll(async () => {
  world = await gatewayWorld()
  document = await bodyOf<Document>(await world.call(undefined, 'GET', '/openapi.json'))
})

const keyOf = ({ method, path }: Pick<Route, 'method' | 'path'>) => `${method} ${path}`
/** Middleware and refusals of other methods are registered for all methods; handlers for one. */
const served = (app: App): string[] =>
  [
    ...new Set(
      app.routes
        .filter(({ method }) => method !== 'ALL')
        .map(({ method, path }) => `${method} ${path.replaceAll(/:([^/]+)/g, '{$1}')}`),
    ),
  ].sort()

const parts: Record<Entry, Part> = { api: apiPart, token: tokenPart, authorize: authorizePart }

describe('the gateway has exactly the routes that schemas/routes.ts lists', () => {
  test('as a whole', () => {
    expect(served(world.app)).toEqual(routes.map(keyOf).sort())
  })

  test.each<Entry>(['api', 'token', 'authorize'])('for the entry %s', entry => {
    const own = routes.filter(route => route.entry === entry).map(keyOf)
    expect(own.length).toBeGreaterThan(0)
    expect(served(gateway(world.services, { [entry]: parts[entry] }))).toEqual(own.sort())
  })

  test('no route is listed twice', () => {
    expect(new Set(routes.map(keyOf)).size).toBe(routes.length)
  })
})

describe('GET /openapi.json', () => {
  const operations = () =>
    Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ key: `${method.toUpperCase()} ${path}`, operation })),
    )

  test('is OpenAPI 3.1 of this gateway', () => {
    expect(document.openapi).toBe('3.1.0')
    expect(document.info).toMatchObject({ title: 'Tessera', version: expect.stringMatching(/^\d+\.\d+\.\d+/) })
    expect(document.servers).toEqual([{ url: world.services.issuer }])
  })

  test('is the same whichever entry serves it', async () => {
    const answer = await world.request(
      { method: 'GET', path: '/openapi.json', headers: {} },
      gateway(world.services, { api: apiPart }),
    )
    expect(await answer.json()).toEqual(document)
  })

  test('has every machine route and no route that does not exist', () => {
    const documented = operations().map(({ key }) => key)
    const machine = routes
      .filter(({ path }) => /^\/(v1|access|oauth|events|status-lists|\.well-known)\//.test(path))
      // Pages that a browser comes to on its way.
      .filter(({ path }) => !path.startsWith('/oauth/interaction/') && path !== '/oauth/authorize/{uid}')
      .map(keyOf)
    expect(documented).toEqual(expect.arrayContaining(machine))
    expect(routes.map(keyOf)).toEqual(expect.arrayContaining(documented))
  })

  test('names the scopes of each operation, any one of which suffices', () => {
    const { scopes, tokenUrl } = document.components.securitySchemes.oauth.flows.clientCredentials
    expect(Object.keys(scopes).sort()).toEqual([...Scope.options].sort())
    expect(tokenUrl).toBe(`${world.services.issuer}/oauth/token`)
    for (const { key, operation } of operations()) {
      const expectation = expectations[key]
      const wanted = expectation?.access === 'bearer' ? [...expectation.scopes].sort() : []
      const shown = (operation.security ?? []).map(({ oauth }) => oauth)
      expect([key, shown.every(list => list?.length === 1), shown.flat().sort()]).toEqual([key, true, wanted])
    }
  })

  test('describes every operation, its answers and its problems', () => {
    for (const { key, operation } of operations()) {
      expect([key, typeof operation.summary]).toEqual([key, 'string'])
      const { default: problem, ...answers } = operation.responses
      const content = problem?.content ?? {}
      expect([key, Object.keys(content)]).toEqual([key, ['application/problem+json']])
      expect(content['application/problem+json']?.schema).toEqual({ $ref: '#/components/schemas/Problem' })
      expect([key, Object.keys(answers).some(status => /^(2\d\d|303)$/.test(status))]).toEqual([key, true])
      for (const answer of Object.values(operation.responses)) expect(typeof answer.description).toBe('string')
    }
  })

  test('declares each parameter of a path', () => {
    for (const { key, operation } of operations()) {
      const named = [...key.matchAll(/{([^}]+)}/g)].map(([, name]) => name)
      const declared = (operation.parameters ?? []).filter(parameter => parameter.in === 'path')
      expect([key, declared.map(({ name }) => name).sort()]).toEqual([key, named.sort()])
      expect(declared.every(({ required }) => required)).toBe(true)
    }
  })

  test('refuses unknown fields in every JSON body, as the gateway does', () => {
    for (const { key, operation } of operations()) {
      const schema = operation.requestBody?.content['application/json']?.schema
      // AuthZEN 1.0 has receivers ignore what they do not know.
      if (!schema || key.startsWith('POST /access/')) continue
      expect([key, resolved(schema)['additionalProperties']]).toEqual([key, false])
    }
  })

  test('has no reference that leads nowhere, and no schema that nobody uses', () => {
    const used = new Set<string>()
    walk(document, reference => {
      expect([reference, resolved({ $ref: reference })]).toEqual([reference, expect.any(Object)])
      used.add(reference)
    })
    expect(used.size).toBeGreaterThan(10)
    const components = Object.keys(document.components.schemas).map(name => `#/components/schemas/${name}`)
    expect(components.filter(component => !used.has(component))).toEqual([])
  })

  /** What a local reference names (RFC 6901). */
  function resolved(schema: Schema): Schema {
    const reference = schema['$ref']
    if (typeof reference !== 'string') return schema
    const parts = reference
      .split('/')
      .slice(1)
      .map(part => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    const found = parts.reduce<unknown>((value, part) => (value as Schema | undefined)?.[part], document)
    if (!reference.startsWith('#/') || typeof found !== 'object' || found === null)
      throw new Error(`${reference} leads nowhere`)
    return resolved(found as Schema)
  }

  function walk(value: unknown, seen: (reference: string) => void): void {
    if (typeof value !== 'object' || value === null) return
    for (const [key, inner] of Object.entries(value))
      if (key === '$ref' && typeof inner === 'string') seen(inner)
      else walk(inner, seen)
  }
})
