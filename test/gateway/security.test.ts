import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { noteExceptions } from '../../functions/exceptions/note-exceptions.ts'
import { clients } from '../../functions/local/demo.ts'
import { issuePass } from '../../functions/passes/issue-pass.ts'
import { hold } from '../../functions/redemptions/hold.ts'
import type { Scope } from '../../schemas/client.ts'
import type { Instant, Period } from '../../schemas/primitives.ts'
import type { Problem } from '../../schemas/problem.ts'
import { routes } from '../../schemas/routes.ts'
import { badAuthorizations, homemadeToken } from '../support/callers.ts'
import { closeOctober, type GatewayWorld, gatewayWorld, leaksOf, seedTerms, seedUse } from '../support/gateway.ts'
import { type Expectation, exceptionalLines, expectations, heldByTheSuite, type Seeded } from './expectations.ts'

const keyOf = ({ method, path }: { method: string; path: string }) => `${method} ${path}`
type Bearer = Extract<Expectation, { access: 'bearer' }>
const guarded = routes.flatMap(route => {
  const expectation = expectations[keyOf(route)]
  return expectation?.access === 'bearer' ? [{ name: keyOf(route), method: route.method, expectation }] : []
})
const others = (access: Exclude<Expectation['access'], 'bearer'>) =>
  routes.filter(route => expectations[keyOf(route)]?.access === access)
/** A page or document that needs no ids of somebody's. */
const plainPath = (path: string) =>
  path
    .replace('{partner}', 'youku')
    .replace('{group}', 'video')
    .replace('{uid}', 'not-begun')
    .replace('{n}', String(seeded.link.status?.list))

let world: GatewayWorld
let seeded: Seeded
let bad: Record<string, string>

beforeAll(async () => {
  world = await gatewayWorld()
  await seedTerms(world)
  const use = await seedUse(world)
  const { id: statement } = await closeOctober(world)
  const { member, programme } = use.link
  const { token: pass } = await issuePass(world.services, { member, programme, partner: 'youku' })
  seeded = { ...use, statement, pass }
  for (const id of heldByTheSuite)
    await hold(world.services, { partner: 'youku', id, linkId: use.link.id, benefit: 'youku-vip', quantity: 1 })
  await noteExceptions(world.services, {
    partner: 'youku',
    batch: use.batch.id,
    sequence: 1,
    receivedAt: '2026-10-20T02:00:00Z' as Instant,
    findings: Object.values(exceptionalLines).map(line => ({
      line,
      disposition: 'future',
      programme: '88vip',
      period: '2026-10' as Period,
      final: true,
    })),
  })
  world.confidential.add(pass)
  bad = await badAuthorizations(world, use.batch.receipt)
  for (const authorization of Object.values(bad)) {
    const token = authorization.split(' ')[1] ?? ''
    if (token.length > 20) world.confidential.add(token)
  }
})

afterAll(() => {
  expect(world.lines.length).toBeGreaterThan(100)
  expect(leaksOf(world)).toEqual([])
})

/** The request that the route's owner would make, under another authorization. */
const ask = (method: string, { path, body }: Bearer, authorization?: string) => {
  const sent = body?.(seeded)
  return world.request({
    method,
    path: path(seeded),
    headers: {
      ...(authorization !== undefined && { authorization }),
      ...(sent !== undefined && { 'content-type': 'application/json' }),
    },
    ...(sent !== undefined && { body: JSON.stringify(sent) }),
  })
}
const problemOf = async (answer: Response): Promise<[number, string]> => {
  const { code } = (await answer.json()) as Problem
  return [answer.status, code]
}

test('every route has an expectation, and every expectation a route', () => {
  expect(Object.keys(expectations).sort()).toEqual(routes.map(keyOf).sort())
})

test('exactly these need no credentials', () => {
  expect(others('public').map(keyOf).sort()).toEqual([
    'GET /',
    'GET /.well-known/authzen-configuration',
    'GET /.well-known/jwks.json',
    'GET /.well-known/oauth-authorization-server',
    'GET /docs',
    'GET /docs.css',
    'GET /health',
    'GET /oauth/authorize',
    'GET /oauth/authorize/{uid}',
    'GET /openapi.json',
    'GET /portal.css',
    'GET /sign-in',
    'GET /sign-in/callback',
    'GET /status-lists/{partner}/{n}',
  ])
})

describe('without a token', () => {
  test.each(guarded)('$name answers 401 with a challenge', async ({ method, expectation }) => {
    const answer = await ask(method, expectation)
    expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer\b/)
    expect(await problemOf(answer)).toEqual([401, 'unauthenticated'])
  })

  test.each(guarded)('$name looks at no body before it knows who asks', async ({ method, expectation }) => {
    const answer = await world.call(undefined, method, expectation.path(seeded), method === 'GET' ? undefined : '{')
    expect(answer.status).toBe(401)
  })

  test.each(others('public').map(route => ({ name: keyOf(route), ...route })))(
    '$name is open',
    async ({ method, path }) => {
      const { status } = await world.call(undefined, method, plainPath(path))
      // The identity provider of this suite does not exist: its pages say so.
      // Nobody has begun anything here: the authorization server's pages say that.
      const statuses = path === '/sign-in' ? [502] : /callback$|^\/oauth\//.test(path) ? [400] : [200]
      expect(statuses).toContain(status)
    },
  )

  test.each(others('session').map(route => ({ name: keyOf(route), ...route })))(
    '$name leads to the sign-in or refuses, also with a good access token',
    async ({ method, path }) => {
      for (const client of [undefined, 'youku', 'alibaba']) {
        const answer = await world.call(client, method, plainPath(path))
        expect([303, 400, 401]).toContain(answer.status)
        if (answer.status === 303) expect(answer.headers.get('location')).toMatch(/^\/sign-in\?/)
        if (method === 'POST') expect(answer.status).toBe(401)
      }
    },
  )
})

