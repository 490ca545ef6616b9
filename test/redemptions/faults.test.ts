import { describe, expect, it } from 'vitest'
import type { Table } from '../../functions/kernel/table.ts'
import { type RedemptionWorld, redemptionWorld, refused } from './world.ts'

type Fault = 'before' | 'after'

/** A table whose next writes get no answer: the request never arrived, or what it asked for was done. */
function failing() {
  const next: Fault[] = []
  const around = (table: Table): Table => {
    const lose =
      <Given extends unknown[]>(work: (...given: Given) => Promise<void>) =>
      async (...given: Given) => {
        const fault = next.shift()
        if (fault !== 'before') await work(...given)
        if (fault) throw Object.assign(new Error('socket hang up'), { name: 'TimeoutError' })
      }
    return { ...table, commit: lose(table.commit), write: lose(table.write) }
  }
  return { around, fail: (fault: Fault) => next.push(fault) }
}

const noAnswer = { message: 'socket hang up' }
const verbs: [string, (world: RedemptionWorld) => Promise<unknown>, number, string][] = [
  ['hold', world => world.hold('till-1', { quantity: 2 }), 2, 'held'],
  ['capture', world => world.capture('till-1'), 2, 'captured'],
  ['void', world => world.void('till-1'), 4, 'voided'],
]

describe('an answer that is lost', () => {
  for (const fault of ['before', 'after'] as const)
    it.each(verbs)(`${fault} its commit: %s, sent again, happens once`, async (name, verb, remaining, state) => {
      const { around, fail } = failing()
      const world = await redemptionWorld({ around })
      if (name !== 'hold') await world.hold('till-1', { quantity: 2 })
      fail(fault)
      expect(await refused(verb(world))).toMatchObject(noAnswer)
      const answer = await verb(world)
      expect(answer).toMatchObject({ id: 'till-1', state })
      expect(await verb(world)).toEqual(answer)
      expect(await world.remaining()).toBe(remaining)
    })

  it('does not keep what is due from expiring with the next timer', async () => {
    for (const fault of ['before', 'after'] as const) {
      const { around, fail } = failing()
      const world = await redemptionWorld({ around })
      await world.hold('till-1')
      await world.report({ redemptionId: 'till-1' })
      world.later(900)
      fail(fault)
      await expect(world.expire()).rejects.toThrow('1 redemptions did not expire')
      expect(await world.expire()).toBe(fault === 'before' ? 1 : 0)
      expect(await world.remaining()).toBe(3)
    }
  })

  it('of one hold does not keep the others of its shard waiting', async () => {
    const { around, fail } = failing()
    const world = await redemptionWorld({ around })
    for (let index = 0; index < 30; index++) await world.hold(`till-${index}`, { benefit: 'meal' })
    world.later(900)
    fail('before')
    await expect(world.expire()).rejects.toThrow('1 redemptions did not expire')
    expect(await world.expire()).toBe(1)
  })
})

describe('a death between the two writes of a reversal', () => {
  it('is healed when the batch comes again', async () => {
    const { around, fail } = failing()
    const world = await redemptionWorld({ around })
    const line = world.lineOf({ type: 'reversal', reverses: 'use-1' })
    await world.report({ id: 'use-1' })
    fail('after')
    await expect(world.note(line)).rejects.toThrow('socket hang up')
    await world.note(line)
    expect(await world.remaining()).toBe(4)
  })
})

describe('a link that ends while a hold is being made', () => {
  it.each<[string, (world: RedemptionWorld) => Promise<unknown>, string]>([
    ['unlinked', world => world.unlink('lin', 'eleme'), 'link is ended'],
    ['suspended', world => world.act(world.membership.id, 'suspend'), 'suspended'],
  ])('%s: nothing is held', async (_, end, reason) => {
    let meanwhile: (() => Promise<unknown>) | undefined
    const around = (table: Table): Table => ({
      ...table,
      async commit(writes) {
        const first = meanwhile
        meanwhile = undefined
        await first?.()
        await table.commit(writes)
      },
    })
    const world = await redemptionWorld({ around })
    meanwhile = () => end(world)
    expect(await refused(world.hold('till-1'))).toMatchObject({
      code: 'not-entitled',
      message: expect.stringContaining(reason),
    })
    expect(await refused(world.find('till-1'))).toMatchObject({ code: 'redemption-not-found' })
  })
})

describe('clocks that differ', () => {
  it('go by the latest that judged the link’s holds', async () => {
    const world = await redemptionWorld({ quota: { per: 'P1M', limit: 1 } })
    await world.hold('till-1')
    world.later(900)
    await world.hold('till-2')
    // An instance whose clock is a second behind still takes the first hold for live.
    world.later(-1)
    expect(await refused(world.capture('till-1'))).toMatchObject({ code: 'redemption-settled' })
    expect(await world.capture('till-2')).toMatchObject({ state: 'captured' })
  })
})
