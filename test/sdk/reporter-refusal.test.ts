import { beforeEach, describe, expect, test } from 'vitest'
import { UsageRejected } from '../../sdk/index.ts'
import { failureOf, reporterWorld, status, use } from './reporter-world.ts'
import { memoryStore } from './usage-store.ts'

let world: Awaited<ReturnType<typeof reporterWorld>>
beforeEach(async () => {
  world = await reporterWorld()
})

const problem = (code: string) =>
  JSON.stringify({ code, detail: 'split it', errors: [{ pointer: '', detail: 'many' }] })

test.each([
  ['empty-batch', 400],
  ['invalid-json', 400],
  ['invalid-request', 400],
  ['body-too-large', 413],
  ['too-many-events', 413],
  ['unsupported-media-type', 415],
])('the gateway’s own %s is final: told with the problem, and the next batch is sent', async (code, answer) => {
  world.faults.push(status(answer, {}, problem(code)))
  const reporter = world.reporterOf({ maxEvents: 2 })
  for (const id of ['e-1', 'e-2', 'e-3']) reporter.report(use(id))
  await reporter.flush()
  expect(world.rejected.map(({ event, line }) => [event.id, line])).toEqual([
    ['e-1', 1],
    ['e-2', 2],
  ])
  expect(world.rejected[0]?.problem).toEqual({ status: answer, ...JSON.parse(problem(code)) })
  expect(world.receipts).toMatchObject([{ lines: 1, sequence: 1 }])
})

test('without onRejected, flush hands out what was refused, and closing too', async () => {
  const refused = status(413, {}, problem('too-many-events'))
  world.faults.push(refused, refused)
  const reporter = world.reporterOf({ onRejected: undefined, maxEvents: 1 })
  reporter.report(use('e-1'))
  const failure = await failureOf(reporter.flush())
  expect(failure).toBeInstanceOf(UsageRejected)
  expect(failure).toMatchObject({ rejected: [{ event: { id: 'e-1' }, problem: { code: 'too-many-events' } }] })
  await reporter.flush()
  reporter.report(use('e-2'))
  expect(await reporter.close()).toMatchObject({ undelivered: [], rejected: [{ event: { id: 'e-2' } }] })
})

describe('what is not the gateway’s own refusal', () => {
  test.each<[string, number, string, string]>([
    ['a firewall', 400, '<html>blocked</html>', 'unreadable'],
    ['a proxy', 413, '{"message":"Request Entity Too Large"}', 'unreadable'],
    ['a proxy with codes of its own', 400, '{"code":"waf-blocked"}', 'waf-blocked'],
    ['the right code with another status', 409, problem('invalid-request'), 'invalid-request'],
    ['an unknown status', 451, '', 'unreadable'],
    ['a 422 without a body', 422, '', 'unreadable'],
  ])('settles nothing: %s', async (_, code, body, told) => {
    const memory = memoryStore()
    world.faults.push(status(code, {}, body), status(code, {}, body))
    const reporter = world.reporterOf({ store: memory.store, retry: { attempts: 2 } })
    reporter.report(use('e-1'))
    expect(await failureOf(reporter.flush())).toMatchObject({
      code: 'refused-on-the-way',
      attempts: 2,
      problem: { status: code, code: told },
    })
    expect([world.rejected, reporter.pending, memory.batches.size]).toEqual([[], 1, 1])
    await reporter.flush()
    expect([world.receipts.length, memory.batches.size]).toEqual([1, 0])
  })

  test('bytes that change on the way: said so, kept, delivered once they arrive whole', async () => {
    const memory = memoryStore()
    const altered = async (_: unknown, init: RequestInit) =>
      world.app.request('https://tessera.example/v1/usage-batches', { ...init, body: `${init.body}\n{}\n` })
    world.faults.push(altered, altered)
    const reporter = world.reporterOf({ store: memory.store, retry: { attempts: 1 } })
    reporter.report(use('e-1'))
    expect(await failureOf(reporter.flush())).toMatchObject({
      code: 'batch-altered',
      problem: { status: 422, code: 'control-total-mismatch' },
    })
    expect([world.rejected, memory.batches.size]).toEqual([[], 1])
    expect(world.sent.map(({ headers }) => headers.get('tessera-control-quantity'))).toEqual(['1', null])
    await reporter.flush()
    expect(await world.head()).toMatchObject({ sequence: 1, lines: 1 })
  })
})
