import { describe, expect, it } from 'vitest'
import { plusSeconds } from '../../functions/kernel/clock.ts'
import { allMemberships } from '../../functions/memberships/find-member.ts'
import { sell } from '../../functions/memberships/sell.ts'
import { caller, membershipWorld, plan, race, standing } from './world.ts'

const trialPlan = plan({ trial: 'P7D', grace: 'P7D' })

describe('a sale', () => {
  it('gives the term of the plan on the calendar of the programme', async () => {
    const world = await membershipWorld({ plans: [plan({ term: 'P1M', trial: 'P7D', grace: 'P3D' })] })
    const sold = await world.sellTo('lin', { startsAt: '2026-09-30T17:00:00Z' })
    // 1 October 01:00 in Shanghai, so that a month later is 1 November 01:00 there.
    expect(sold).toMatchObject({
      state: 'trialing',
      startsAt: '2026-09-30T17:00:00Z',
      trialEndsAt: '2026-10-07T17:00:00Z',
      endsAt: '2026-10-31T17:00:00Z',
      graceEndsAt: '2026-11-03T17:00:00Z',
      nextTimerAt: '2026-10-07T17:00:00Z',
      programmeVersion: 1,
      version: 1,
    })
  })

  it('offers what needs a link and gives the rest from the beginning of the term', async () => {
    const world = await membershipWorld()
    const { id } = await world.sellTo('lin', { startsAt: '2026-09-20T00:00:00Z' })
    expect(await standing(world, id, 'youku-vip')).toMatchObject({ state: 'offered', windows: [] })
    expect(await standing(world, id, 'xiami-sign')).toMatchObject({
      state: 'active',
      windows: [{ from: '2026-09-20T00:00:00Z' }],
    })
  })

  it('starts at once where no start is named, also on a clock that goes on between two readings', async () => {
    const world = await membershipWorld()
    const reading = world.needs.now
    let ticks = 0
    const needs = { ...world.needs, now: () => plusSeconds(reading(), ticks++) }
    const request = world.request('lin')
    const sold = await sell(needs, caller, request)
    expect(await standing(world, sold.id, 'xiami-sign')).toMatchObject({
      state: 'active',
      windows: [{ from: sold.startsAt }],
    })
  })

  it('waits for a term that starts later, and starts it at its exact instant', async () => {
    const world = await membershipWorld()
    const { id } = await world.sellTo('lin', { startsAt: '2026-10-05T00:00:00Z' })
    expect(await standing(world, id, 'xiami-sign')).toMatchObject({ state: 'pending', windows: [] })
    expect(await world.moveAndFire('2026-10-09T11:00:00Z')).toBe(1)
    expect(await standing(world, id, 'xiami-sign')).toMatchObject({
      state: 'active',
      windows: [{ from: '2026-10-05T00:00:00Z' }],
    })
  })

  it.each([
    ['the wrong price', { paid: { amountMinor: 8801, currency: 'CNY' } }, 'price-mismatch'],
    ['the wrong currency', { paid: { amountMinor: 8800, currency: 'USD' } }, 'price-mismatch'],
    ['a plan that is not there', { plan: 'monthly' }, 'plan-not-found'],
    ['a programme that is not there', { programme: 'gold' }, 'programme-not-found'],
    ['a term that is over', { startsAt: '2025-10-01T00:00:00Z' }, 'at-out-of-range'],
    ['a term that starts after all instants', { startsAt: '9999-12-31T00:00:00Z' }, 'at-out-of-range'],
  ])('is refused for %s', async (_, change, code) => {
    const world = await membershipWorld()
    await expect(world.sellTo('lin', change)).rejects.toMatchObject({ name: 'Refusal', code })
  })

  it("is the programme's brand's alone", async () => {
    const world = await membershipWorld()
    const foreign = sell(world.needs, { brand: 'tencent' }, world.request('lin'))
    await expect(foreign).rejects.toMatchObject({ code: 'not-yours' })
  })

  it('names the price that would have been right', async () => {
    const world = await membershipWorld()
    const wrong = world.sellTo('lin', { paid: { amountMinor: 1, currency: 'CNY' } })
    await expect(wrong).rejects.toThrow(/8800 CNY/)
  })

  it('keeps one pairwise subject a partner, another one for another member', async () => {
    const world = await membershipWorld()
    await world.sellTo('lin')
    await world.sellTo('wang')
    const [lin, wang] = [await world.memberOf('lin'), await world.memberOf('wang')]
    expect(Object.keys(lin.subjects).sort()).toEqual(['eleme', 'xiami', 'youku'])
    expect(new Set([...Object.values(lin.subjects), ...Object.values(wang.subjects)]).size).toBe(6)
  })
})

