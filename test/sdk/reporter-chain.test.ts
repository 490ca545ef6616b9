import { beforeEach, describe, expect, test } from 'vitest'
import { ReceiptChainBroken } from '../../sdk/index.ts'
import { bodyOf } from '../support/gateway.ts'
import { failureOf, reporterWorld, use } from './reporter-world.ts'

let world: Awaited<ReturnType<typeof reporterWorld>>
beforeEach(async () => {
  world = await reporterWorld()
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
