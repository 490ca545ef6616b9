import { describe, expect, test } from 'vitest'
import { acceptanceWrites, acceptedIn } from '../../functions/exceptions/accepted.ts'
import { runClose } from '../../functions/settlement/close.ts'
import { closesOf } from '../../functions/settlement/closed-periods.ts'
import { findClosingInputs } from '../../functions/settlement/inputs.ts'
import { preview } from '../../functions/settlement/periods.ts'
import { outputOf } from '../../functions/settlement/steps.ts'
import { findOutput } from '../../functions/settlement/store.ts'
import { AcceptedUse } from '../../schemas/disposition.ts'
import type { Period } from '../../schemas/primitives.ts'
import { ReconciledOutput } from '../../schemas/settlement.ts'
import { close, closingOf, newWorld, november, october, report, reportOctober, statementsOf } from './world.ts'

const december = '2026-12' as Period
const id = (prefix: string, number: number) => `${prefix}_${String(number).padStart(26, '0')}`
type World = Awaited<ReturnType<typeof newWorld>>

/** A line of Youku's chain, accepted as a use of an entitlement that did not match. */
const accepted = (
  sequence: number,
  line: number,
  { entitlement = 3, change = {}, outcome = 'accepted', lines = [line] } = {},
) =>
  AcceptedUse.parse({
    exception: `exc_${String(sequence * 1000 + line).padStart(26, '0')}`,
    partner: 'youku',
    sequence,
    line,
    outcome,
    ...(outcome === 'adjusted' && { amountMinor: 77, ...(lines.length > 1 && { lines }) }),
    matched: {
      entitlement: id('ent', entitlement),
      benefit: 'youku-vip',
      subject: id('sub', entitlement),
      plan: 'annual',
      type: 'use',
      occurredAt: '2026-10-05T04:00:00Z',
      originPeriod: october,
      quantity: 1,
      day: '2026-10-05',
      contracts: ['youku-2026'],
      ...change,
    },
  })

/** A world in which these uses are accepted in these periods. */
async function worldWith(uses: Partial<Record<Period, AcceptedUse[]>>): Promise<World> {
  const world = await newWorld()
  for (const [period, all] of Object.entries(uses))
    for (const own of Map.groupBy(all ?? [], ({ exception }) => exception).values()) {
      const { writes } = await acceptanceWrites(world, closingOf(period as Period), () => own)
      await world.table.commit(writes)
    }
  return { ...world, acceptedIn: (programme, period) => acceptedIn(world, programme, period) }
}

async function totalsOf(world: World, period: Period) {
  const record = (await closesOf(world, '88vip')).find(one => one.period === period)
  if (!record) throw new Error('no close')
  const { totals } = await findOutput(world.table, outputOf(record, 'reconciled'), ReconciledOutput)
  const rows = totals.filter(({ contract }) => contract === 'youku-2026')
  return Object.fromEntries(rows.map(row => [row.originPeriod, [row.quantity, row.activeMembers]]))
}

const bad = (name: string, at: string) => ({ id: name, entitlement: 3, at })
const endOf = {
  [october]: '2026-11-01T00:00:00Z',
  [november]: '2026-12-01T00:00:00Z',
  [december]: '2027-01-01T00:00:00Z',
}
async function closeAt(world: World, period: keyof typeof endOf & Period) {
  world.moveTo(endOf[period] ?? '')
  await close(world, period)
}

test('an accepted use counts as if it had matched, in the close of its period; an adjusted one does not', async () => {
  // October: five uses of two members. The third is a member by what was accepted, the first was one before.
  const uses = [
    accepted(1, 90),
    accepted(1, 91, { change: { quantity: 4 } }),
    accepted(1, 92, { entitlement: 1 }),
    accepted(1, 93, { entitlement: 2, outcome: 'adjusted' }),
  ]
  const world = await worldWith({ [october]: uses })
  await reportOctober(world)
  expect((await preview(world, closingOf(october))).statements.flatMap(({ lines }) => lines)).toContainEqual(
    expect.objectContaining({ line: 'active', members: 3 }),
  )
  await closeAt(world, october)
  expect(await totalsOf(world, october)).toEqual({ [october]: [5 + 1 + 4 + 1, 3] })
  const [record] = await closesOf(world, '88vip')
  if (!record) throw new Error('no close')
  expect((await findClosingInputs(world.table, record)).accepted).toEqual(uses)
  await runClose(world, closingOf(october))
})

