import { beforeEach, describe, expect, it } from 'vitest'
import { shardOf } from '../../functions/kernel/canonical.ts'
import { capturedByIds, capturedOf } from '../../functions/redemptions/records.ts'
import { race } from '../memberships/world.ts'
import { benefit, type RedemptionWorld, redemptionWorld, refused } from './world.ts'

let world: RedemptionWorld
beforeEach(async () => {
  world = await redemptionWorld()
})

describe('a hold', () => {
  it('takes its quantity at once, for 15 minutes', async () => {
    expect(await world.hold('till-1', { quantity: 3 })).toEqual({
      id: 'till-1',
      linkId: world.linkId,
      benefit: 'coupon',
      quantity: 3,
      entitlementId: world.entitlement.id,
      state: 'held',
      heldAt: '2026-10-01T00:00:00Z',
      expiresAt: '2026-10-01T00:15:00Z',
      remaining: 1,
    })
    expect(await world.remaining()).toBe(1)
  })

  it('needs no quota', async () => {
    const held = await world.hold('till-1', { benefit: 'meal', quantity: 1000 })
    expect(held).toMatchObject({ state: 'held', quantity: 1000 })
    expect(held).not.toHaveProperty('remaining')
    expect(await world.capture('till-1')).toMatchObject({ state: 'captured' })
    world.later(900)
    await world.hold('till-2', { benefit: 'meal' })
    world.later(900)
    expect(await refused(world.capture('till-2'))).toMatchObject({ code: 'redemption-settled' })
    expect(await world.expire()).toBe(1)
  })

  it('under the same id is the first one, as it then stands', async () => {
    const first = await world.hold('till-1')
    expect(await world.hold('till-1')).toEqual(first)
    expect(await world.remaining()).toBe(3)
    const captured = await world.capture('till-1')
    expect(await world.hold('till-1')).toEqual(captured)
    await world.unlink('lin', 'eleme')
    expect(await world.hold('till-1')).toEqual(captured)
  })

  it('under the id of another request is refused', async () => {
    await world.hold('till-1')
    for (const change of [{ quantity: 2 }, { benefit: 'meal' }, { linkId: 'lnk_00000000000000000000000009' }])
      expect(await refused(world.hold('till-1', change))).toMatchObject({ code: 'idempotency-key-reused' })
    expect(await world.remaining()).toBe(3)
  })

  it('of two partners may have one id', async () => {
    const both = await redemptionWorld({ more: [benefit('youku-vip', 'youku')] })
    const { id: linkId } = await both.link('lin', 'y-lin', { partner: 'youku' })
    const first = await both.hold('till-1')
    const second = await both.hold('till-1', { linkId, benefit: 'youku-vip' }, 'youku')
    expect(second).toMatchObject({ state: 'held', benefit: 'youku-vip' })
    await both.void('till-1', 'youku')
    expect(await both.find('till-1')).toEqual(first)
    await world.hold('till-1')
    expect(await refused(world.find('till-1', 'youku'))).toMatchObject({ code: 'redemption-not-found' })
    expect(await refused(world.capture('till-1', 'youku'))).toMatchObject({ code: 'redemption-not-found' })
    expect(await refused(world.void('till-1', 'youku'))).toMatchObject({ code: 'redemption-not-found' })
  })

  it('is refused on a link that is unknown or another partner’s, alike', async () => {
    const unknown = await refused(world.hold('till-1', { linkId: 'lnk_00000000000000000000000009' }))
    const foreign = await refused(world.hold('till-1', {}, 'youku'))
    expect(unknown).toMatchObject({ code: 'link-not-found' })
    expect(foreign).toEqual(unknown)
  })

  it('is refused once the quota is used up, and says what remains and from when there is more', async () => {
    await world.hold('till-1', { quantity: 3 })
    expect(await refused(world.hold('till-2', { quantity: 2 }))).toEqual({
      code: 'quota-exhausted',
      message: '1 of 4 remain and 2 are asked for: the next quota period begins at 2026-10-31T16:00:00Z',
    })
    expect(await world.hold('till-2', { quantity: 1 })).toMatchObject({ remaining: 0 })
  })

  it('is refused with the reason where the benefit is not live', async () => {
    const why = async (change: object = {}) => refused(world.hold('till-1', change))
    expect(await why({ benefit: 'massage' })).toMatchObject({
      code: 'not-entitled',
      message: expect.stringContaining('no such benefit'),
    })
    await world.act(world.membership.id, 'suspend')
    expect(await why()).toMatchObject({ code: 'not-entitled', message: expect.stringContaining('suspended') })
    await world.act(world.membership.id, 'resume')
    expect(await why()).toEqual({ code: 'done' })
    await world.unlink('lin', 'eleme')
    expect(await refused(world.hold('till-2'))).toMatchObject({
      code: 'not-entitled',
      message: expect.stringContaining('link is ended'),
    })
  })

  it('is refused when the term is over, before any timer', async () => {
    const { endsAt } = await world.view(world.membership.id)
    world.moveTo(new Date(Date.parse(endsAt) - 1000).toISOString())
    await world.hold('till-1')
    world.moveTo(endsAt)
    expect(await refused(world.hold('till-2'))).toMatchObject({
      code: 'not-entitled',
      message: expect.stringContaining(`ended at ${endsAt}`),
    })
  })

  it('is refused until an option is chosen', async () => {
    const options = ['day', 'night'].map(id => benefit(id, 'eleme', { choiceGroup: 'when' }))
    const choosing = await redemptionWorld({ more: options, document: { choiceGroups: [{ id: 'when', choose: 1 }] } })
    expect(await refused(choosing.hold('till-1', { benefit: 'night' }))).toMatchObject({
      code: 'not-entitled',
      message: expect.stringContaining('the member must choose it'),
    })
  })
})

