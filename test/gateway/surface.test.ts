import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { gateway } from '../../functions/gateway.ts'
import { apiPart } from '../../functions/gateway-whole.ts'
import { usageLimits } from '../../schemas/usage.ts'
import { problemOf } from '../support/answers.ts'
import { bodyOf, type GatewayWorld, gatewayWorld, leaksOf, sale, seedTerms } from '../support/gateway.ts'

let world: GatewayWorld

beforeAll(async () => {
  world = await gatewayWorld()
  await seedTerms(world)
})

afterAll(() => {
  expect(world.lines.length).toBeGreaterThan(50)
  expect(leaksOf(world)).toEqual([])
})

const bytes = (text: string) => new TextEncoder().encode(text)
const json = { 'content-type': 'application/json' }
const ndjson = { 'content-type': 'application/x-ndjson' }
const membershipPath = '/v1/memberships'

/** Routes that take a JSON document, each with the client that may send one. */
const documents: [string, string, string][] = [
  ['alibaba', 'PUT', '/v1/programmes/88vip'],
  ['alibaba', 'PUT', '/v1/partners/youku'],
  ['alibaba', 'PUT', '/v1/contracts/youku-2026'],
  ['alibaba', 'PUT', '/v1/brands/youku'],
  ['alibaba', 'POST', membershipPath],
  ['alibaba', 'POST', `${membershipPath}/mbr_00000000000000000000000000/cancel`],
  ['alibaba', 'POST', '/v1/keys/event/rotate'],
  ['alibaba', 'POST', '/v1/programmes/88vip/periods/2026-10/payments/pay_00000000000000000000000000/confirm'],
  ['youku', 'POST', '/v1/entitlement-tokens'],
]
const everyBody: typeof documents = [
  ...documents,
  ['youku', 'POST', '/v1/usage-batches'],
  ['youku', 'POST', '/access/v1/evaluation'],
  ['youku', 'POST', '/access/v1/evaluations'],
]