describe('sales at once', () => {
  it('the same sale 20 times gives one membership and the same answer to all', async () => {
    const world = await membershipWorld()
    const { won, refused } = await race(Array.from({ length: 20 }, () => () => world.sellTo('lin')))
    expect(refused).toEqual([])
    expect(new Set(won.map(({ id }) => id)).size).toBe(1)
    const { id } = await world.memberOf('lin')
    expect(await allMemberships(world.needs, id)).toHaveLength(1)
  })

  it('two sales to one new member give one member and one membership', async () => {
    const world = await membershipWorld()
    const { won, refused } = await race(['a', 'b', 'c'].map(externalId => () => world.sellTo('lin', { externalId })))
    expect(won).toHaveLength(1)
    expect(refused).toEqual(['membership-exists', 'membership-exists'])
  })

  it('two sales under one external id with different content give one and refuse the other', async () => {
    const world = await membershipWorld()
    const { won, refused } = await race(
      ['lin', 'wang'].map(subject => () => world.sellTo(subject, { externalId: 'order-1' })),
    )
    expect(won).toHaveLength(1)
    expect(refused).toEqual(['external-id-reused'])
  })

  it('many members at once all get theirs', async () => {
    const world = await membershipWorld()
    const { refused } = await race(Array.from({ length: 12 }, (_, n) => () => world.sellTo(`member-${n}`)))
    expect(refused).toEqual([])
  })
})

describe('coming back', () => {
  it('is a new membership, also before the timer of the old one has fired', async () => {
    const world = await membershipWorld({ plans: [plan({ term: 'P1M' })] })
    const first = await world.sellTo('lin')
    world.moveTo('2026-12-24T00:00:00Z')
    const second = await world.sellTo('lin', { externalId: 'order-2' })
    expect(second.id).not.toBe(first.id)
    expect(await world.view(first.id)).toMatchObject({
      state: 'ended',
      endedReason: 'expired',
      endedAt: '2026-11-01T00:00:00Z',
    })
    expect(await world.view(second.id)).toMatchObject({ state: 'active' })
  })

  it('finds the account still linked, and gives its entitlements new ids in the same link', async () => {
    const world = await membershipWorld({ plans: [plan({ term: 'P1M' })] })
    const first = await world.sellTo('lin')
    const link = await world.link('lin', 'y-lin')
    const before = await standing(world, first.id, 'youku-vip')
    await world.moveAndFire('2026-12-24T00:00:00Z')
    expect((await world.linkRecord(link.id)).entitlements).toEqual([])
    const second = await world.sellTo('lin', { externalId: 'order-2' })
    const after = await standing(world, second.id, 'youku-vip')
    expect(after).toMatchObject({ state: 'active', link: link.id, windows: [{ from: '2026-12-24T00:00:00Z' }] })
    expect(after?.id).not.toBe(before?.id)
  })

  it('is refused while the linked account has the benefit from another programme', async () => {
    const world = await membershipWorld({ plans: [plan({ term: 'P1M' })] })
    await world.apply({ id: 'gold' })
    await world.sellTo('lin')
    await world.link('lin', 'shared')
    await world.moveAndFire('2026-12-24T00:00:00Z')
    await world.sellTo('wang', { programme: 'gold', externalId: 'gold-wang' })
    await world.link('wang', 'shared', { programme: 'gold' })
    const again = () => world.sellTo('lin', { externalId: 'order-2' })
    await expect(again()).rejects.toMatchObject({ code: 'already-entitled' })
    await world.unlink('lin')
    expect(await again()).toMatchObject({ state: 'active' })
  })
})

it('starts in trial where the plan has one, and leaves it on time', async () => {
  const world = await membershipWorld({ plans: [trialPlan] })
  const { id } = await world.sellTo('lin')
  await world.moveAndFire('2026-10-07T23:59:59Z')
  expect(await world.view(id)).toMatchObject({ state: 'trialing' })
  await world.moveAndFire('2026-10-08T00:00:00Z')
  expect(await world.view(id)).toMatchObject({ state: 'active', changedAt: '2026-10-08T00:00:00Z' })
})
