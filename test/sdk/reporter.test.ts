import { createHash, generateKeyPairSync } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { CHAIN_START, ReceiptChainBroken, ReceiptRefused, UsageRejected, UsageUndelivered } from '../../sdk/index.ts'
import { bodyOf } from '../support/gateway.ts'
import { signBytes } from './issuer.ts'
import { answerLost, changed, type Fault, failureOf, reporterWorld, status, use } from './reporter-world.ts'

let world: Awaited<ReturnType<typeof reporterWorld>>
beforeEach(async () => {
  world = await reporterWorld()
})

test('events are batched, signed for and chained', async () => {
  const reporter = world.reporterOf({ maxEvents: 2 })
  for (const id of ['e-1', 'e-2', 'e-3']) reporter.report(use(id, { quantity: 2 }))
  expect(reporter.pending).toBe(3)
  await reporter.flush()
  expect(world.sent.map(({ body }) => body.trimEnd().split('\n').length)).toEqual([2, 1])
  const [first, second] = world.receipts
  expect(first).toMatchObject({ sequence: 1, lines: 2, malformed: 0, quantity: 4, previousHash: CHAIN_START.hash })
  expect(second).toMatchObject({ sequence: 2, lines: 1, quantity: 2, previousHash: first?.hash })
  expect(second?.digest).toBe(
    createHash('sha256')
      .update(world.sent[1]?.body ?? '')
      .digest('hex'),
  )
  expect(reporter.chain).toMatchObject({ sequence: 2, hash: second?.hash })
  expect(await world.head()).toMatchObject({ sequence: 2, hash: second?.hash, lines: 3, quantity: 6 })
  expect(world.tokenRequests).toEqual(['grant_type=client_credentials&scope=usage%3Awrite'])
  const { headers } = world.sent[0] ?? {}
  expect(headers?.get('content-type')).toBe('application/x-ndjson')
  expect(headers?.get('content-digest')).toMatch(/^sha-256=:[A-Za-z0-9+/]{43}=:$/)
  expect([headers?.get('tessera-control-count'), headers?.get('tessera-control-quantity')]).toEqual(['2', '4'])
  expect(await reporter.close()).toMatchObject({ undelivered: [], rejected: [], chainBroken: [] })
})

