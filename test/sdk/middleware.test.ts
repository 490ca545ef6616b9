import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { serve as serveHono } from '@hono/node-server'
import express from 'express'
import Fastify from 'fastify'
import { Hono } from 'hono'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createVerifier, type VerifiedEntitlements } from '../../sdk/index.ts'
import { authorize, bearerToken } from '../../sdk/middleware/core.ts'
import { entitlements as forExpress } from '../../sdk/middleware/express.ts'
import { type EntitledRequest, entitlements as forFastify } from '../../sdk/middleware/fastify.ts'
import { type EntitledVariables, entitlements as forHono } from '../../sdk/middleware/hono.ts'
import { AUDIENCE, claims, type LoopbackServer, mint, NOW, serve, serveJwks, strangerPair } from './issuer.ts'
import { scene as statusScene } from './status-scene.ts'

declare module 'fastify' {
  interface FastifyRequest extends EntitledRequest {}
}

interface Running extends AsyncDisposable {
  readonly url: string
}

let issuer: LoopbackServer
let silent: LoopbackServer
beforeAll(async () => {
  issuer = await serveJwks()
  silent = await serve((_, response) => {
    response.statusCode = 500
    response.end()
  })
})
afterAll(async () => {
  await issuer[Symbol.asyncDispose]()
  await silent[Symbol.asyncDispose]()
})

const verifier = () => createVerifier({ issuer: issuer.url, audience: AUDIENCE, now: () => NOW })
const cutOff = () => createVerifier({ issuer: silent.url, audience: AUDIENCE, now: () => NOW })
/** Not a refusal: what a wrong set-up throws. */
const brokenVerifier = { verify: () => Promise.reject(new TypeError('now() must answer epoch seconds')) }
const told = (entitled: VerifiedEntitlements | null | undefined) => ({ subject: entitled?.subject ?? null })
const benefit = 'youku-vip'
const fromQuery = (url: string) => new URL(url, 'http://localhost').searchParams.get('pass') ?? undefined

