import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { programme } from '../../functions/local/demo.ts'
import { refusalOf } from '../support/answers.ts'
import {
  bodyOf,
  type GatewayWorld,
  gatewayWorld,
  leaksOf,
  partnerDocument,
  sale,
  seedTerms,
} from '../support/gateway.ts'

let world: GatewayWorld

beforeAll(async () => {
  world = await gatewayWorld()
  await seedTerms(world)
})
afterAll(() => expect(leaksOf(world)).toEqual([]))

const put = (path: string, document: object) => world.call('alibaba', 'PUT', path, document)
const sell = (member: object) =>
  world.call('alibaba', 'POST', '/v1/memberships', sale(`hostile-${Math.random()}`, { member }))
const evaluate = (body: object) => world.call('youku', 'POST', '/access/v1/evaluation', body)
const evaluation = {
  subject: { type: 'link', id: 'lnk_00000000000000000000000000' },
  action: { name: 'use' },
  resource: { type: 'benefit', id: 'youku-vip' },
}
const issuer = 'https://identity.example'
const [plan] = programme.plans
const [benefit] = programme.benefits

describe('text with half a character, which nothing could store', () => {
  const half = 'x\ud800'
  test.each<[string, () => Promise<Response>, string]>([
    ['a subject', () => sell({ issuer, subject: half }), '/member/subject'],
    ['an attribute', () => sell({ issuer, subject: 'a', attributes: { x: half } }), '/member/attributes/x'],
    ['an attribute’s name', () => sell({ issuer, subject: 'a', attributes: { [half]: 1 } }), '/member/attributes'],
    ['a name', () => put('/v1/programmes/odd', { ...programme, id: 'odd', name: { en: half } }), '/name/en'],
    ['a client id', () => put('/v1/partners/odd', { ...partnerDocument('odd'), clientId: half }), '/clientId'],
    ['an account', () => world.call('youku', 'POST', '/v1/entitlement-tokens', { account: half }), '/account'],
    ['a subject’s id', () => evaluate({ ...evaluation, subject: { type: 'link', id: half } }), '/subject/id'],
    ['an action’s name', () => evaluate({ ...evaluation, action: { name: half } }), '/action/name'],
  ])('%s is refused', async (_name, ask, pointer) => {
    expect(await refusalOf(await ask())).toEqual([400, 'invalid-request', [pointer]])
  })

  test('whole characters of any plane are text like other', async () => {
    for (const subject of ['优酷', '😀', 'a\u0000b', '\u202e', 'e\u0301', '#'])
      expect((await sell({ issuer, subject })).status).toBe(201)
  })
})

describe('numbers that the table could not hold or would change', () => {
  test.each([1e200, 1e-200, 2 ** 60])('%d is refused', async number => {
    const rule = { when: { attribute: 'x', atLeast: number }, price: { amountMinor: 1, currency: 'CNY' } }
    expect((await refusalOf(await sell({ issuer, subject: 'a', attributes: { x: number } }))).slice(0, 2)).toEqual([
      400,
      'invalid-request',
    ])
    for (const change of [
      { plans: [{ ...plan, priceRules: [rule] }] },
      { benefits: [...programme.benefits.slice(1), { ...benefit, limits: { x: number } }] },
    ]) {
      const answer = await put('/v1/programmes/odd', { ...programme, id: 'odd', ...change })
      expect((await refusalOf(answer)).slice(0, 2)).toEqual([400, 'invalid-request'])
    }
  })

  test('a number beyond every double is refused', async () => {
    const text = JSON.stringify(sale('beyond', { paid: { amountMinor: 7, currency: 'CNY' } })).replace(':7,', ':1e400,')
    const json = { 'content-type': 'application/json' }
    const answer = await world.call('alibaba', 'POST', '/v1/memberships', text, json)
    expect(await refusalOf(answer)).toEqual([400, 'invalid-request', ['/paid/amountMinor']])
  })
})

describe('instants and periods at the ends of time', () => {
  test.each(['0000-01-01T00:00:00Z', '0001-01-01T00:00:00Z', '9999-12-31T23:59:59Z'])('%s', async startsAt => {
    const answer = await world.call('alibaba', 'POST', '/v1/memberships', sale('ends-of-time', { startsAt }))
    expect((await refusalOf(answer)).slice(0, 2)).toEqual([409, 'at-out-of-range'])
  })

  test.each([
    ['0000-01', 404],
    ['9999-12', 409],
  ])('a close of %s', async (period, status) => {
    const answer = await world.call('alibaba', 'POST', `/v1/programmes/88vip/periods/${period}/close`)
    expect(answer.status).toBe(status)
  })
})