describe('faults on the way', () => {
  test('an answer lost after the gateway stored the batch: the same bytes, the same receipt, stored once', async () => {
    world.faults.push(answerLost, answerLost)
    const reporter = world.reporterOf()
    reporter.report(use('e-1'))
    await reporter.flush()
    expect(new Set(world.sent.map(({ body }) => body)).size).toBe(1)
    expect(world.sent).toHaveLength(3)
    expect(world.receipts.map(({ sequence }) => sequence)).toEqual([1])
    expect(await world.head()).toMatchObject({ sequence: 1, lines: 1 })
  })

  test('a busy gateway: growing world.pauses, Retry-After heeded', async () => {
    world.faults.push(status(503), status(429, { 'retry-after': '7' }), status(408), status(500))
    const reporter = world.reporterOf()
    reporter.report(use('e-1'))
    await reporter.flush()
    expect(world.pauses).toEqual([500, 7000, 2000, 4000])
    expect(world.receipts).toHaveLength(1)
  })

  test('a gateway that stays busy: told, kept in order, delivered later', async () => {
    const told: UsageUndelivered[] = []
    world.faults.push(...Array.from({ length: 6 }, () => status(503)))
    const reporter = world.reporterOf({ maxEvents: 1, onUndelivered: error => void told.push(error) })
    reporter.report(use('e-1'))
    reporter.report(use('e-2'))
    const failure = await failureOf(reporter.flush())
    expect(failure).toBeInstanceOf(UsageUndelivered)
    expect(failure).toMatchObject({ code: 'gateway-busy', attempts: 6, problem: { status: 503 } })
    expect(told).toEqual([failure])
    expect([reporter.pending, world.rejected]).toEqual([2, []])
    await reporter.flush()
    expect(world.receipts.map(({ sequence, digest }) => [sequence, digest])).toEqual(
      [6, 7].map((at, index) => [
        index + 1,
        createHash('sha256')
          .update(world.sent[at]?.body ?? '')
          .digest('hex'),
      ]),
    )
    await reporter.close()
  })

  test('one request at a time, whoever asks', async () => {
    let underWay = 0
    let most = 0
    const slow: Fault = async send => {
      underWay += 1
      most = Math.max(most, underWay)
      await new Promise(resolve => setTimeout(resolve, 5))
      underWay -= 1
      return send()
    }
    world.faults.push(slow, slow, slow, slow)
    const reporter = world.reporterOf({ maxEvents: 1 })
    for (const id of ['e-1', 'e-2', 'e-3', 'e-4']) reporter.report(use(id))
    await Promise.all([reporter.flush(), reporter.flush(), reporter.close()])
    expect([most, world.receipts.map(({ sequence }) => sequence)]).toEqual([1, [1, 2, 3, 4]])
  })

  test('401: one new access token, and no more', async () => {
    world.faults.push(status(401))
    const reporter = world.reporterOf()
    reporter.report(use('e-1'))
    await reporter.flush()
    expect([world.tokenRequests.length, world.pauses, world.receipts.length]).toEqual([2, [], 1])
    world.faults.push(status(401), status(401))
    reporter.report(use('e-2'))
    expect(await failureOf(reporter.flush())).toMatchObject({ code: 'caller-refused', problem: { status: 401 } })
    expect([reporter.pending, world.rejected]).toEqual([1, []])
    await reporter.flush()
    expect(world.receipts).toHaveLength(2)
  })

  test('wrong credentials lose nothing', async () => {
    const reporter = world.reporterOf({ credentials: { clientId: 'youku', clientSecret: 'wrong' } })
    reporter.report(use('e-1'))
    const failure = await failureOf(reporter.flush())
    expect(failure).toMatchObject({ code: 'caller-refused', attempts: 1, problem: { code: 'invalid_client' } })
    expect(JSON.stringify(failure) + String(failure)).not.toContain('wrong')
    expect(await reporter.close()).toMatchObject({ undelivered: [use('e-1')], reason: { code: 'caller-refused' } })
  })

  test('a token of the caller’s own making', async () => {
    const tokens = [world.tokenOf('alibaba'), world.tokenOf('youku')]
    world.faults.push(status(401))
    const reporter = world.reporterOf({ credentials: { token: async () => (await tokens.shift()) ?? '' } })
    reporter.report(use('e-1'))
    await reporter.flush()
    expect(world.receipts).toHaveLength(1)
    expect(world.sent[1]?.headers.get('authorization')).toBe(`Bearer ${await world.tokenOf('youku')}`)
  })

  test('a batch that is refused goes to onRejected with the problem, and the next one is sent', async () => {
    const problem = { code: 'too-many-events', detail: 'split it', errors: [{ pointer: '/events', detail: 'many' }] }
    world.faults.push(status(400, {}, JSON.stringify(problem)))
    const reporter = world.reporterOf({ maxEvents: 2 })
    for (const id of ['e-1', 'e-2', 'e-3']) reporter.report(use(id))
    await reporter.flush()
    expect(world.rejected.map(({ event, line }) => [event.id, line])).toEqual([
      ['e-1', 1],
      ['e-2', 2],
    ])
    expect(world.rejected[0]?.problem).toEqual({ status: 400, ...problem })
    expect(world.receipts).toMatchObject([{ lines: 1, sequence: 1 }])
  })

  test('without onRejected, flush hands out what was refused', async () => {
    world.faults.push(status(422), status(413))
    const reporter = world.reporterOf({ onRejected: undefined, maxEvents: 1 })
    reporter.report(use('e-1'))
    const failure = await failureOf(reporter.flush())
    expect(failure).toBeInstanceOf(UsageRejected)
    expect(failure).toMatchObject({
      rejected: [{ event: { id: 'e-1' }, problem: { status: 422, code: 'unreadable' } }],
    })
    await reporter.flush()
    reporter.report(use('e-2'))
    expect(await reporter.close()).toMatchObject({ undelivered: [], rejected: [{ event: { id: 'e-2' } }] })
  })
})

describe('the receipt', () => {
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const forged = changed(answer => {
    const [header, payload] = String(answer['receipt'])
      .split('.')
      .map(part => Buffer.from(part, 'base64url'))
    return { receipt: signBytes(header ?? '', payload ?? '', stranger.privateKey) }
  })
  const refusedOnce = async (fault: Fault, code: string) => {
    world.faults.push(fault)
    const reporter = world.reporterOf({ retry: { attempts: 1 } })
    reporter.report(use('e-1'))
    const failure = await failureOf(reporter.flush())
    expect(failure).toMatchObject({ code, cause: expect.any(ReceiptRefused) })
    expect([world.receipts, reporter.pending, reporter.chain]).toEqual([[], 1, CHAIN_START])
    await reporter.flush()
    expect([world.receipts.length, await world.head()]).toMatchObject([1, { sequence: 1 }])
  }

  test('a forged one is no receipt', async () => {
    await refusedOnce(forged, 'receipt-refused')
  })

  test.each<[string, string, Record<string, unknown>]>([
    ['its place is another', 'receipt-of-other-batch', { sequence: 2 }],
    ['its batch is another', 'receipt-of-other-batch', { id: 'bat_00000000000000000000000000' }],
    ['a line is called malformed that is not', 'receipt-of-other-batch', { malformed: [{ line: 1, errors: [] }] }],
    ['a line is named that was not sent', 'answer-unreadable', { malformed: [{ line: 2, errors: [] }] }],
    ['there is none', 'answer-unreadable', { receipt: null }],
  ])('the answer around it is changed: %s', async (_, code, change) => {
    await refusedOnce(
      changed(() => change),
      code,
    )
  })

  test('one of another batch is no receipt', async () => {
    const other = Buffer.from(`${JSON.stringify(use('other'))}\n`)
    const headers = { 'content-type': 'application/x-ndjson' }
    const answer = await bodyOf<object>(await world.call('eleme', 'POST', '/v1/usage-batches', other, headers), 202)
    await refusedOnce(async () => Response.json(answer, { status: 202 }), 'receipt-refused')
    const own = await world.call('youku', 'POST', '/v1/usage-batches', other, headers)
    const reporter = world.reporterOf({ retry: { attempts: 1 }, chain: undefined })
    world.faults.push(async () => own)
    reporter.report(use('e-2'))
    expect(await failureOf(reporter.flush())).toMatchObject({ code: 'receipt-of-other-batch' })
    await reporter.close()
  })

  test('what is no JSON, or no answer to a batch, is tried again', async () => {
    world.faults.push(status(202, {}, 'ok'), status(200), forged, status(202, {}, '{"id":"bat_1"}'))
    const reporter = world.reporterOf()
    reporter.report(use('e-1'))
    await reporter.flush()
    expect([world.pauses.length, world.receipts.length]).toEqual([4, 1])
  })
})

