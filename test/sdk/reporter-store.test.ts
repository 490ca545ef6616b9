import { createHash } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { StoredBatchUnreadable, type UsageReceipt } from '../../sdk/index.ts'
import { answerLost, failureOf, reporterWorld, silence, status, use } from './reporter-world.ts'
import { memoryStore } from './usage-store.ts'

let world: Awaited<ReturnType<typeof reporterWorld>>
beforeEach(async () => {
  world = await reporterWorld()
})

const sha256 = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex')
const ids = (batches: Iterable<Uint8Array>) =>
  [...batches].map(bytes =>
    Buffer.from(bytes)
      .toString()
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line).id),
  )

describe('a store', () => {
  test('carries batches and chain over a crash: the same bytes, stored once', async () => {
    const memory = memoryStore()
    const first = world.reporterOf({ store: memory.store })
    first.report(use('e-1'))
    await first.flush()
    expect([memory.batches.size, memory.end()]).toMatchObject([0, { sequence: 1 }])
    world.faults.push(answerLost)
    const dying = world.reporterOf({ store: memory.store, retry: { attempts: 1 } })
    dying.report(use('e-2'))
    await failureOf(dying.flush())
    expect(memory.batches.size).toBe(1)

    const delivered = Promise.withResolvers<number>()
    const second = world.reporterOf({
      store: memory.store,
      chain: undefined,
      onReceipt: ({ sequence }) => delivered.resolve(sequence),
    })
    expect(await delivered.promise).toBe(2)
    expect(await second.close()).toMatchObject({ undelivered: [], chainBroken: [], chain: { sequence: 2 } })
    expect([memory.batches.size, memory.end()]).toMatchObject([0, { sequence: 2 }])
    expect(await world.head()).toMatchObject({ sequence: 2, lines: 2 })
    await dying.close()
  })

  test('has what a closed reporter could not deliver, also what was never sent', async () => {
    const memory = memoryStore()
    world.faults.push(status(403))
    const reporter = world.reporterOf({ store: memory.store, maxEvents: 1 })
    reporter.report(use('e-1'))
    reporter.report(use('e-2'))
    expect((await reporter.close()).undelivered).toHaveLength(2)
    expect(memory.batches.size).toBe(2)
  })

  test('that fails stops delivery and loses nothing', async () => {
    const memory = memoryStore()
    const failing = { ...memory.store, put: () => Promise.reject(new Error('disk full')) }
    const reporter = world.reporterOf({ store: failing })
    reporter.report(use('e-1'))
    expect(await failureOf(reporter.flush())).toMatchObject({ code: 'store-failed', cause: { message: 'disk full' } })
    expect([world.sent, (await reporter.close()).undelivered]).toEqual([[], [use('e-1')]])
  })

  test('has every batch as soon as it is frozen: a crash in an outage loses none, and none is counted twice', async () => {
    const memory = memoryStore()
    const asked = Promise.withResolvers<void>()
    world.faults.push((send, init) => {
      asked.resolve()
      return silence(send, init)
    })
    const dying = world.reporterOf({ store: memory.store, maxEvents: 2 })
    for (let index = 1; index <= 6; index += 1) dying.report(use(`e-${index}`))
    await asked.promise
    expect(ids(memory.batches.values())).toEqual([
      ['e-1', 'e-2'],
      ['e-3', 'e-4'],
      ['e-5', 'e-6'],
    ])
    expect([world.sent.length, world.receipts]).toEqual([1, []])

    // The process is gone: what it held is what the store holds.
    const delivered = Promise.withResolvers<void>()
    const onReceipt = ({ sequence }: UsageReceipt) => (sequence === 3 ? delivered.resolve() : undefined)
    const next = world.reporterOf({ store: memory.store, onReceipt })
    await delivered.promise
    expect(await next.close()).toMatchObject({ undelivered: [], chain: { sequence: 3 } })
    expect(ids(world.sent.slice(1).map(({ body }) => Buffer.from(body)))).toEqual([
      ['e-1', 'e-2'],
      ['e-3', 'e-4'],
      ['e-5', 'e-6'],
    ])
    expect([memory.batches.size, await world.head()]).toMatchObject([0, { sequence: 3, lines: 6 }])
    await dying.close({ graceMilliseconds: 1 })
  })

  test('is given what is frozen while delivery pauses', async () => {
    const memory = memoryStore()
    world.faults.push(status(503, { 'retry-after': '3600' }))
    const reporter = world.reporterOf({ store: memory.store, maxEvents: 1 })
    reporter.report(use('e-1'))
    await failureOf(reporter.flush())
    reporter.report(use('e-2'))
    await failureOf(reporter.flush())
    expect([memory.batches.size, world.sent.length]).toEqual([2, 1])
    await reporter.close()
  })

  const older = `${JSON.stringify({ quantity: 2, ...use('e-1') })}\n`

  test('with bytes of an older kit: they are sent as they are', async () => {
    const memory = memoryStore()
    memory.batches.set(sha256(older), Buffer.from(older))
    const reporter = world.reporterOf({ store: memory.store })
    await reporter.flush()
    expect(world.sent.map(({ body }) => body)).toEqual([older])
    expect(world.receipts).toMatchObject([{ digest: sha256(older), lines: 1, quantity: 2, malformed: 0 }])
    expect(memory.batches.size).toBe(0)
  })

  test('with a line that the gateway finds malformed: told, and settled with its batch', async () => {
    const memory = memoryStore()
    const bytes = `${JSON.stringify({ ...use('e-1'), quantity: 'two' })}\n${older}`
    memory.batches.set(sha256(bytes), Buffer.from(bytes))
    const reporter = world.reporterOf({ store: memory.store })
    await reporter.flush()
    expect(world.receipts).toMatchObject([{ lines: 2, malformed: 1, quantity: 2 }])
    expect(world.rejected).toMatchObject([{ line: 1, errors: [{ pointer: '/quantity' }] }])
    expect(memory.batches.size).toBe(0)
  })

  test.each([
    ['that is cut', Buffer.from('{"id":"e-')],
    ['that is no text', Buffer.from([0xff, 0x0a])],
    ['of no events', Buffer.from('\n')],
    ['of no objects', Buffer.from('7\n')],
  ])('with a batch %s: told by its digest, left where it is, and the others are delivered', async (_, bytes) => {
    const memory = memoryStore()
    const broken = sha256(bytes)
    memory.batches.set(broken, bytes)
    memory.batches.set(sha256(older), Buffer.from(older))
    const told: string[] = []
    const onUnreadable = ({ digest }: StoredBatchUnreadable) => void told.push(digest)
    const reporter = world.reporterOf({ store: memory.store, onUnreadable })
    reporter.report(use('e-2'))
    await reporter.flush()
    expect([told, world.receipts.length, [...memory.batches.keys()]]).toEqual([[broken], 2, [broken]])
    await reporter.close()

    const silent = world.reporterOf({ store: memory.store })
    const failure = await failureOf(silent.flush())
    expect(failure).toBeInstanceOf(StoredBatchUnreadable)
    expect(failure).toMatchObject({ digest: broken })
    await silent.flush()
    await silent.close()
    const last = world.reporterOf({ store: memory.store })
    expect(await last.close()).toMatchObject({ undelivered: [], unreadable: [{ digest: broken }] })
  })
})
