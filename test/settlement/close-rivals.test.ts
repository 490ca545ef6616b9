import { expect, test } from 'vitest'
import { balances } from '../../functions/settlement/balances.ts'
import { requestClose } from '../../functions/settlement/close.ts'
import { closesOf } from '../../functions/settlement/closed-periods.ts'
import { viewPeriod } from '../../functions/settlement/periods.ts'
import { verifyPeriod } from '../../functions/settlement/verify.ts'
import { bytesOf, close, closingOf, newWorld, november, october, report, reportOctober } from './world.ts'

test('closing two periods at once is safe: the later one is refused until the earlier one is published', async () => {
  const world = await newWorld()
  await reportOctober(world)
  world.moveTo('2026-12-01T00:00:00Z')
  const [earlier, later] = await Promise.allSettled([close(world, october), close(world, november)])
  expect(earlier.status).toBe('fulfilled')
  expect(later).toMatchObject({ status: 'rejected', reason: { code: 'earlier-period-open' } })
  expect((await closesOf(world, '88vip')).map(({ period }) => period)).toEqual([october])
  await close(world, november)
  for (const period of [october, november])
    expect((await verifyPeriod(world, closingOf(period))).differences).toEqual([])
})

test('closing while batches arrive is safe: each line is in exactly one close, and both verify', async () => {
  const world = await newWorld()
  await reportOctober(world)
  world.moveTo('2026-12-01T00:00:00Z')
  const arriving = Array.from({ length: 6 }, (_, at) =>
    report(world, 'youku', [{ id: `late-${at}`, entitlement: 1 + (at % 3), at: '2026-10-20T04:00:00Z' }]),
  )
  await Promise.all([...arriving, close(world, october)])
  await close(world, november)
  const counts = await Promise.all([october, november].map(period => viewPeriod(world, closingOf(period))))
  const lines = counts.flatMap(({ dispositions }) => Object.values(dispositions)).reduce((sum, count) => sum + count, 0)
  expect(lines).toBe(6 + arriving.length)
  for (const period of [october, november])
    expect((await verifyPeriod(world, closingOf(period))).differences).toEqual([])
  const held = await balances(world, '88vip')
  expect(held.reduce((sum, { amountMinor }) => sum + BigInt(amountMinor), 0n)).toBe(0n)
})

test('closing again verifies, and changes nothing', async () => {
  const world = await newWorld()
  await reportOctober(world)
  world.moveTo('2026-11-01T00:00:00Z')
  await close(world, october)
  const before = [await bytesOf(world.table, october), await balances(world, '88vip')]
  await close(world, october)
  expect([await bytesOf(world.table, october), await balances(world, '88vip')]).toEqual(before)
  expect(await requestClose(world, closingOf(october))).toMatchObject({ state: 'published', requests: 3 })
})