describe('with a bad token', () => {
  test('the suite makes tokens that would be good but for their fault', async () => {
    const authorization = `Bearer ${await homemadeToken(world.services.keys)}`
    const answer = await world.request({
      method: 'GET',
      path: `/v1/usage-batches/${seeded.batch.id}`,
      headers: { authorization },
    })
    expect(answer.status).toBe(200)
  })

  test.each(guarded)('$name answers 401 with a challenge', async ({ method, expectation }) => {
    for (const [fault, authorization] of Object.entries(bad)) {
      const answer = await ask(method, expectation, authorization)
      expect([fault, answer.status, answer.headers.get('www-authenticate')?.split(' ')[0]]).toEqual([
        fault,
        401,
        'Bearer',
      ])
      expect(await problemOf(answer)).toEqual([401, 'unauthenticated'])
    }
  })

  test.each(others('client-credentials').map(route => ({ name: keyOf(route), ...route })))(
    '$name takes no access token for a client’s credentials',
    async ({ method, path }) => {
      for (const authorization of [...Object.values(bad), undefined, `Bearer ${await world.tokenOf('youku')}`]) {
        const answer = await world.request({
          method,
          path,
          headers: {
            ...(authorization !== undefined && { authorization }),
            'content-type': 'application/x-www-form-urlencoded',
          },
          // The credentials are good ones: what is asked with them is not.
          body: authorization?.startsWith('Basic')
            ? 'grant_type=password&scope=usage%3Awrite'
            : 'grant_type=client_credentials',
        })
        expect([400, 401]).toContain(answer.status)
        expect(Object.keys((await answer.json()) as object)).not.toContain('access_token')
      }
    },
  )
})

describe('with a token that lacks the scope', () => {
  test.each(guarded)('$name answers 403 insufficient-scope', async ({ method, expectation }) => {
    for (const { id, scopes } of clients.filter(client => ['alibaba', 'youku'].includes(client.id))) {
      const lesser = scopes.filter(scope => !expectation.scopes.includes(scope))
      const answer = await ask(method, expectation, `Bearer ${await world.tokenOf(id, lesser)}`)
      expect(answer.headers.get('www-authenticate')).toContain('insufficient_scope')
      expect(await problemOf(answer)).toEqual([403, 'insufficient-scope'])
    }
  })
})

describe('with the token of somebody else', () => {
  const cases = guarded.flatMap(({ name, method, expectation }) =>
    Object.entries(expectation.strangers).map(([client, stranger]) => ({
      name,
      method,
      expectation,
      client,
      stranger,
    })),
  )

  test.each(cases)('$name shows nothing to $client', async ({ method, expectation, client, stranger }) => {
    const answer = await ask(method, expectation, `Bearer ${await world.tokenOf(client)}`)
    if ('refused' in stranger) return expect(await problemOf(answer)).toEqual(stranger.refused)
    const text = await answer.text()
    expect(answer.status).toBe('own' in stranger ? stranger.own : stranger.shared)
    const { account, link, batch, statement, membership } = seeded
    for (const id of [account, link.id, link.subject, batch.id, statement, membership]) expect(text).not.toContain(id)
    expect(text).not.toMatch(/secret/i)
  })

  test('nothing in an answer tells whether another’s thing exists', async () => {
    const { link, batch, statement } = seeded
    const nothing = (id: string) => `${id.slice(0, 4)}${'0'.repeat(26)}`
    const pairs: [string, string, object?][][] = [
      [
        ['POST', '/v1/entitlement-tokens', { linkId: link.id }],
        ['POST', '/v1/entitlement-tokens', { linkId: nothing(link.id) }],
      ],
      ...['', '/dispositions'].map((rest): [string, string][] => [
        ['GET', `/v1/usage-batches/${batch.id}${rest}`],
        ['GET', `/v1/usage-batches/${nothing(batch.id)}${rest}`],
      ]),
      ...['', '.csv', '.jwt'].map((form): [string, string][] => [
        ['GET', `/v1/statements/${statement}${form}`],
        ['GET', `/v1/statements/${nothing(statement)}${form}`],
      ]),
    ]
    for (const pair of pairs) {
      const [real, made] = await Promise.all(
        pair.map(async ([method, path, body]) => {
          const answer = await world.call('eleme', method, path, body)
          const { instance: _instance, ...problem } = (await answer.json()) as Problem
          const { 'x-request-id': _id, ...headers } = Object.fromEntries(answer.headers)
          return { problem, headers }
        }),
      )
      expect(real?.problem.status).toBe(404)
      expect(real).toEqual(made)
    }
  })
})

describe('with the token of its owner', () => {
  test.each(guarded)('$name answers, under each of its scopes alone', async ({ method, expectation }) => {
    const client = clients.find(({ id }) => id === expectation.owner)
    const scopes: Scope[] = expectation.scopes.filter(scope => client?.scopes.includes(scope))
    expect(scopes.length).toBeGreaterThan(0)
    for (const scope of scopes) {
      const answer = await ask(method, expectation, `Bearer ${await world.tokenOf(expectation.owner, [scope])}`)
      if (answer.status >= 400) throw new Error(await answer.text())
      expect(answer.status).toBe(expectation.answers)
      const { token = '' } = method === 'POST' ? ((await answer.json()) as { token?: string }) : {}
      if (token) world.confidential.add(token)
    }
  })
})
