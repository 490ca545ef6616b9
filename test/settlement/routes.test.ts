import { gunzipSync } from 'node:zlib'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { readSheet } from 'read-excel-file/node'
import { beforeAll, describe, expect, test } from 'vitest'
import { answerProblem } from '../../functions/kernel/problem.ts'
import { type App, router } from '../../functions/kernel/validate.ts'
import { runClose } from '../../functions/settlement/close.ts'
import { settlementRoutes } from '../../functions/settlement/routes.ts'
import { statementRoutes } from '../../functions/settlement/statement-routes.ts'
import type { Problem } from '../../schemas/problem.ts'
import type { Statement } from '../../schemas/settlement.ts'
import { parseJournal } from '../reports/parse-journal.ts'
import { closingOf, newWorld, october, reportOctober } from './world.ts'

const periods = '/v1/programmes/88vip/periods'
type Caller = { brand: string; scopes: string[] }
const alibaba: Caller = { brand: 'alibaba', scopes: ['finance:read', 'finance:write'] }
const youku: Caller = { brand: 'youku', scopes: ['settlements:read'] }

let world: Awaited<ReturnType<typeof newWorld>>
let app: App
let caller: Caller | undefined

async function ask(path: string, by: Caller | undefined, method = 'GET'): Promise<Response> {
  caller = by
  return app.request(path, { method })
}
const refusal = async (path: string, by: Caller | undefined, method = 'GET') => {
  const answer = await ask(path, by, method)
  const { code } = (await answer.json()) as Problem
  return [answer.status, code]
}

beforeAll(async () => {
  world = await newWorld()
  await reportOctober(world)
  app = router()
  app.use(async (c, next) => {
    c.set('requestId', 'req_test')
    if (caller) c.set('caller', { client: caller.brand, ...caller })
    await next()
  })
  app.onError(answerProblem(() => undefined))
  app.route('/', settlementRoutes(world))
  app.route('/', statementRoutes(world))
})

describe('before the close', () => {
  test.each([
    ['GET', periods],
    ['GET', `${periods}/2026-10`],
    ['POST', `${periods}/2026-10/preview`],
    ['POST', `${periods}/2026-10/close`],
    ['GET', `${periods}/2026-10/journal`],
  ])('%s %s is for the programme’s own brand with the scope', async (method, path) => {
    expect(await refusal(path, undefined, method)).toEqual([401, 'unauthenticated'])
    expect(await refusal(path, { brand: 'alibaba', scopes: ['settlements:read'] }, method)).toEqual([
      403,
      'insufficient-scope',
    ])
    expect(await refusal(path, { ...alibaba, brand: 'youku' }, method)).toEqual([403, 'not-yours'])
  })

  test('finance:read does not close', async () => {
    const reader = { brand: 'alibaba', scopes: ['finance:read'] }
    expect(await refusal(`${periods}/2026-10/close`, reader, 'POST')).toEqual([403, 'insufficient-scope'])
  })

  test('refusals have their codes', async () => {
    expect(await refusal(`${periods}/2026-13`, alibaba)).toEqual([400, 'invalid-request'])
    expect(await refusal(`${periods}/2026-09`, alibaba)).toEqual([404, 'period-not-found'])
    expect(await refusal(`${periods}/2026-10/close`, alibaba, 'POST')).toEqual([409, 'period-not-over'])
    expect(await refusal('/v1/statements?limit=0', alibaba)).toEqual([400, 'invalid-request'])
    expect(await refusal('/v1/statements?cursor=x', alibaba)).toEqual([400, 'invalid-request'])
  })

  test('a preview shows statements and posts nothing', async () => {
    const answer = await ask(`${periods}/2026-10/preview`, alibaba, 'POST')
    expect(answer.status).toBe(200)
    expect(((await answer.json()) as { statements: unknown[] }).statements).toHaveLength(4)
    expect(await (await ask(`${periods}/2026-10`, alibaba)).json()).toEqual({
      programme: '88vip',
      period: '2026-10',
      state: 'open',
      dispositions: { matched: 5, duplicate: 1 },
      totals: [{ currency: 'CNY', amountMinor: 3142 }],
    })
    expect(await (await ask('/v1/statements', alibaba)).json()).toEqual({ items: [] })
  })
})