test('accepted in a later month, it is billed there of its origin, and stays in the whole of later closes', async () => {
  const world = await worldWith({ [november]: [accepted(1, 90), accepted(1, 91, { entitlement: 2 })] })
  await reportOctober(world)
  await closeAt(world, october)
  expect(await totalsOf(world, october)).toEqual({ [october]: [5, 2] })
  await closeAt(world, november)
  expect(await totalsOf(world, november)).toEqual({ [october]: [7, 3], [november]: [0, 0] })
  world.moveTo('2026-12-05T00:00:00Z')
  // A late use of October touches it again: what was accepted is part of what was billed.
  await report(world, 'youku', [{ id: 'late', entitlement: 2, at: '2026-10-20T04:00:00Z' }])
  await closeAt(world, december)
  expect(await totalsOf(world, december)).toEqual({ [october]: [8, 3], [december]: [0, 0] })
  for (const period of [october, november, december]) await runClose(world, closingOf(period))
})

test('where no origin is touched, what was accepted before is not told again', async () => {
  const world = await worldWith({ [october]: [accepted(1, 90)] })
  await reportOctober(world)
  await closeAt(world, october)
  await closeAt(world, november)
  expect(await totalsOf(world, november)).toEqual({ [november]: [0, 0] })
})

test('a line that is accepted and matches counts once: in the same close, an earlier or a later one', async () => {
  // Line 1/1 is two uses of the first member, matched in October; 2/1 comes in November and matches there.
  const first = { entitlement: 1, change: { quantity: 2 } }
  const same = await worldWith({ [october]: [accepted(1, 1, first)] })
  await reportOctober(same)
  await closeAt(same, october)
  expect(await totalsOf(same, october)).toEqual({ [october]: [5, 2] })

  const afterwards = await worldWith({ [november]: [accepted(1, 1, first)] })
  await reportOctober(afterwards)
  await closeAt(afterwards, october)
  await closeAt(afterwards, november)
  expect((await totalsOf(afterwards, november))[october]).toEqual([5, 2])

  const before = await worldWith({ [october]: [accepted(2, 1)] })
  await reportOctober(before)
  before.moveTo('2026-11-01T00:00:00Z')
  await closeAt(before, october)
  expect(await totalsOf(before, october)).toEqual({ [october]: [6, 3] })
  before.moveTo('2026-11-10T00:00:00Z')
  await report(before, 'youku', [bad('late', '2026-10-30T04:00:00Z')])
  await closeAt(before, november)
  // The whole of October is what it was billed as: the match stands in place of the acceptance.
  expect(await totalsOf(before, november)).toEqual({ [october]: [6, 3], [november]: [0, 0] })
  await runClose(before, closingOf(november))
})

test('a line that is accepted twice counts once', async () => {
  const world = await worldWith({ [october]: [accepted(1, 90)], [november]: [accepted(1, 90)] })
  await reportOctober(world)
  await closeAt(world, october)
  await closeAt(world, november)
  expect((await totalsOf(world, november))[october]).toEqual([6, 3])
})

/** What Youku was billed for its use in all closes, by line; adjustments are one. */
async function billedIn(world: World, ...periods: Period[]): Promise<Record<string, number>> {
  const sums: Record<string, number> = {}
  for (const period of periods)
    for (const { lines } of await statementsOf(world.table, period))
      for (const { contract, line, amountMinor } of lines)
        if (contract === 'youku-2026' && line !== 'entitled') sums[line] = (sums[line] ?? 0) + amountMinor
  return sums
}
const dispositionsOf = async (world: World, period: Period) => {
  const record = (await closesOf(world, '88vip')).find(one => one.period === period)
  if (!record) throw new Error('no close')
  return (await findOutput(world.table, outputOf(record, 'reconciled'), ReconciledOutput)).dispositions
}

