import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Table } from '../../functions/kernel/table.ts'
import { programme } from '../../functions/local/demo.ts'
import { issuePass } from '../../functions/passes/issue-pass.ts'
import type { Problem } from '../../schemas/problem.ts'
import { routes } from '../../schemas/routes.ts'
import {
  closeOctober,
  type GatewayWorld,
  gatewayWorld,
  leaksOf,
  partnerDocument,
  seedTerms,
  seedUse,
} from '../support/gateway.ts'
import { expectations, type Seeded } from './expectations.ts'

/** What an engine's error might carry: items, and where they are kept. */
const spoken = 'ValidationException: item {"subject":"person-of-the-suite"} of table tessera-prod, key AKIA0000'
let broken = false
const breakable = (table: Table): Table =>
  new Proxy(table, {
    get(target, name: keyof Table) {
      if (broken) throw new TypeError(spoken)
      return target[name]
    },
  })

let world: GatewayWorld
let seeded: Seeded

beforeAll(async () => {
  world = await gatewayWorld({ table: breakable })
  await seedTerms(world)
  const use = await seedUse(world)
  const { id: statement } = await closeOctober(world)
  const { member } = use.link
  const { token: pass } = await issuePass(world.services, { member, programme: programme.id, partner: 'youku' })
  world.confidential.add(pass)
  seeded = { ...use, statement, pass }
  for (const client of ['alibaba', 'youku']) await world.tokenOf(client)
})
afterAll(() => expect(leaksOf(world)).toEqual([]))

/** Runs while every touch of the table fails. */
async function whileBroken<T>(run: () => Promise<T>): Promise<T> {
  broken = true
  try {
    return await run()
  } finally {
    broken = false
  }
}

describe('a bug inside', () => {
  const cases = routes.flatMap(({ method, path }) => {
    const name = `${method} ${path}`
    const expectation = expectations[name]
    return expectation?.access === 'bearer' ? [{ name, method, expectation }] : []
  })

  test.each(cases)('$name tells nothing but the request id', async ({ method, expectation }) => {
    const { owner, path, body } = expectation
    const before = world.lines.length
    const answer = await whileBroken(() => world.call(owner, method, path(seeded), body?.(seeded)))
    const problem = (await answer.json()) as Problem
    expect(problem).toEqual({
      type: 'urn:tessera:problem:internal-error',
      title: 'Something broke here',
      status: 500,
      code: 'internal-error',
      detail: 'Something broke here',
      instance: expect.stringMatching(/^req_/),
    })
    const lines = world.lines.slice(before).map(line => JSON.parse(line) as Record<string, unknown>)
    const failed = lines.filter(({ event }) => event === 'request-failed')
    expect(failed).toMatchObject([{ level: 'error', requestId: problem.instance, error: 'TypeError' }])
    expect(JSON.stringify(lines)).not.toContain('AKIA0000')
    expect(JSON.stringify(lines)).not.toContain('person-of')
  })

  test('the token endpoint answers an OAuth error or a problem, without a word of the inside', async () => {
    const answer = await whileBroken(() =>
      world.request({
        method: 'POST',
        path: '/oauth/token',
        headers: {
          authorization: `Basic ${Buffer.from('youku:youku-secret').toString('base64')}`,
          'content-type': 'application/x-www-form-urlencoded',
        },
        body: 'grant_type=client_credentials',
      }),
    )
    expect(answer.status).toBe(500)
    expect(await answer.text()).not.toMatch(/AKIA|person-of|TypeError/)
  })

  test('the next request is served as if nothing had been', async () => {
    expect((await world.call('alibaba', 'GET', '/v1/programmes/88vip')).status).toBe(200)
  })
})

describe('the log', () => {
  test('names each request by its id, route, status and client', async () => {
    const path = `/v1/memberships/${seeded.membership}?token=in-the-query`
    const answer = await world.call('alibaba', 'GET', path)
    const lines = world.lines.map(line => JSON.parse(line) as Record<string, unknown>)
    const line = lines.find(({ requestId }) => requestId === answer.headers.get('x-request-id'))
    expect(line).toEqual({
      time: expect.any(String),
      level: 'info',
      event: 'answered',
      requestId: expect.any(String),
      method: 'GET',
      route: '/v1/memberships/:id',
      status: 200,
      milliseconds: expect.any(Number),
      client: 'alibaba',
    })
  })

  test('carries no word of a refused body, path or query', async () => {
    const words = ['word-in-a-body', 'word-in-a-path', 'word-in-a-query', 'word-in-a-header', 'word-in-a-token']
    for (const word of words) world.confidential.add(word)
    const header = { 'if-match': 'word-in-a-header', authorization: 'Bearer word-in-a-token' }
    await world.call('alibaba', 'POST', '/v1/memberships', { 'word-in-a-body': 'word-in-a-body' })
    await world.call('alibaba', 'PUT', '/v1/programmes/88vip', { ...programme, brand: 'word-in-a-body' })
    await world.call('alibaba', 'PUT', '/v1/partners/x', { ...partnerDocument('x'), issuer: 'word-in-a-body' })
    await world.call('alibaba', 'GET', '/v1/memberships/word-in-a-path')
    await world.call('alibaba', 'GET', '/nothing/word-in-a-path?x=word-in-a-query')
    await world.call('youku', 'GET', '/v1/links?account=word-in-a-query')
    await world.call(undefined, 'GET', '/link/word-in-a-path?error=word-in-a-query&state=word-in-a-query')
    await world.call(undefined, 'GET', '/sign-in/callback?code=word-in-a-query&state=word-in-a-query')
    await world.call(undefined, 'GET', '/v1/links', undefined, header)
    expect(leaksOf(world)).toEqual([])
  })
})
