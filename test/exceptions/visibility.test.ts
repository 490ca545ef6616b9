import { beforeAll, describe, expect, test } from 'vitest'
import type { UsageException } from '../../schemas/exception.ts'
import { bodyOf } from '../support/gateway.ts'
import { type ExceptionWorld, exceptionWorld, problemOf, refusalOf } from './world.ts'

let world: ExceptionWorld
let one: UsageException
let nobodys: UsageException

beforeAll(async () => {
  world = await exceptionWorld()
  await world.report('youku', [
    { id: 'early', occurredAt: '2026-10-04T04:00:00Z' },
    { id: 'broken', quantity: 0 },
  ])
  one = await world.only('youku', '?reason=outside-entitlement')
  nobodys = await world.only('youku', '?reason=malformed')
})

describe('who sees what', () => {
  test('another partner and another brand see nothing, and learn nothing', async () => {
    const unknown = { id: `exc_${'0'.repeat(26)}` }
    for (const client of ['eleme', 'jd']) {
      expect(await world.list(client)).toEqual([])
      for (const { id } of [one, nobodys, unknown, { id: 'exc_1' }, { id: '%00' }])
        for (const rest of ['', '/lines'])
          expect([
            client,
            ...(await refusalOf(await world.call(client, 'GET', `/v1/exceptions/${id}${rest}`))),
          ]).toEqual([client, 404, 'exception-not-found'])
    }
    expect(await world.list('jd', '?programme=88vip')).toEqual([])
    expect(await world.list('eleme', '?partner=youku')).toEqual([])
  })

  test('lines of no programme show to the partner alone', async () => {
    expect((await world.list('alibaba')).map(({ id }) => id)).toEqual([one.id])
    expect(await refusalOf(await world.call('alibaba', 'GET', `/v1/exceptions/${nobodys.id}`))).toEqual([
      404,
      'exception-not-found',
    ])
    const body = { outcome: 'accepted', reason: 'x' }
    expect(await refusalOf(await world.act('alibaba', nobodys, 'resolve', body))).toEqual([404, 'exception-not-found'])
    expect(await problemOf(await world.act('youku', nobodys, 'dispute', { reason: 'x' }))).toMatchObject({
      code: 'wrong-state',
      detail: expect.stringContaining('under a new id'),
    })
  })

  test('each side does its own part only', async () => {
    for (const [client, verb, body] of [
      ['youku', 'resolve', { outcome: 'rejected', reason: 'x' }],
      ['youku', 'assign', { assignee: 'x' }],
      ['alibaba', 'dispute', { reason: 'x' }],
    ] as const)
      expect(await refusalOf(await world.act(client, one, verb, body))).toEqual([403, 'insufficient-scope'])
    for (const [verb, body] of [
      ['resolve', { outcome: 'rejected', reason: 'x' }],
      ['assign', { assignee: 'x' }],
      ['dispute', { reason: 'x' }],
    ] as const)
      expect(await refusalOf(await world.act('jd', one, verb, body))).toEqual([404, 'exception-not-found'])
    expect((await world.view('alibaba', one)).audit).toHaveLength(1)
  })
})

test('an unknown filter is named, not passed over', async () => {
  const answer = await world.call('youku', 'GET', '/v1/exceptions?State=open')
  expect(await problemOf(answer)).toMatchObject({ status: 400, errors: [{ pointer: '/State' }] })
})

