import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { usedOf } from '../../functions/entitlements/remaining.ts'
import { previousQuotaPeriod, quotaPeriodOf } from '../../functions/kernel/calendar.ts'
import { Refusal } from '../../functions/kernel/refusal.ts'
import type { Redemption } from '../../schemas/redemption.ts'
import { type RedemptionWorld, redemptionWorld } from './world.ts'

const limit = 3
const names = ['r1', 'r2', 'r3', 'r4', 'r5', 'r6']
const name = fc.constantFrom(...names)
const quantity = fc.integer({ min: 1, max: 3 })
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('hold' as const), name }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('capture' as const), name }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('void' as const), name }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('expire' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('use' as const),
      quantity,
      hoursAgo: fc.constantFrom(0, 1, 20),
      names: fc.option(name, { nil: undefined }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), seconds: fc.constantFrom(300, 900, 30_000) }) },
)
type Step = typeof step extends fc.Arbitrary<infer One> ? One : never

/** One id always asks for the same, as partners are to. */
const quantityOf = (id: string): number => (names.indexOf(id) % 3) + 1

async function take(world: RedemptionWorld, one: Step): Promise<void> {
  if (one.do === 'hold') await world.hold(one.name, { quantity: quantityOf(one.name) })
  else if (one.do === 'capture') await world.capture(one.name)
  else if (one.do === 'void') await world.void(one.name)
  else if (one.do === 'expire') await world.expire()
  else if (one.do === 'wait') world.later(one.seconds)
  else {
    const occurredAt = new Date(Date.parse(world.needs.now()) - one.hoursAgo * 3_600_000).toISOString()
    await world.report({ occurredAt, quantity: one.quantity, ...(one.names && { redemptionId: one.names }) })
  }
}

const expectedNo = (error: unknown): void => {
  if (!(error instanceof Refusal)) throw error
}

/** What stands of each quota period by the records themselves, and what the summary counts of events beside it. */
async function standing(world: RedemptionWorld): Promise<Map<string, number>> {
  const now = world.needs.now()
  const found = await Promise.all(names.map(id => world.find(id).catch(() => undefined)))
  const standing = found.filter((one): one is Redemption => one?.state === 'held' || one?.state === 'captured')
  const taken = new Map<string, number>()
  const add = (period: string, amount: number) => taken.set(period, (taken.get(period) ?? 0) + amount)
  for (const one of standing) add(quotaPeriodOf(one.heldAt, 'P1D', 'Asia/Shanghai'), one.quantity)
  const summary = await world.summary().catch(() => undefined)
  for (const { used } of Object.values(usedOf(summary)))
    for (const [period, amount] of Object.entries(used))
      if (period >= previousQuotaPeriod(quotaPeriodOf(now, 'P1D', 'Asia/Shanghai'), 'P1D')) add(period, amount)
  return taken
}

describe('whatever happens in whatever order', () => {
  it.each([false, true])(
    'no quota period is used beyond its limit and what it carried (rollover: %s)',
    async rollover => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.array(step, { minLength: 1, maxLength: 3 }), { maxLength: 14 }), async rounds => {
          const world = await redemptionWorld({ quota: { per: 'P1D', limit, rollover } })
          world.moveTo('2026-10-03T13:00:00Z')
          for (const round of rounds) {
            // The steps of a round are rivals.
            await Promise.all(round.map(one => take(world, one).catch(expectedNo)))
            const taken = await standing(world)
            for (const [period, amount] of taken) {
              const before = taken.get(previousQuotaPeriod(period, 'P1D')) ?? 0
              const carried = rollover && period > '2026-10-01' ? Math.max(0, limit - before) : 0
              expect(amount).toBeLessThanOrEqual(limit + carried)
              expect(amount).toBeGreaterThanOrEqual(0)
            }
          }
          // Once nothing is under way any more, every timer has run and every event has been counted, all of it again
          // changes nothing.
          world.later(900)
          await world.expire()
          const settled = await world.remaining()
          await world.report({ quantity: 1_000_000 })
          expect(await world.remaining()).toBe(settled)
        }),
        { numRuns: Number(process.env['SIM_RUNS'] ?? 12), endOnFailure: true },
      )
    },
    300_000,
  )
})