describe('a line that an amount was decided for and that matches is billed the amount alone', () => {
  // Line 1/3 is two uses of the second member, who has no others.
  const third = accepted(1, 3, { entitlement: 2, outcome: 'adjusted' })
  /** Three views at 0.055 make 16.5 or 17, one active member 650. */
  const withoutThird = { active: 650, views: 17, adjustment: 77 }

  test('decided in the close in which it matches', async () => {
    const world = await worldWith({ [october]: [third] })
    await reportOctober(world)
    const seen = await preview(world, closingOf(october))
    await closeAt(world, october)
    expect(await totalsOf(world, october)).toEqual({ [october]: [3, 1] })
    expect(await billedIn(world, october)).toEqual(withoutThird)
    expect(seen.statements.flatMap(({ lines }) => lines)).toEqual(
      expect.arrayContaining((await statementsOf(world.table, october)).flatMap(({ lines }) => lines)),
    )
    // It is a match all the same.
    expect((await dispositionsOf(world, october)).matched).toBe(5)
    world.moveTo('2026-11-10T00:00:00Z')
    await report(world, 'youku', [{ id: 'late', entitlement: 3, at: '2026-10-20T04:00:00Z' }])
    await closeAt(world, november)
    expect((await totalsOf(world, november))[october]).toEqual([4, 2])
    for (const period of [october, november]) await runClose(world, closingOf(period))
  })

  test('decided after the close that rated it: what was rated is taken off', async () => {
    const world = await worldWith({ [november]: [third] })
    await reportOctober(world)
    await closeAt(world, october)
    expect(await totalsOf(world, october)).toEqual({ [october]: [5, 2] })
    expect((await preview(world, closingOf(november))).statements.flatMap(({ lines }) => lines)).toContainEqual(
      expect.objectContaining({ line: 'views', quantity: -2 }),
    )
    await closeAt(world, november)
    expect(await totalsOf(world, november)).toEqual({ [october]: [3, 1], [november]: [0, 0] })
    expect(await billedIn(world, october, november)).toEqual(withoutThird)
    await closeAt(world, december)
    expect(await billedIn(world, october, november, december)).toEqual(withoutThird)
    for (const period of [october, november, december]) await runClose(world, closingOf(period))
  })

  test('decided in an earlier close that is published', async () => {
    const world = await worldWith({ [october]: [accepted(2, 1, { outcome: 'adjusted' })] })
    await reportOctober(world)
    await closeAt(world, october)
    world.moveTo('2026-11-10T00:00:00Z')
    await report(world, 'youku', [bad('late', '2026-10-30T04:00:00Z')])
    const before = await billedIn(world, october)
    expect(before).toMatchObject({ adjustment: 77 })
    await closeAt(world, november)
    expect((await dispositionsOf(world, november)).matched).toBe(1)
    expect(await totalsOf(world, november)).toEqual({ [november]: [0, 0] })
    expect(await billedIn(world, october, november)).toEqual(before)
    // Another use of the same member touches October: the adjusted one is not in its whole.
    world.moveTo('2026-12-05T00:00:00Z')
    await report(world, 'youku', [bad('later', '2026-10-20T04:00:00Z')])
    await closeAt(world, december)
    expect(await totalsOf(world, december)).toEqual({ [october]: [6, 3], [december]: [0, 0] })
    for (const period of [october, november, december]) await runClose(world, closingOf(period))
  })

  test('of a group, whichever of its lines match and when', async () => {
    // 1/1 and 1/3 match in October, 2/1 in November, and 1/90 never.
    const group = accepted(1, 1, { entitlement: 1, outcome: 'adjusted', lines: [1, 3, 90] })
    const late = accepted(2, 1, { outcome: 'adjusted', lines: [1, 2] })
    const billed: unknown[] = []
    for (const decidedIn of [october, november, december]) {
      const world = await worldWith({ [decidedIn]: [group, late] })
      await reportOctober(world)
      await closeAt(world, october)
      world.moveTo('2026-11-10T00:00:00Z')
      await report(world, 'youku', [bad('late', '2026-10-30T04:00:00Z'), bad('y1', '2026-10-03T04:00:00Z')])
      await closeAt(world, november)
      await closeAt(world, december)
      billed.push(await billedIn(world, october, november, december))
      await runClose(world, closingOf(december))
    }
    // The one view that is left, 5.5 or 6.
    expect(billed).toEqual(Array(3).fill({ active: 650, views: 6, adjustment: 2 * 77 }))
  })

  test('also where it is accepted besides, before or after', async () => {
    for (const [acceptedIn, adjustedIn] of [
      [october, october],
      [october, november],
      [november, october],
    ] as const) {
      const uses = { [october]: [] as AcceptedUse[], [november]: [] as AcceptedUse[] }
      uses[acceptedIn]?.push(accepted(1, 90))
      uses[adjustedIn]?.push(accepted(1, 90, { outcome: 'adjusted' }))
      const world = await worldWith(uses)
      await reportOctober(world)
      await closeAt(world, october)
      await closeAt(world, november)
      expect(await billedIn(world, october, november)).toEqual({ active: 1300, views: 17 + 6, adjustment: 77 })
      await runClose(world, closingOf(november))
    }
  })
})

test('a preview while a month before is open leaves to that month what it bills of earlier ones', async () => {
  const world = await newWorld()
  await reportOctober(world)
  await closeAt(world, october)
  world.moveTo('2026-11-10T00:00:00Z')
  // November: a late use of October by the third member. December: both of the first member's uses are taken back,
  // and the third one's.
  await report(world, 'youku', [{ id: 'y4', entitlement: 3, at: '2026-10-30T04:00:00Z', quantity: 9 }])
  world.moveTo('2026-12-02T00:00:00Z')
  const back = (name: string, entitlement: number, reverses: string) => ({
    id: name,
    entitlement,
    at: '2026-12-01T04:00:00Z',
    reverses,
  })
  await report(world, 'youku', [back('r1', 1, 'y1'), back('r2', 1, 'y2')])
  const found = await preview(world, closingOf(december))
  const views = found.statements.flatMap(({ lines }) => lines.filter(line => line.originPeriod === october))
  // Three uses less by one member less, and nothing of the nine that November's close will bill.
  expect(views).toMatchObject([
    { line: 'active', members: -1 },
    { line: 'views', quantity: -3 },
  ])
})