describe('hostile requests', () => {
  const long = 'x'.repeat(1001)
  const half = 'x\ud800'
  test.each<[string, unknown, string?]>([
    ['resolve', {}],
    ['resolve', []],
    ['resolve', null],
    ['resolve', { outcome: 'accepted' }],
    ['resolve', { outcome: 'cleared', reason: 'x' }],
    ['resolve', { outcome: 'accepted', reason: '' }],
    ['resolve', { outcome: 'accepted', reason: '   ' }],
    ['resolve', { outcome: 'accepted', reason: long }],
    ['resolve', { outcome: 'accepted', reason: half }],
    ['resolve', { outcome: 'accepted', reason: 'x', amountMinor: 1 }],
    ['resolve', { outcome: 'accepted', reason: 'x', extra: 1 }],
    ['resolve', { outcome: 'adjusted', reason: 'x' }],
    ['resolve', { outcome: 'adjusted', reason: 'x', amountMinor: 0 }],
    ['resolve', { outcome: 'adjusted', reason: 'x', amountMinor: -1 }],
    ['resolve', { outcome: 'adjusted', reason: 'x', amountMinor: 1.5 }],
    ['resolve', { outcome: 'adjusted', reason: 'x', amountMinor: 2 ** 53 }],
    ['resolve', { outcome: 'adjusted', reason: 'x', amountMinor: '1' }],
    ['assign', { assignee: '' }],
    ['assign', { assignee: 'x'.repeat(129) }],
    ['assign', { assignee: half }],
    ['assign', { assignee: { name: 'x' } }],
  ])('%s with %j is refused and changes nothing', async (verb, body) => {
    expect(await refusalOf(await world.act('alibaba', one, verb, body))).toEqual([400, 'invalid-request'])
    expect(await world.view('alibaba', one)).toEqual(one)
  })

  test.each([{ reason: 7 }, { reason: long }, {}, { reason: 'x', deadline: '2099-01-01T00:00:00Z' }])(
    'dispute with %j is refused',
    async body => {
      expect(await refusalOf(await world.act('youku', one, 'dispute', body))).toEqual([400, 'invalid-request'])
    },
  )

  test.each([
    '?state=closed',
    '?reason=matched',
    '?severity=extreme',
    '?period=2026-13',
    '?limit=0',
    '?limit=101',
    '?cursor=x',
    `?cursor=${Buffer.from('["EXCEPTIONS#partner#eleme#open/"]').toString('base64url')}`,
    `?cursor=${Buffer.from('["EXCEPTIONS#partner#youku#open/","e30"]').toString('base64url')}`,
    '?programme=%23',
    '?programe=88vip',
    `?cursor=${Buffer.from('["EXCEPTIONS#partner#youku#open/","x","y"]').toString('base64url')}`,
  ])('a list with %s is refused', async query => {
    expect(await refusalOf(await world.call('youku', 'GET', `/v1/exceptions${query}`))).toEqual([
      400,
      'invalid-request',
    ])
  })

  test.each(['', 'x', 'bGluZSAw', 'bGluZSAwMQ'])('lines with the cursor "%s" are refused', async cursor => {
    const path = `/v1/exceptions/${one.id}/lines?cursor=${cursor}`
    expect(await refusalOf(await world.call('youku', 'GET', path))).toEqual([400, 'invalid-request'])
  })

  test('lines that state what nothing can hold are exceptions all the same', async () => {
    const largest = { amountMinor: 10_000_000_000_000, currency: 'CNY' }
    await world.report(
      'youku',
      Array.from({ length: 2000 }, (_, index) => ({
        id: `huge-${index}`,
        entitlementId: 'nobody’s 😀',
        quantity: 1_000_000_000,
        amount: largest,
      })),
    )
    const huge = await world.only('youku', '?reason=unknown-entitlement')
    expect(huge).toMatchObject({ count: 2000, amounts: [{ amountMinor: Number.MAX_SAFE_INTEGER, currency: 'CNY' }] })
    const odd = `{"id":"odd","\\ud800":1,"text":"${'é'.repeat(5_000)}"}`
    await bodyOf(
      await world.call('youku', 'POST', '/v1/usage-batches', odd, { 'content-type': 'application/x-ndjson' }),
      202,
    )
    await world.reconcile('youku')
    const found = (await world.list('youku', '?reason=malformed')).find(({ sequence }) => sequence === 3)
    expect(found?.evidence.truncated).toBe(true)
    expect(Buffer.byteLength(found?.evidence.text ?? '')).toBeLessThanOrEqual(2048)
    expect(found?.evidence.text).not.toContain('\ufffd')
  })

  test('a repeated request under one key is answered once', async () => {
    const send = (reason: string) =>
      world.call(
        'alibaba',
        'POST',
        `/v1/exceptions/${one.id}/resolve`,
        { outcome: 'adjusted', reason, amountMinor: 1 },
        { 'idempotency-key': 'decision-1' },
      )
    const first = await bodyOf<UsageException>(await send('goodwill'))
    expect(await bodyOf(await send('goodwill'))).toEqual(first)
    expect(await refusalOf(await send('other'))).toEqual([422, 'idempotency-key-reused'])
  })
})