async function running(server: Server): Promise<Running> {
  if (!server.listening) await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

/** The same routes on each framework. */
const frameworks: Record<string, () => Promise<Running>> = {
  async Hono() {
    const app = new Hono<{ Variables: EntitledVariables }>()
    app.get('/open', c => c.json(told(c.var.entitled)))
    app.get('/any', forHono({ verifier: verifier() }), c => c.json(told(c.var.entitled)))
    app.get('/vip', forHono({ verifier: verifier(), benefit }), c => c.json(told(c.var.entitled)))
    app.get('/music', forHono({ verifier: verifier(), benefit: 'xiami-vip' }), c => c.json(told(c.var.entitled)))
    app.get('/down', forHono({ verifier: cutOff() }), c => c.json(told(c.var.entitled)))
    app.get('/broken', forHono({ verifier: brokenVerifier }), c => c.json(told(c.var.entitled)))
    app.get('/query', forHono({ verifier: verifier(), tokenFrom: ({ url }) => fromQuery(url) }), c =>
      c.json(told(c.var.entitled)),
    )
    app.onError((_, c) => c.body('', 500))
    return running(serveHono({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }) as Server)
  },
  async Express() {
    const app = express()
    const answer: express.RequestHandler = (req, res) => void res.json(told(req.entitled))
    app.get('/open', answer)
    app.get('/any', forExpress({ verifier: verifier() }), answer)
    app.get('/vip', forExpress({ verifier: verifier(), benefit }), answer)
    app.get('/music', forExpress({ verifier: verifier(), benefit: 'xiami-vip' }), answer)
    app.get('/down', forExpress({ verifier: cutOff() }), answer)
    app.get('/broken', forExpress({ verifier: brokenVerifier }), answer)
    const tokenFrom = ({ url }: express.Request) => fromQuery(url)
    app.get('/query', forExpress({ verifier: verifier(), tokenFrom }), answer)
    const onError: express.ErrorRequestHandler = (_error, _req, res, _next) => void res.status(500).end()
    app.use(onError)
    return running(createServer(app).listen(0, '127.0.0.1'))
  },
  async Fastify() {
    const app = Fastify()
    const protect = (path: string, options: Parameters<typeof forFastify>[0]) =>
      app.register((scope, _options, done) => {
        scope.register(forFastify(options))
        scope.get(path, async request => told(request.entitled))
        done()
      })
    app.get('/open', async request => told(request.entitled))
    protect('/any', { verifier: verifier() })
    protect('/vip', { verifier: verifier(), benefit })
    protect('/music', { verifier: verifier(), benefit: 'xiami-vip' })
    protect('/down', { verifier: cutOff() })
    protect('/broken', { verifier: brokenVerifier })
    app.register((scope, _options, done) => {
      const tokenFrom = ({ url }: { readonly url: string; readonly headers: object }) => fromQuery(url)
      scope.register(forFastify({ verifier: verifier(), tokenFrom }))
      scope.get('/query', async request => told(request.entitled))
      done()
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    return running(app.server)
  },
}

const genuine = () => mint(claims(issuer.url))
const changed = (change: object) => mint({ ...claims(issuer.url), ...change })
type Case = [name: string, path: string, token: () => string | undefined, status: number, code?: string]
const cases: Case[] = [
  ['a genuine token', '/any', genuine, 200],
  ['a genuine token with the benefit', '/vip', genuine, 200],
  ['a genuine token without the benefit', '/music', genuine, 403, 'benefit-not-entitled'],
  ['no token', '/any', () => undefined, 401, 'entitlement-token-missing'],
  ['an expired token', '/any', () => changed({ iat: NOW - 901, nbf: NOW - 901, exp: NOW - 1 }), 401, 'token-expired'],
  ['a token for another partner', '/vip', () => changed({ aud: 'eleme' }), 401, 'audience-mismatch'],
  [
    'a forged token',
    '/vip',
    () => mint(claims(issuer.url), undefined, strangerPair.privateKey),
    401,
    'signature-invalid',
  ],
  ['two tokens', '/any', () => `${genuine()} ${genuine()}`, 401, 'segment-count'],
  ['no token at all, but a word', '/any', () => 'please', 401, 'segment-count'],
  ['an issuer that is down', '/down', genuine, 503, 'keys-unavailable'],
  ['a wrong set-up', '/broken', genuine, 500],
]

describe.each(Object.entries(frameworks))('%s', (_, start) => {
  let app: Running
  beforeAll(async () => {
    app = await start()
  })
  afterAll(() => app[Symbol.asyncDispose]())

  test.each(cases)('%s', async (_name, path, token, status, code) => {
    const sent = token()
    const answer = await fetch(
      app.url + path,
      sent === undefined ? {} : { headers: { authorization: `Bearer ${sent}` } },
    )
    const text = await answer.text()
    expect(answer.status, text).toBe(status)
    expect(sent !== undefined && text.includes(sent)).toBe(false)
    if (status === 200) expect(JSON.parse(text)).toEqual({ subject: 'pairwise-7Qp' })
    if (code === undefined) return
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
    expect(answer.headers.get('cache-control')).toBe('no-store')
    expect(JSON.parse(text)).toEqual({
      type: 'about:blank',
      title: expect.any(String),
      status,
      code,
      detail: expect.any(String),
    })
    const challenge = answer.headers.get('www-authenticate')
    if (status === 401 && sent === undefined) expect(challenge).toBe('Bearer')
    else if (status === 401) expect(challenge).toBe(`Bearer error="invalid_token", error_description="${code}"`)
    else if (status === 403) expect(challenge).toBe('Bearer error="insufficient_scope"')
    else expect([challenge, answer.headers.get('retry-after')]).toEqual([null, '5'])
  })

  test('a route without the middleware knows nobody', async () => {
    const answer = await fetch(`${app.url}/open`, { headers: { authorization: `Bearer ${genuine()}` } })
    expect([answer.status, await answer.json()]).toEqual([200, { subject: null }])
  })

  test('the token may come from elsewhere, and then from nowhere else', async () => {
    const headers = { authorization: `Bearer ${genuine()}` }
    const found = await fetch(`${app.url}/query?pass=${genuine()}`)
    expect([found.status, await found.json()]).toEqual([200, { subject: 'pairwise-7Qp' }])
    expect((await fetch(`${app.url}/query`, { headers })).status).toBe(401)
  })

  test('the scheme is read in any case, and another one is no token', async () => {
    const status = async (authorization: string) =>
      (await fetch(`${app.url}/any`, { headers: { authorization } })).status
    expect(await status(`bearer ${genuine()}`)).toBe(200)
    expect(await status(`DPoP ${genuine()}`)).toBe(401)
    expect(await status(genuine())).toBe(401)
  })
})

test.each([
  ['Bearer abc', 'abc'],
  ['BEARER   abc', 'abc'],
  ['Bearer ', ''],
  ['Bearer', undefined],
  ['Basic abc', undefined],
  ['xBearer abc', undefined],
  [undefined, undefined],
  [['Bearer abc'], undefined],
])('the token of %j is %j', (authorization, token) => {
  expect(bearerToken(authorization)).toBe(token)
})

test('a header of nothing but spaces is read once', () => {
  // The token is all that follows the spaces: an expression that looks for its end would try from each of them.
  expect(bearerToken(`Bearer ${' '.repeat(60_000)}\n`)).toBe('\n')
})

test('the decision has no framework in it', async () => {
  expect(await authorize({ verifier: verifier(), benefit }, genuine())).toMatchObject({ status: 200 })
  expect(await authorize({ verifier: verifier() }, '')).toMatchObject({
    status: 401,
    problem: { code: 'segment-count' },
  })
  await expect(authorize({ verifier: brokenVerifier }, 'x')).rejects.toThrow(TypeError)
})

describe('a benefit that is withheld for want of a fresh list', () => {
  const withheld = (code?: () => Response) => {
    const ent = ['youku-vip', 'youku-gifts'].map((bid, at) => ({ id: `ent_${at}`, bid, st: 'active', vu: NOW + 3600 }))
    const onStaleStatus = (one: string) => (one === 'youku-vip' ? 'fail-open' : 'fail-closed')
    const { state, verifier: checking, mint: minted } = statusScene({ onStaleStatus })
    state.answer = code
    return (wanted: string) => authorize({ verifier: checking, benefit: wanted }, minted({ ent }))
  }

  test('is answered 503 with the code of the list, and one that the token never had 403', async () => {
    const decide = withheld(() => new Response('', { status: 503 }))
    expect(await decide('youku-vip')).toMatchObject({
      status: 200,
      entitled: { status: 'stale', withheld: ['youku-gifts'], staleReason: 'status-list-unavailable' },
    })
    expect(await decide('youku-gifts')).toMatchObject({
      status: 503,
      headers: { 'retry-after': '5' },
      problem: { code: 'status-list-unavailable', status: 503 },
    })
    expect(await decide('xiami-vip')).toMatchObject({ status: 403, problem: { code: 'benefit-not-entitled' } })
    expect(await withheld(() => Response.json({}))('youku-gifts')).toMatchObject({
      status: 503,
      problem: { code: 'status-list-media-type' },
    })
  })

  test('is there again with the list, and then nothing is withheld', async () => {
    const found = await withheld()('youku-gifts')
    expect(found).toMatchObject({ status: 200, entitled: { status: 'valid', withheld: [] } })
    expect(found).not.toHaveProperty('entitled.staleReason')
  })
})

describe.each<[string, (options: never) => unknown]>([
  ['Hono', forHono],
  ['Express', forExpress],
  ['Fastify', forFastify],
])('a route for %s that would stand open by mistake is not set up', (_, entitlements) => {
  const verifier = createVerifier({ issuer: 'https://issuer.example', audience: AUDIENCE })
  test.each<[string, object, RegExp]>([
    ['a name misspelt', { verifier, benefits: 'gift' }, /no option benefits/],
    ['a benefit that is not there', { verifier, benefit: undefined }, /benefit must be/],
    ['a benefit without a name', { verifier, benefit: '' }, /benefit must be/],
    ['several benefits', { verifier, benefit: ['gift'] }, /benefit must be/],
    ['no verifier', {}, /verifier must be/],
  ])('%s', (_what, options, message) => {
    expect(() => entitlements(options as never)).toThrow(message)
  })
})