describe('bodies', () => {
  test.each(documents)('%s %s %s: an unknown field is pointed at', async (client, method, path) => {
    const answer = await world.call(client, method, path, { 'un/known~': 1 })
    const { errors } = await problemOf(answer, 400, 'invalid-request')
    expect(errors).toContainEqual({ pointer: '/un~1known~0', detail: 'unknown field' })
  })

  test.each(everyBody)('%s %s %s: what is not JSON is refused', async (client, method, path) => {
    // A batch is read as it arrives: an unknown member refuses it before anybody knows how it ends.
    const known = path === '/v1/usage-batches' ? 'events' : 'a'
    const value = path === '/v1/usage-batches' ? '[{}]' : '1'
    const texts = ['{', `{"${known}":${value}}}`, "{'a':1}", '\u0000', `{"${known}":${value},}`, 'undefined']
    for (const text of texts) await problemOf(await world.call(client, method, path, text, json), 400, 'invalid-json')
  })

  test.each(everyBody)('%s %s %s: JSON that is no object is refused', async (client, method, path) => {
    for (const text of ['null', '[]', '1', '"text"', 'true'])
      await problemOf(await world.call(client, method, path, text, json), 400, 'invalid-request')
  })

  test.each(everyBody)('%s %s %s: another content type is refused', async (client, method, path) => {
    for (const type of [
      'text/plain',
      'application/xml',
      'application/x-www-form-urlencoded',
      'multipart/form-data',
      'x',
    ])
      await problemOf(
        await world.call(client, method, path, '{}', { 'content-type': type }),
        415,
        'unsupported-media-type',
      )
  })

  test.each(everyBody)('%s %s %s: JSON without a content type is refused', async (client, method, path) => {
    // Bytes, since text gets a content type of its own on the way.
    await problemOf(await world.call(client, method, path, bytes('{}')), 415, 'unsupported-media-type')
  })

  test.each(everyBody)('%s %s %s: a body over 5 MB is refused, announced or not', async (client, method, path) => {
    const big = bytes(`"${'x'.repeat(usageLimits.bytes)}"`)
    await problemOf(await world.call(client, method, path, big, json), 413, 'body-too-large')
    const announced = { ...json, 'content-length': String(big.byteLength) }
    await problemOf(await world.call(client, method, path, big, announced), 413, 'body-too-large')
  })

  test('a body over 5 MB is refused even where none is wanted', async () => {
    const path = '/v1/programmes/88vip/periods/2026-10/close'
    const big = bytes('x'.repeat(usageLimits.bytes + 1))
    await problemOf(await world.call('alibaba', 'POST', path, big), 413, 'body-too-large')
    await problemOf(await world.call(undefined, 'POST', '/nothing', big), 413, 'body-too-large')
  })

  test.each(everyBody)('%s %s %s: deep nesting is refused', async (client, method, path) => {
    const arrays = `${'['.repeat(10_000)}${']'.repeat(10_000)}`
    const objects = `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`
    for (const text of [arrays, objects, `{"name":${arrays}}`, `{"lines":${objects}}`, `{"events":${objects}}`])
      expect((await world.call(client, method, path, text, json)).status).toBe(400)
  })

  test('JSON is known by its media type, however it is written', async () => {
    for (const type of ['application/json; charset=utf-8', 'APPLICATION/JSON', 'Application/Json;charset="utf-8"']) {
      const asked = { account: 'nobody' }
      const answer = await world.call('youku', 'POST', '/v1/entitlement-tokens', asked, { 'content-type': type })
      await problemOf(answer, 404, 'link-not-found')
    }
  })

  test('a deeply nested event is one malformed line', async () => {
    const deep = `${'['.repeat(10_000)}${']'.repeat(10_000)}`
    for (const [text, type] of [
      [`{"events":[{"id":${deep}}]}`, json],
      [`{"id":${deep}}\n`, ndjson],
    ] as const) {
      const { malformed } = await bodyOf<{ malformed: unknown[] }>(
        await world.call('youku', 'POST', '/v1/usage-batches', text, type),
        202,
      )
      expect(malformed).toHaveLength(1)
    }
  })

  test('a form of over 16 KB is no token request', async () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' }
    const answer = await world.call(undefined, 'POST', '/oauth/token', `grant_type=${'x'.repeat(20_000)}`, form)
    expect([answer.status, await answer.json()]).toEqual([413, expect.objectContaining({ error: 'invalid_request' })])
  })

  test('names of prototypes are fields like others', async () => {
    for (const name of ['__proto__', 'constructor', 'prototype', 'toString']) {
      const text = `{"${name}":{"polluted":true},${JSON.stringify(sale('proto')).slice(1)}`
      const { errors } = await problemOf(
        await world.call('alibaba', 'POST', membershipPath, text, json),
        400,
        'invalid-request',
      )
      expect(errors).toEqual([{ pointer: `/${name}`, detail: 'unknown field' }])
    }
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  test('names of prototypes do no harm as keys of free maps', async () => {
    const { member } = sale('proto-map')
    for (const name of ['__proto__', 'constructor', 'hasOwnProperty']) {
      const attributes = `{"${name}":1,"naughtyScore":1}`
      const text = JSON.stringify(sale('proto-map', { member: { ...member, attributes: 0 } })).replace(
        '"attributes":0',
        `"attributes":${attributes}`,
      )
      const answer = await world.call('alibaba', 'POST', membershipPath, text, json)
      expect([200, 201, 400, 409]).toContain(answer.status)
    }
    expect(({} as Record<string, unknown>)['naughtyScore']).toBeUndefined()
  })
})

describe('routes and methods', () => {
  test.each(['/nothing', '/v1', '/v1/', '/v1/nothing', '/v1/memberships/a/b/c', '/v1//links', '/.env', '/v1/links/'])(
    'GET %s is a problem',
    async path => {
      for (const client of [undefined, 'alibaba'])
        await problemOf(await world.call(client, 'GET', path), 404, 'not-found')
    },
  )

  test('a person at an address that leads nowhere gets a page with a way on', async () => {
    const headers = { accept: 'text/html,application/xhtml+xml;q=0.9,*/*;q=0.8' }
    const answer = await world.request({ method: 'GET', path: '/link/youku/nowhere', headers })
    expect([answer.status, answer.headers.get('content-type')]).toEqual([404, 'text/html; charset=utf-8'])
    expect(await answer.text()).toContain('href="/"')
  })

  test.each([
    ['DELETE', '/oauth/token', ['POST']],
    ['GET', '/oauth/token', ['POST']],
    ['DELETE', '/.well-known/jwks.json', ['GET', 'HEAD']],
    ['POST', '/.well-known/authzen-configuration', ['GET', 'HEAD']],
    ['GET', '/access/v1/evaluation', ['POST']],
    ['PUT', '/access/v1/evaluations', ['POST']],
    ['POST', '/status-lists/youku/0', ['GET', 'HEAD']],
    ['GET', '/v1/keys/event/rotate', ['POST']],
    ['POST', '/health', ['GET', 'HEAD']],
    ['DELETE', '/v1/programmes/88vip', ['GET', 'HEAD', 'PUT']],
    ['GET', '/v1/memberships', ['POST']],
    ['PATCH', '/v1/links', ['GET', 'HEAD']],
    ['PUT', '/link/youku', ['GET', 'HEAD', 'POST']],
    ['OPTIONS', '/v1/usage-batches', ['GET', 'HEAD', 'POST']],
    ['POST', '/v1/usage-periods/2026-10/days.csv', ['GET', 'HEAD']],
  ])('%s %s is not allowed', async (method, path, allowed) => {
    const answer = await world.call(undefined, method, path)
    await problemOf(answer, 405, 'method-not-allowed')
    expect(answer.headers.get('allow')?.split(', ').sort()).toEqual(allowed)
  })

  test.each([
    ['DELETE', '/oauth/token', ['POST']],
    ['DELETE', '/.well-known/jwks.json', ['GET', 'HEAD']],
    ['GET', '/v1/entitlement-tokens', ['POST']],
    ['GET', '/access/v1/evaluation', ['POST']],
    ['DELETE', '/status-lists/youku/0', ['GET', 'HEAD']],
    ['POST', '/.well-known/oauth-authorization-server', ['GET', 'HEAD']],
    ['DELETE', '/v1/contracts/youku-2026', ['GET', 'HEAD', 'PUT']],
  ])('%s %s is not allowed at the api entry either, which gets it on AWS', async (method, path, allowed) => {
    const answer = await world.request({ method, path, headers: {} }, gateway(world.services, { api: apiPart }))
    await problemOf(answer, 405, 'method-not-allowed')
    expect(answer.headers.get('allow')?.split(', ').sort()).toEqual(allowed)
  })

  test('HEAD is GET without the body', async () => {
    const answer = await world.call(undefined, 'HEAD', '/.well-known/jwks.json')
    expect([answer.status, await answer.text()]).toEqual([200, ''])
    expect(answer.headers.get('etag')).toBeTruthy()
  })

  const odd = [
    'xyz',
    '%00',
    'x'.repeat(10_000),
    '..%2f..%2fetc',
    '%F0%9F%92%A9',
    '%',
    '%E0%A4',
    "'--",
    '{id}',
    'HEAD',
    '#',
  ]
  const paths: [string, string, (id: string) => string][] = [
    ['alibaba', 'GET', id => `/v1/memberships/${id}`],
    ['alibaba', 'GET', id => `/v1/programmes/${id}`],
    ['alibaba', 'GET', id => `/v1/partners/${id}`],
    ['alibaba', 'GET', id => `/v1/contracts/${id}`],
    ['alibaba', 'GET', id => `/v1/brands/${id}`],
    ['alibaba', 'GET', id => `/v1/programmes/88vip/periods/${id}/netting`],
    ['alibaba', 'GET', id => `/v1/programmes/88vip/periods/${id}/payments.xml`],
    ['alibaba', 'POST', id => `/v1/programmes/88vip/periods/2026-10/payments/${id}/confirm`],
    ['alibaba', 'GET', id => `/v1/programmes/${id}/periods`],
    ['alibaba', 'GET', id => `/v1/programmes/88vip/periods/${id}`],
    ['alibaba', 'POST', id => `/v1/programmes/88vip/periods/${id}/close`],
    ['alibaba', 'POST', id => `/v1/memberships/${id}/cancel`],
    ['alibaba', 'POST', id => `/v1/keys/${id}/rotate`],
    ['youku', 'GET', id => `/status-lists/youku/${id}`],
    ['youku', 'GET', id => `/status-lists/${id}/0`],
    ['youku', 'GET', id => `/v1/usage-batches/${id}`],
    ['youku', 'GET', id => `/v1/usage-batches/${id}/dispositions`],
    ['youku', 'GET', id => `/v1/usage-periods/${id}`],
    ['youku', 'GET', id => `/v1/usage-periods/${id}/dispositions.csv`],
    ['youku', 'GET', id => `/v1/statements/${id}`],
    ['youku', 'GET', id => `/v1/statements/${id}/lines/${id}/events`],
    ['youku', 'GET', id => `/v1/statements/${id}/lines/${id}/events.csv`],
  ]
  test.each(paths)('as %s, %s of an id that is none is refused', async (client, method, path) => {
    for (const id of odd) {
      const { status } = await world.call(client, method, path(id), method === 'POST' ? {} : undefined)
      expect([id.slice(0, 20), [400, 404, 405].includes(status) || status]).toEqual([id.slice(0, 20), true])
    }
  })

  test.each(['/link/', '/unlink/'])('%s of an odd partner is no bug', async path => {
    for (const id of odd) expect((await world.call(undefined, 'GET', path + id)).status).toBeLessThan(500)
  })
})
