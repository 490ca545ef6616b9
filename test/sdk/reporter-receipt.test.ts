import { generateKeyPairSync } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { CHAIN_START, ReceiptRefused } from '../../sdk/index.ts'
import { bodyOf } from '../support/gateway.ts'
import { signBytes } from './issuer.ts'
import { changed, type Fault, failureOf, reporterWorld, status, use } from './reporter-world.ts'

let world: Awaited<ReturnType<typeof reporterWorld>>
beforeEach(async () => {
  world = await reporterWorld()
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
