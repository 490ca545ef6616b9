import { createHash } from 'node:crypto'
import { OpenAPIHono } from '@hono/zod-openapi'
import { beforeEach, expect, test } from 'vitest'
import type { Table } from '../../functions/kernel/table.ts'
import { type App, router } from '../../functions/kernel/validate.ts'
import { usageHead } from '../../functions/usage/read.ts'
import { usageRoutes } from '../../functions/usage/routes.ts'
import type { Caller } from '../../schemas/client.ts'
import { freshTable } from '../support/table.ts'
import { appOf, eleme, eventFields, ndjson, receiveNeeds } from './support.ts'

let table: Table
let app: App
let caller: Caller | undefined
beforeEach(async () => {
  ;({ table } = await freshTable())
  caller = eleme
  app = appOf(usageRoutes(receiveNeeds(table).needs), () => caller)
})

const send = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
  app.request('/v1/usage-batches', {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/x-ndjson', ...headers },
  })
const problem = async (response: Response) => {
  const { code } = (await response.json()) as { code: string }
  return [response.status, code]
}
const body = () => ndjson(eventFields({ quantity: 2 }), 'x', eventFields({ id: 'e-2' })) as Uint8Array<ArrayBuffer>
const digest = () => `sha-256=:${createHash('sha256').update(body()).digest('base64')}:`

test('both media types are taken, parameters and control totals too', async () => {
  const answer = await send(body(), {
    'content-type': 'Application/X-NDJSON; charset=utf-8',
    'content-digest': `unknown=:AA==:, ${digest()}`,
    'tessera-control-count': '3',
    'tessera-control-quantity': '3',
  })
  expect(answer.status).toBe(202)
  expect(await answer.json()).toMatchObject({
    id: expect.stringMatching(/^bat_/),
    sequence: 1,
    lines: 3,
    malformed: [{ line: 2, errors: [{ pointer: '', detail: 'not JSON' }] }],
    receipt: expect.any(String),
  })
  const json = await send(JSON.stringify({ events: [eventFields(), { id: 7 }] }), {
    'content-type': 'application/json; charset=utf-8',
  })
  expect(json.status).toBe(202)
  expect(await json.json()).toMatchObject({ sequence: 2, lines: 2, malformed: [{ line: 2 }] })
})

test.each<[number, string, Record<string, string>]>([
  [422, 'control-total-mismatch', { 'tessera-control-count': '2' }],
  [422, 'control-total-mismatch', { 'tessera-control-quantity': '4' }],
  [422, 'control-total-mismatch', { 'content-digest': `sha-256=:${Buffer.alloc(32).toString('base64')}:` }],
  [400, 'invalid-request', { 'tessera-control-count': 'three' }],
  [400, 'invalid-request', { 'tessera-control-quantity': '-1' }],
  [400, 'invalid-request', { 'content-digest': 'sha-512=:AA==:' }],
  [400, 'invalid-request', { 'content-digest': 'sha-256=:AA==:' }],
  [400, 'invalid-request', { 'content-digest': 'sha-256=:AA' }],
  [415, 'unsupported-media-type', { 'content-type': 'text/plain' }],
  [415, 'unsupported-media-type', { 'content-type': 'application/json-seq' }],
  [415, 'unsupported-media-type', { 'content-encoding': 'br' }],
  [400, 'invalid-request', { 'content-type': 'application/json' }],
])('%d %s: %j, and nothing is stored', async (status, code, headers) => {
  expect(await problem(await send(body(), headers))).toEqual([status, code])
  expect(await usageHead({ table }, 'eleme')).toBeUndefined()
})

test('a body that is too long is not read to its end', async () => {
  let chunks = 0
  const endless = new ReadableStream({
    pull(controller) {
      chunks++
      controller.enqueue(new Uint8Array(1_000_000).fill(0x20))
    },
  })
  const request = new Request('http://localhost/v1/usage-batches', {
    method: 'POST',
    body: endless,
    headers: { 'content-type': 'application/x-ndjson' },
    duplex: 'half',
  } as RequestInit)
  expect(await problem(await app.request(request))).toEqual([413, 'body-too-large'])
  expect(chunks).toBeLessThan(10)
  expect(await problem(await send('{}\n'.repeat(10_001)))).toEqual([413, 'too-many-events'])
  expect(await problem(await send(''))).toEqual([400, 'empty-batch'])
})

test('a body that a middleware has read is still there', async () => {
  const outer = router()
  outer.use(async (c, next) => {
    await c.req.arrayBuffer()
    await next()
  })
  outer.route('/', app)
  const request = { method: 'POST', body: body(), headers: { 'content-type': 'application/x-ndjson' } }
  expect((await outer.request('/v1/usage-batches', request)).status).toBe(202)
})

test('only a partner with the scope reports usage', async () => {
  caller = undefined
  expect(await problem(await send(body()))).toEqual([401, 'unauthenticated'])
  caller = { ...eleme, scopes: ['entitlements:read'] }
  expect(await problem(await send(body()))).toEqual([403, 'insufficient-scope'])
  caller = { client: 'alibaba', brand: 'alibaba', scopes: ['usage:write'] }
  expect(await problem(await send(body()))).toEqual([403, 'not-yours'])
})

test('the OpenAPI document shows both media types and the headers', () => {
  const whole = new OpenAPIHono()
  for (const description of app.described) whole.openAPIRegistry.registerPath(description)
  const document = whole.getOpenAPI31Document({ openapi: '3.1.0', info: { title: 't', version: '1' } })
  const post = document.paths?.['/v1/usage-batches']?.post
  expect(post?.requestBody).toMatchObject({
    content: {
      'application/x-ndjson': { schema: { $ref: '#/components/schemas/UsageEvent' } },
      'application/json': { schema: { type: 'object' } },
    },
  })
  expect(document.components?.schemas?.['UsageEvent']).toMatchObject({
    required: expect.arrayContaining(['id', 'subject']),
  })
  expect(post?.parameters?.map(parameter => 'name' in parameter && parameter.name)).toEqual([
    'content-digest',
    'tessera-control-count',
    'tessera-control-quantity',
  ])
})

test('of two with the same key and bytes, one that fails leaves what the other was remembered by', async () => {
  const { needs } = receiveNeeds(table)
  let fails = false
  const failing = { ...needs, oldestOpenPeriods: needs.oldestOpenPeriods, keys: { ...needs.keys } }
  failing.table = {
    ...table,
    get: (type, key) =>
      fails && key.sk.startsWith('BATCH#') ? Promise.reject(new Error('down')) : table.get(type, key),
  }
  app = appOf(usageRoutes(failing), () => caller)
  const key = { 'idempotency-key': 'k' }
  expect((await send(body(), key)).status).toBe(202)
  fails = true
  expect((await send(body(), key)).status).toBe(500)
  fails = false
  // Had the failed one removed the claim, other lines would pass under this key.
  expect(await problem(await send('{}\n', key))).toEqual([422, 'idempotency-key-reused'])
})

test('a bad digest is named, though a good one stands beside it', async () => {
  const answer = await send(body(), { 'content-digest': `${digest()}, sha-512=:AAAA:` })
  expect([answer.status, ((await answer.json()) as { detail: string }).detail]).toEqual([
    400,
    expect.stringContaining('the sha-512 of Content-Digest'),
  ])
})