const events = '/lines/youku-2026:views:2026-10/events'

describe('after the close', () => {
  let statement: Statement

  beforeAll(async () => {
    world.moveTo('2026-11-01T00:00:00Z')
    const answer = await ask(`${periods}/2026-10/close`, alibaba, 'POST')
    expect([answer.status, await answer.json()]).toEqual([202, { period: '2026-10', state: 'cutoff' }])
    await runClose(world, closingOf(october))
    const listed = await ask('/v1/statements?programme=88vip&period=2026-10', youku)
    const { items } = (await listed.json()) as { items: Statement[] }
    expect(items).toHaveLength(2)
    statement = items.find(({ creditor }) => creditor === 'youku') as Statement
  })

  test('closing again answers what it is', async () => {
    const answer = await ask(`${periods}/2026-10/close`, alibaba, 'POST')
    expect([answer.status, await answer.json()]).toEqual([202, { period: '2026-10', state: 'published' }])
  })

  test('a statement has one content in every form', async () => {
    const json = await ask(`/v1/statements/${statement.id}`, youku)
    expect(await json.json()).toEqual(statement)
    const csv = await ask(`/v1/statements/${statement.id}.csv`, youku)
    expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8')
    expect(csv.headers.get('content-disposition')).toContain(`${statement.id}.csv`)
    expect((await csv.text()).trimEnd().split('\r\n').at(-1)?.split(',').slice(-2)).toEqual(['1434', '14.34'])
    expect(statement.totalMinor).toBe(1434)
    const jwt = await ask(`/v1/statements/${statement.id}.jwt`, youku)
    expect(jwt.headers.get('content-type')).toBe('application/jwt')
    const keys = createLocalJWKSet({ keys: await world.keys.publicKeysFor('statement') })
    const options = { typ: 'settlement-statement+jwt', audience: 'youku', issuer: 'https://tessera.example' }
    const { payload } = await jwtVerify(await jwt.text(), keys, options)
    expect(payload).toMatchObject({ sub: statement.id, hash: statement.hash, programme: '88vip', period: '2026-10' })
  })

  test.each([
    ['xlsx', 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet', 'PK'],
    ['pdf', 'application/pdf', '%PDF-'],
  ])('a statement is a file as .%s', async (form, type, magic) => {
    const answer = await ask(`/v1/statements/${statement.id}.${form}`, youku)
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, type])
    expect(answer.headers.get('content-disposition')).toBe(`attachment; filename="${statement.id}.${form}"`)
    expect((await answer.text()).startsWith(magic)).toBe(true)
  })

  test('a line has its events, page by page and as files', async () => {
    const path = `/v1/statements/${statement.id}${events}`
    type Page = { items: { event: string; quantity: number }[]; next?: string }
    const first = (await (await ask(`${path}?limit=2`, youku)).json()) as Page
    expect(first.items.map(({ event }) => event)).toEqual(['y1', 'y2'])
    const rest = (await (await ask(`${path}?limit=2&cursor=${first.next}`, youku)).json()) as Page
    expect(rest).toEqual({ items: [expect.objectContaining({ event: 'y3', quantity: 2, partner: 'youku' })] })
    const csv = await ask(`${path}.csv`, youku)
    expect((await csv.text()).trimEnd().split('\r\n')).toHaveLength(4)
    const xlsx = await ask(`${path}.xlsx`, youku)
    expect(await readSheet(Buffer.from(await xlsx.arrayBuffer()))).toHaveLength(4)
    const name = `${statement.id}-youku-2026-views-2026-10`
    expect(csv.headers.get('content-disposition')).toBe(`attachment; filename="${name}.csv"`)
    const empty = await ask(path.replace(':views:', ':entitled:'), youku)
    expect(await empty.json()).toEqual({ items: [] })
  })

  test('a file of events is gzipped for who takes that, and refused where an answer has no room for it', async () => {
    const path = `/v1/statements/${statement.id}${events}`
    caller = youku
    const plain = await (await app.request(`${path}.csv`)).arrayBuffer()
    for (const [accepted, encoding] of [
      ['gzip', 'gzip'],
      ['br;q=1.0, GZIP;q=0.5', 'gzip'],
      ['identity, gzip;q=0', null],
      ['gzipped', null],
    ] as const) {
      const answer = await app.request(`${path}.csv`, { headers: { 'accept-encoding': accepted } })
      expect([accepted, answer.headers.get('content-encoding')]).toEqual([accepted, encoding])
      expect(answer.headers.get('vary')).toBe('accept-encoding')
      const bytes = Buffer.from(await answer.arrayBuffer())
      expect(Buffer.from(plain).equals(encoding ? gunzipSync(bytes) : bytes)).toBe(true)
    }
    for (const [mostEvents, issuer, status] of [
      [2, 'https://tessera.example', 409],
      [3, 'https://tessera.example', 200],
      [2, 'http://127.0.0.1:8787', 200],
    ] as const)
      for (const form of ['csv', 'xlsx']) {
        const limited = router()
        limited.use(async (c, next) => {
          c.set('caller', { client: 'youku', ...youku })
          await next()
        })
        limited.onError(answerProblem(() => undefined))
        limited.route('/', statementRoutes({ ...world, mostEvents, issuer }))
        const answer = await limited.request(`${path}.${form}`)
        expect([mostEvents, issuer, answer.status]).toEqual([mostEvents, issuer, status])
        if (status !== 200)
          expect(await answer.json()).toMatchObject({
            code: 'download-too-large',
            detail: expect.stringContaining(`more than 2 events stand behind it; page through GET ${path}`),
          })
        else await answer.arrayBuffer()
      }
  })

  test('a line that is none, and cursors that no page gave, are refused', async () => {
    const of = `/v1/statements/${statement.id}`
    for (const suffix of ['', '.csv', '.xlsx'])
      expect(await refusal(`${of}/lines/nothing/events${suffix}`, youku)).toEqual([404, 'line-not-found'])
    for (const query of ['cursor=x', 'cursor=', 'limit=0', 'limit=101', `cursor=${'a'.repeat(401)}`])
      expect(await refusal(`${of}${events}?${query}`, youku)).toEqual([400, 'invalid-request'])
  })

  test('nobody else finds it, nor other forms of it', async () => {
    for (const suffix of ['', '.json', '.csv', '.xlsx', '.pdf', '.jwt', events, `${events}.csv`, `${events}.xlsx`]) {
      const path = `/v1/statements/${statement.id}${suffix}`
      expect(await refusal(path, { ...youku, brand: 'eleme' })).toEqual([404, 'statement-not-found'])
      expect(await refusal(path, undefined)).toEqual([401, 'unauthenticated'])
      expect(await refusal(path, { ...youku, scopes: ['usage:write'] })).toEqual([403, 'insufficient-scope'])
    }
    for (const id of [`${statement.id}.exe`, `${statement.id}.csv.jwt`, 'stm_0', 'HEAD'])
      expect(await refusal(`/v1/statements/${id}`, youku)).toEqual([404, 'statement-not-found'])
  })

  test('the journal balances', async () => {
    const answer = await ask(`${periods}/2026-10/journal`, alibaba)
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain/)
    const postings = parseJournal(await answer.text()).flatMap(entry => entry.postings)
    // Seven lines and three taxes that are not zero, two postings each.
    expect(postings.length).toBe(20)
    expect(postings.reduce((sum, { amount }) => sum + amount, 0n)).toBe(0n)
    expect(new Set(postings.map(({ commodity }) => commodity))).toEqual(new Set(['CNYMINOR']))
  })
})