describe('what follows a hold', () => {
  it('capture is final, and repeated changes nothing', async () => {
    await world.hold('till-1')
    world.later(60)
    const captured = await world.capture('till-1')
    expect(captured).toMatchObject({ state: 'captured', settledAt: '2026-10-01T00:01:00Z', remaining: 3 })
    world.later(3600)
    expect(await world.capture('till-1')).toEqual(captured)
    expect(await world.find('till-1')).toEqual(captured)
    expect(await refused(world.void('till-1'))).toEqual({
      code: 'redemption-settled',
      message: 'it was captured at 2026-10-01T00:01:00Z: what was used is taken back by a usage event of type reversal',
    })
    expect(await world.expire()).toBe(0)
    expect(await world.remaining()).toBe(3)
  })

  it('void gives back at once, and is final too', async () => {
    await world.hold('till-1', { quantity: 4 })
    const voided = await world.void('till-1')
    expect(voided).toMatchObject({ state: 'voided', settledAt: '2026-10-01T00:00:00Z' })
    expect(voided).not.toHaveProperty('remaining')
    expect(await world.remaining()).toBe(4)
    expect(await world.void('till-1')).toEqual(voided)
    expect(await refused(world.capture('till-1'))).toMatchObject({
      code: 'redemption-settled',
      message: expect.stringContaining('hold again under a fresh id'),
    })
  })

  it('the clock alone makes it expire, at its second', async () => {
    await world.hold('till-1', { quantity: 4 })
    world.moveTo('2026-10-01T00:14:59.999Z')
    expect(await refused(world.hold('till-2'))).toMatchObject({ code: 'quota-exhausted' })
    world.moveTo('2026-10-01T00:15:00Z')
    expect(await world.remaining()).toBe(4)
    expect(await world.find('till-1')).toMatchObject({ state: 'expired', settledAt: '2026-10-01T00:15:00Z' })
    expect(await refused(world.capture('till-1'))).toEqual({
      code: 'redemption-settled',
      message: 'it expired at 2026-10-01T00:15:00Z: hold again under a fresh id',
    })
    expect(await refused(world.void('till-1'))).toMatchObject({ code: 'redemption-settled' })
    expect(await world.hold('till-2', { quantity: 4 })).toMatchObject({ remaining: 0 })
    expect(await world.hold('till-1', { quantity: 4 })).toMatchObject({ state: 'expired' })
  })

  it('a timer stores what has expired, once', async () => {
    await world.hold('till-1')
    await world.hold('till-2')
    await world.capture('till-2')
    world.later(899)
    expect(await world.expire()).toBe(0)
    world.later(1)
    expect(await world.expire()).toBe(1)
    expect(await world.expire()).toBe(0)
    expect(await world.find('till-1')).toMatchObject({ state: 'expired', settledAt: '2026-10-01T00:15:00Z' })
    expect(await world.remaining()).toBe(3)
  })

  it('is not hindered by the end of its link: the goods are being handed over', async () => {
    await world.hold('till-1')
    await world.hold('till-2')
    await world.unlink('lin', 'eleme')
    expect(await world.capture('till-1')).toMatchObject({ state: 'captured' })
    expect(await world.void('till-2')).toMatchObject({ state: 'voided' })
    await world.act(world.membership.id, 'refund')
    expect(await world.capture('till-1')).toMatchObject({ state: 'captured' })
  })

  it('is unknown where nothing was held', async () => {
    for (const verb of [world.find, world.capture, world.void])
      expect(await refused(verb('till-9'))).toMatchObject({ code: 'redemption-not-found' })
  })

  it('what was captured is found by its entitlement and by its id', async () => {
    for (const id of ['b', 'a', '#~!', 'held', 'void']) await world.hold(id, { benefit: 'meal' })
    await world.hold('coupon', { quantity: 2 })
    for (const id of ['b', 'a', '#~!', 'coupon']) await world.capture(id)
    await world.void('void')
    const { id: entitlement } = world.entitlement
    const shard = shardOf(entitlement, 16)
    const own = (await Array.fromAsync(capturedOf(world, 'eleme', shard))).filter(
      one => one.entitlement === entitlement,
    )
    expect(own).toEqual([{ entitlement, id: 'coupon', heldAt: '2026-10-01T00:00:00Z', quantity: 2 }])
    const shards = Array.from({ length: 16 }, (_, index) => Array.fromAsync(capturedOf(world, 'eleme', index)))
    const all = (await Promise.all(shards)).flat().map(({ id }) => id)
    expect(all.toSorted()).toEqual(['#~!', 'a', 'b', 'coupon'])
    const named = await capturedByIds(world, 'eleme', ['coupon', 'coupon', 'held', 'void', 'nobody'])
    expect(named).toEqual(own)
    expect(await capturedByIds(world, 'youku', ['coupon'])).toEqual([])
  })
})

