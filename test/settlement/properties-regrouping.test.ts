import { beforeAll, describe, expect, test } from 'vitest'
import { type Draw, drawFrom } from '../simulation/draw.ts'
import { bytesOf, close, newWorld, november, october, report, type Use } from './world.ts'

const day = (number: number, hour = 4) => `2026-10-${String(number).padStart(2, '0')}T0${hour}:00:00Z`

/** Uses of both partners, with repetitions, and reversals within the month and after it. */
const months: Record<'october' | 'november', Record<'youku' | 'eleme', Use[]>> = {
  october: {
    youku: [
      ...Array.from({ length: 14 }, (_, index) => ({
        id: `y${index}`,
        entitlement: 1 + (index % 3),
        at: day(1 + index, index % 9),
        quantity: 1 + (index % 4),
      })),
      { id: 'y3', entitlement: 1, at: day(4, 3), quantity: 4 },
      { id: 'y-back', entitlement: 3, at: day(18), reverses: 'y5' },
    ],
    eleme: [
      ...Array.from({ length: 10 }, (_, index) => ({
        id: `e${index}`,
        entitlement: 4 + (index % 2),
        at: day(2 + index),
        amountMinor: 1_000 + 333 * index,
      })),
      { id: 'e-back', entitlement: 5, at: day(19), reverses: 'e3' },
    ],
  },
  november: {
    youku: [
      { id: 'y-late', entitlement: 2, at: day(30) },
      { id: 'y-own', entitlement: 1, at: '2026-11-02T04:00:00Z', quantity: 3 },
      { id: 'y-credit', entitlement: 1, at: '2026-11-03T04:00:00Z', reverses: 'y0' },
    ],
    eleme: [
      { id: 'e-late', entitlement: 4, at: day(29), amountMinor: 777 },
      { id: 'e-credit', entitlement: 4, at: '2026-11-04T04:00:00Z', reverses: 'e2' },
    ],
  },
}

/** The same events in batches of any size and any order. */
function batchesOf(uses: Use[], draw: Draw | undefined): Use[][] {
  if (!draw) return [uses]
  const left = draw.shuffled(uses)
  const batches: Use[][] = []
  while (left.length > 0) batches.push(left.splice(0, 1 + draw.below(6)))
  return batches
}

async function statementsBy(draw?: Draw): Promise<string[]> {
  const world = await newWorld()
  for (const month of ['october', 'november'] as const) {
    if (month === 'november') world.moveTo('2026-11-10T00:00:00Z')
    const sent = (['youku', 'eleme'] as const).flatMap(partner =>
      batchesOf(months[month][partner], draw).map(uses => ({ partner, uses })),
    )
    for (const { partner, uses } of draw ? draw.shuffled(sent) : sent) await report(world, partner, uses)
    world.moveTo(month === 'october' ? '2026-11-01T00:00:00Z' : '2026-12-02T00:00:00Z')
    await close(world, month === 'october' ? october : november)
  }
  return [await bytesOf(world.table, october), await bytesOf(world.table, november)]
}

describe('regrouping and shuffling', () => {
  let plain: string[]
  beforeAll(async () => {
    plain = await statementsBy()
  }, 120_000)

  test.each([1, 2, 3, 4])(
    'of batches and events (seed %i) changes no byte of two months of statements',
    {
      timeout: 120_000,
    },
    async seed => {
      expect(plain.join('')).toContain('"originPeriod":"2026-10"')
      expect(await statementsBy(drawFrom(seed))).toEqual(plain)
    },
  )
})
