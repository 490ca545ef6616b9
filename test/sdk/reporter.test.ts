import { createHash } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { CHAIN_START, UsageUndelivered } from '../../sdk/index.ts'
import { answerLost, type Fault, failureOf, reporterWorld, status, use } from './reporter-world.ts'

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

  test('a busy gateway: growing pauses, Retry-After heeded', async () => {
    world.faults.push(status(503), status(429, { 'retry-after': '7' }), status(408), status(500))
    const reporter = world.reporterOf()
    reporter.report(use('e-1'))
    await reporter.flush()
    expect(world.pauses).toEqual([500, 7000, 2000, 4000])
    expect(world.receipts).toHaveLength(1)
  })

  test('a longer pause than its own, as the gateway asks, ends the round: told, and nothing is sent until then', async () => {
    const told: UsageUndelivered[] = []
    world.faults.push(status(503, { 'retry-after': '3600' }))
    const reporter = world.reporterOf({ maxEvents: 1, onUndelivered: error => void told.push(error) })
    reporter.report(use('e-1'))
    const failure = await failureOf(reporter.flush())
    expect(failure).toMatchObject({ code: 'gateway-busy', attempts: 1, retryAfterMilliseconds: 3_600_000 })
    reporter.report(use('e-2'))
    expect(await failureOf(reporter.flush())).toBe(failure)
    expect([world.pauses, world.sent.length, told]).toEqual([[], 1, [failure]])
    expect(await reporter.close()).toMatchObject({ undelivered: [use('e-1'), use('e-2')], reason: failure })
    expect(world.sent).toHaveLength(1)
  })

  test('the round after such a pause begins by itself', async () => {
    world.faults.push(status(503, { 'retry-after': '1' }))
    const received = Promise.withResolvers<number>()
    const retry = { firstPauseMilliseconds: 1, maxPauseMilliseconds: 1 }
    const onReceipt = ({ lines }: { lines: number }) => received.resolve(lines)
    const reporter = world.reporterOf({ flushAfterMilliseconds: 1, retry, onReceipt })
    reporter.report(use('e-1'))
    expect(await received.promise).toBe(1)
    expect(world.pauses).toEqual([])
    await reporter.close()
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
})
