import { beforeEach, describe, expect, test } from 'vitest'
import { CHAIN_START, type ReporterRefused, UsageEventInvalid, type UsageReporterOptions } from '../../sdk/index.ts'
import { failureOf, reporterWorld, silence, status, use } from './reporter-world.ts'
import { memoryStore } from './usage-store.ts'

const never = () => new Promise<never>(() => undefined)

let world: Awaited<ReturnType<typeof reporterWorld>>
beforeEach(async () => {
  world = await reporterWorld()
})

test('an event that cannot be reported leaves the others alone', async () => {
  const reporter = world.reporterOf()
  reporter.report(use('e-1'))
  expect(() => reporter.report(use(''))).toThrow(UsageEventInvalid)
  expect(await reporter.close()).toMatchObject({ undelivered: [], chain: { sequence: 1 } })
})

describe('a batch', () => {
  test('is as long as bytes allow', async () => {
    const reporter = world.reporterOf({ maxBytes: 65_536 })
    const subject = '优'.repeat(128)
    for (let index = 0; index < 200; index += 1) reporter.report(use(`e-${index}`, { subject }))
    await reporter.close()
    const sizes = world.sent.map(({ body }) => Buffer.byteLength(body))
    expect(sizes).toHaveLength(2)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(65_536)
    expect(await world.head()).toMatchObject({ lines: 200, sequence: 2 })
  })

  test('leaves by itself after a while', async () => {
    const received = Promise.withResolvers<number>()
    const reporter = world.reporterOf({ flushAfterMilliseconds: 1, onReceipt: ({ lines }) => received.resolve(lines) })
    reporter.report(use('e-1'))
    reporter.report(use('e-2'))
    expect(await received.promise).toBe(2)
    await reporter.close()
  })

  test('that could not be delivered leaves by itself later, also after a flush that failed', async () => {
    world.faults.push(status(503))
    const received = Promise.withResolvers<number>()
    const retry = { attempts: 1, firstPauseMilliseconds: 1, maxPauseMilliseconds: 1 }
    const onReceipt = ({ lines }: { lines: number }) => received.resolve(lines)
    const reporter = world.reporterOf({ flushAfterMilliseconds: 1, retry, onReceipt })
    reporter.report(use('e-1'))
    await failureOf(reporter.flush())
    expect(await received.promise).toBe(1)
    await reporter.close()
  })

  test('no more are taken than may wait, and none by a closed reporter', async () => {
    const refusal = (act: () => void) => expect(act).toThrow(expect.objectContaining({ name: 'ReporterRefused' }))
    const reporter = world.reporterOf({ maxPendingEvents: 2 })
    reporter.report(use('e-1'))
    reporter.report(use('e-2'))
    refusal(() => reporter.report(use('e-3')))
    await reporter.flush()
    reporter.report(use('e-3'))
    expect(await reporter.close()).toMatchObject({ undelivered: [], chain: { sequence: 2 } })
    refusal(() => reporter.report(use('e-4')))
    const code: ReporterRefused['code'] = 'closed'
    expect(() => reporter.report(use('e-4'))).toThrow(expect.objectContaining({ code }))
  })
})

describe('closing', () => {
  test('a silent gateway does not hold it up: what is left is handed out in order', async () => {
    world.faults.push(silence)
    const reporter = world.reporterOf({ maxEvents: 1 })
    reporter.report(use('e-1'))
    reporter.report(use('e-2'))
    const rest = await reporter.close({ graceMilliseconds: 1 })
    expect(rest).toMatchObject({
      undelivered: [use('e-1'), use('e-2')],
      reason: { code: 'closing' },
      chain: CHAIN_START,
    })
    expect(await reporter.close()).toBe(rest)
  })

  test('a pause is cut short', async () => {
    world.faults.push(status(503, { 'retry-after': '29' }))
    const reporter = world.reporterOf({ sleep: undefined })
    reporter.report(use('e-1'))
    const flushed = failureOf(reporter.flush())
    const rest = await reporter.close({ graceMilliseconds: 1 })
    expect(rest).toMatchObject({ undelivered: [use('e-1')], reason: { code: 'closing' } })
    expect(await flushed).toBe(rest.reason)
  })

  test.each<[string, Partial<UsageReporterOptions>]>([
    ['a store that never loads', { store: { ...memoryStore().store, load: never } }],
    ['a store that never puts', { store: { ...memoryStore().store, put: never } }],
    ['a store that never settles', { store: { ...memoryStore().store, settle: never } }],
    ['a hook that never ends', { onReceipt: never }],
    ['a token that never comes', { credentials: { token: never } }],
    ['a sleep that heeds no signal', { issuer: 'http://localhost:1', sleep: never }],
  ])('%s does not hold it up either', async (_, options) => {
    const reporter = world.reporterOf(options)
    reporter.report(use('e-1'))
    expect(await reporter.close({ graceMilliseconds: 200 })).toMatchObject({
      undelivered: [use('e-1')],
      reason: { code: 'closing' },
      chain: CHAIN_START,
    })
  })

  test('a request has its own deadline', async () => {
    world.faults.push(silence)
    const reporter = world.reporterOf({ requestTimeoutMilliseconds: 2000, retry: { attempts: 1 } })
    reporter.report(use('e-1'))
    expect(await failureOf(reporter.flush())).toMatchObject({ code: 'gateway-unreachable' })
    expect(await reporter.close()).toMatchObject({ undelivered: [] })
  })
})

test('a hook that throws is called again with the same receipt', async () => {
  let calls = 0
  const onReceipt = () => {
    calls += 1
    if (calls === 1) throw new Error('database down')
  }
  const reporter = world.reporterOf({ onReceipt })
  reporter.report(use('e-1'))
  expect(await failureOf(reporter.flush())).toMatchObject({ code: 'hook-failed', cause: { message: 'database down' } })
  await reporter.flush()
  expect([calls, reporter.chain?.sequence, await world.head()]).toMatchObject([2, 1, { sequence: 1 }])
})