describe('rivals', () => {
  it('hold what there is and no more', async () => {
    const attempts = Array.from({ length: 50 }, (_, index) => () => world.hold(`till-${index}`))
    const { won, refused: losers } = await race(attempts)
    expect(won.map(({ remaining }) => remaining).toSorted()).toEqual([0, 1, 2, 3])
    expect(losers).toEqual(Array.from({ length: 46 }, () => 'quota-exhausted'))
    expect(await world.remaining()).toBe(0)
  })

  it('with one id hold once', async () => {
    const { won } = await race(Array.from({ length: 10 }, () => () => world.hold('till-1')))
    expect(won).toHaveLength(10)
    expect(new Set(won.map(one => JSON.stringify(one))).size).toBe(1)
    expect(await world.remaining()).toBe(3)
  })

  it('that capture and void: one of the two happens', async () => {
    for (let round = 0; round < 4; round++) {
      const id = `till-${round}`
      await world.hold(id)
      const { won, refused: losers } = await race([() => world.capture(id), () => world.void(id)])
      expect([won.length, losers]).toEqual([1, ['redemption-settled']])
      const { state } = await world.find(id)
      expect(state).toBe(won[0]?.state)
      if (state === 'captured') expect(await refused(world.void(id))).toMatchObject({ code: 'redemption-settled' })
    }
    const states = await Promise.all([0, 1, 2, 3].map(round => world.find(`till-${round}`)))
    const captured = states.filter(({ state }) => state === 'captured').length
    expect(await world.remaining()).toBe(4 - captured)
  })

  it('that capture in time, and clear by a clock that is ahead: one of the two happens', async () => {
    const { expire } = await import('../../functions/redemptions/settle.ts')
    for (let round = 0; round < 4; round++) {
      const id = `till-${round}`
      await world.hold(id)
      world.later(899)
      const now = world.needs.now()
      const ahead = { ...world.needs, now: () => new Date(Date.parse(now) + 1000).toISOString() as typeof now }
      const { won, refused: losers } = await race<unknown>([
        () => world.capture(id),
        () => expire(ahead, { partner: 'eleme', id }),
      ])
      const { state } = await world.find(id)
      expect(['captured', 'expired']).toContain(state)
      // Whoever came second found it settled: the capture was refused, or there was nothing to clear.
      expect(state === 'captured' ? won.includes(false) : losers).toEqual(
        state === 'captured' ? true : ['redemption-settled'],
      )
      world.later(10)
    }
  })
})