test('a line that only the gateway finds malformed: told by its event, the rest accepted', async () => {
  const reporter = world.reporterOf()
  reporter.report(use('e-1', { quantity: 3 }))
  reporter.report(use('e-2', { quantity: 5, amount: { amountMinor: 100, currency: 'XQQ' } }))
  reporter.report(use('e-3', { quantity: 7 }))
  await reporter.flush()
  expect(world.receipts).toMatchObject([{ lines: 3, malformed: 1, quantity: 10 }])
  expect(world.rejected).toMatchObject([
    { event: { id: 'e-2' }, line: 2, digest: world.receipts[0]?.digest, errors: [{ pointer: '/amount/currency' }] },
  ])
  expect(world.sent.map(({ headers }) => headers.get('tessera-control-quantity'))).toEqual(['15', null])
  expect(new Set(world.sent.map(({ body }) => body)).size).toBe(1)
})

test('the answer blames another line than the gateway did: the signed sum does not agree', async () => {
  world.faults.push(status(422, {}, '{"code":"control-total-mismatch"}'))
  world.faults.push(changed(() => ({ malformed: [{ line: 1, errors: [] }] })))
  const reporter = world.reporterOf({ retry: { attempts: 1 } })
  reporter.report(use('e-1', { quantity: 3 }))
  reporter.report(use('e-2', { quantity: 5, amount: { amountMinor: 100, currency: 'XQQ' } }))
  expect(await failureOf(reporter.flush())).toMatchObject({ code: 'receipt-of-other-batch' })
  await reporter.flush()
  expect(world.rejected).toMatchObject([{ event: { id: 'e-2' }, line: 2 }])
})

describe('the chain', () => {
  const elsewhere = async (id: string) =>
    bodyOf(await world.call('youku', 'POST', '/v1/usage-batches', { events: [use(id)] }), 202)

  test('a gap is told, and its batch is accepted all the same', async () => {
    const reporter = world.reporterOf()
    reporter.report(use('e-1'))
    await reporter.flush()
    const known = reporter.chain
    await elsewhere('x-1')
    reporter.report(use('e-2'))
    const failure = await failureOf(reporter.flush())
    expect(failure).toBeInstanceOf(ReceiptChainBroken)
    expect(failure).toMatchObject({ code: 'gap', known, received: { sequence: 3 } })
    expect([reporter.pending, world.receipts.length]).toEqual([0, 2])
    reporter.report(use('e-3'))
    await reporter.flush()
    expect(reporter.chain?.sequence).toBe(4)
  })

  test('a fork is told', async () => {
    const broken: ReceiptChainBroken[] = []
    await elsewhere('x-1')
    const chain = { sequence: 1, hash: 'f'.repeat(64) }
    const reporter = world.reporterOf({ chain, onChainBroken: error => void broken.push(error) })
    reporter.report(use('e-1'))
    await reporter.flush()
    expect(broken).toMatchObject([{ code: 'fork', known: chain, received: { sequence: 2 } }])
    expect(reporter.chain).toMatchObject({ sequence: 2, hash: world.receipts[0]?.hash })
  })

  test('a restart goes on where the last run ended; a new one without a chain begins anywhere', async () => {
    await elsewhere('x-1')
    const first = world.reporterOf({ chain: undefined })
    first.report(use('e-1'))
    await first.flush()
    const { chain } = await first.close()
    const second = world.reporterOf({ chain })
    second.report(use('e-2'))
    expect(await second.close()).toMatchObject({ undelivered: [], chainBroken: [], chain: { sequence: 3 } })
  })

  test('the same bytes as long ago bring the receipt of long ago, which breaks nothing', async () => {
    const reporter = world.reporterOf()
    for (const id of ['e-1', 'e-2', 'e-1', 'e-2', 'e-3']) {
      reporter.report(use(id))
      await reporter.flush()
    }
    expect(world.receipts.map(({ sequence }) => sequence)).toEqual([1, 2, 1, 2, 3])
    expect(await world.head()).toMatchObject({ sequence: 3, lines: 3 })
  })
})