describe('documents that no item could hold', () => {
  const many = <T>(count: number, name: (index: number) => string, value: T) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [name(index), value]))
  const languages = (count: number) => many(count, index => `zz-${String(index).padStart(6, '0')}`, '优'.repeat(200))
  const limits = (count: number) => many(count, index => `limit-${index}`, 'x'.repeat(20))
  const documents: [string, string, object][] = [
    ['a programme of many languages', '/v1/programmes/odd', { ...programme, id: 'odd', name: languages(2000) }],
    [
      'a programme of many limits',
      '/v1/programmes/odd',
      { ...programme, id: 'odd', benefits: programme.benefits.map(one => ({ ...one, limits: limits(9000) })) },
    ],
    ['a partner of many languages', '/v1/partners/odd', { ...partnerDocument('odd'), name: languages(2000) }],
    ['a partner of many claims', '/v1/partners/odd', { ...partnerDocument('odd'), claims: limits(12_000) }],
  ]

  test.each(documents)('%s is too large, not a bug', async (_name, path, document) => {
    expect((await refusalOf(await put(path, document))).slice(0, 2)).toEqual([413, 'body-too-large'])
    expect((await world.call('alibaba', 'GET', path)).status).toBe(404)
  })

  test('a document that is just not too large is stored and read back', async () => {
    const [plain] = programme.benefits.filter(benefit => benefit.choiceGroup === undefined)
    const benefits = Array.from({ length: 20 }, (_, index) => ({ ...plain, id: `gift-${index}`, name: languages(20) }))
    const document = { ...programme, id: 'large', choiceGroups: [], benefits }
    expect(Buffer.byteLength(JSON.stringify(document))).toBeGreaterThan(240_000)
    const stored = await bodyOf(await put('/v1/programmes/large', document))
    expect(await bodyOf(await world.call('alibaba', 'GET', '/v1/programmes/large'))).toEqual(stored)
  })

  test.each<[string, string, object]>([
    ['/name', '/v1/partners/odd', { ...partnerDocument('odd'), name: languages(21) }],
    ['/claims', '/v1/partners/odd', { ...partnerDocument('odd'), claims: limits(33) }],
    ['/relinkCooldown', '/v1/partners/odd', { ...partnerDocument('odd'), relinkCooldown: 'P9999Y' }],
  ])('more than is sane is refused at %s', async (pointer, path, document) => {
    expect(await refusalOf(await put(path, document))).toEqual([400, 'invalid-request', [pointer]])
  })
})

describe('token requests', () => {
  const form = { 'content-type': 'application/x-www-form-urlencoded' }
  const basic = (credentials: string) => ({
    ...form,
    authorization: `Basic ${Buffer.from(credentials, 'latin1').toString('base64')}`,
  })
  const grant = 'grant_type=client_credentials'
  const assertion = `${grant}&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=`
  const segment = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')

  test.each<[string, string | undefined, Record<string, string>]>([
    ['no body', undefined, {}],
    ['JSON', '{}', { 'content-type': 'application/json' }],
    ['broken credentials', grant, { ...form, authorization: 'Basic !!!' }],
    ['broken percent signs', grant, basic('%zz:%')],
    ['NUL', grant, basic('\u0000:x')],
    ['a client id of 9 KB', grant, basic(`${'x'.repeat(9000)}:x`)],
    ['the secret in the body', `${grant}&client_id=youku&client_secret=youku-secret`, form],
    ['two grants', `${grant}&grant_type=password`, basic('youku:youku-secret')],
    ['another grant', 'grant_type=password&username=a&password=b', basic('youku:youku-secret')],
    ['a scope that is not its own', `${grant}&scope=programmes:write`, basic('youku:youku-secret')],
    ['another resource', `${grant}&resource=https://other.example`, basic('youku:youku-secret')],
    ['an assertion that is none', `${assertion}a.b.c`, form],
    [
      'an assertion of a long name',
      `${assertion}${segment({ alg: 'ES256' })}.${segment({ sub: 'x'.repeat(5000), iss: 'x' })}.AAAA`,
      form,
    ],
    [
      'an unsigned assertion',
      `${assertion}${segment({ alg: 'none' })}.${segment({ sub: 'youku', iss: 'youku' })}.`,
      form,
    ],
  ])('%s gets an OAuth error', async (_name, body, headers) => {
    const answer = await world.call(undefined, 'POST', '/oauth/token', body, headers)
    expect([400, 401]).toContain(answer.status)
    const error = (await answer.json()) as Record<string, unknown>
    expect(error['error']).toEqual(expect.stringMatching(/^[a-z_]+$/))
    expect(error['access_token']).toBeUndefined()
  })

  test('a client with a wrong secret, or of no name, gets no token and the same words', async () => {
    const texts: string[] = []
    for (const credentials of ['youku:wrong-secret', 'nobody:wrong-secret', 'youku:', ':']) {
      const answer = await world.request({
        method: 'POST',
        path: '/oauth/token',
        headers: {
          authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
          'content-type': 'application/x-www-form-urlencoded',
        },
        body: 'grant_type=client_credentials',
      })
      expect([400, 401]).toContain(answer.status)
      texts.push(await answer.text())
    }
    expect(texts[1]).toBe(texts[0])
  })
})
