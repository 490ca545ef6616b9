import { describe, expect, it } from 'vitest'
import { standing } from '../memberships/world.ts'
import { benefit, redemptionWorld, refused } from './world.ts'

const exhausted = { code: 'quota-exhausted' }
const rolling = { per: 'P1M', limit: 2, rollover: true }

describe('quota periods', () => {
  it.each<[string, string, object, string, string]>([
    ['a month of Shanghai', 'Asia/Shanghai', { per: 'P1M' }, '2026-10-31T15:59:59Z', '2026-10-31T16:00:00Z'],
    [
      'a month of Berlin, after summer time',
      'Europe/Berlin',
      { per: 'P1M' },
      '2026-10-31T22:59:59Z',
      '2026-10-31T23:00:00Z',
    ],
    [
      'a month of Berlin, into summer time',
      'Europe/Berlin',
      { per: 'P1M' },
      '2027-03-31T21:59:59Z',
      '2027-03-31T22:00:00Z',
    ],
    ['the day of 23 hours', 'Europe/Berlin', { per: 'P1D' }, '2027-03-28T21:59:59Z', '2027-03-28T22:00:00Z'],
    ['the day of 25 hours', 'Europe/Berlin', { per: 'P1D' }, '2026-10-25T22:59:59Z', '2026-10-25T23:00:00Z'],
    ['a year of Shanghai', 'Asia/Shanghai', { per: 'P1Y' }, '2026-12-31T15:59:59Z', '2026-12-31T16:00:00Z'],
  ])('%s', async (_, timeZone, quota, last, first) => {
    const world = await redemptionWorld({ timeZone, quota: { limit: 2, ...quota } })
    world.moveTo(last)
    await world.hold('old', { quantity: 2 })
    expect(await refused(world.hold('more'))).toEqual({
      code: 'quota-exhausted',
      message: `0 of 2 remain and 1 are asked for: the next quota period begins at ${first}`,
    })
    world.moveTo(first)
    expect(await world.hold('new', { quantity: 2 })).toMatchObject({ remaining: 0 })
    // What was held in the period before is captured in that, and gives nothing to this one when it is voided.
    await world.capture('old')
    expect(await world.remaining()).toBe(0)
    expect(await refused(world.hold('more'))).toMatchObject(exhausted)
    await world.void('new')
    expect(await world.remaining()).toBe(2)
  })

  it('carry what was left one period on and no further', async () => {
    const world = await redemptionWorld({ quota: rolling })
    await world.hold('oct')
    await world.capture('oct')
    world.moveTo('2026-11-10T00:00:00Z')
    expect(await world.hold('nov', { quantity: 3 })).toMatchObject({ remaining: 0 })
    await world.capture('nov')
    world.moveTo('2026-12-10T00:00:00Z')
    // November used more than its own limit: nothing of it is left.
    expect(await refused(world.hold('dec', { quantity: 3 }))).toMatchObject(exhausted)
    world.moveTo('2027-01-10T00:00:00Z')
    expect(await world.hold('jan', { quantity: 4 })).toMatchObject({ remaining: 0 })
  })

  it('do not let a late event use a rest that was carried and held', async () => {
    const world = await redemptionWorld({ quota: rolling })
    world.moveTo('2026-11-01T00:00:00Z')
    await world.hold('nov', { quantity: 4 })
    await world.report({ occurredAt: '2026-10-20T00:00:00Z', quantity: 2 })
    expect(await world.remaining()).toBe(0)
    await world.void('nov')
    // Now there is room for it, in its own month.
    expect(await world.remaining()).toBe(2)
  })

  it('give back what a hold of the last month had carried', async () => {
    const world = await redemptionWorld({ quota: rolling })
    world.moveTo('2026-10-31T15:55:00Z')
    await world.hold('oct', { quantity: 2 })
    world.moveTo('2026-10-31T16:01:00Z')
    expect(await world.remaining()).toBe(2)
    await world.void('oct')
    expect(await world.remaining()).toBe(4)
  })

  it('carry nothing of a period in which the entitlement was suspended throughout', async () => {
    const world = await redemptionWorld({ quota: rolling })
    world.moveTo('2026-10-20T00:00:00Z')
    await world.act(world.membership.id, 'suspend')
    world.moveTo('2026-12-05T00:00:00Z')
    await world.act(world.membership.id, 'resume')
    expect(await world.remaining()).toBe(2)
    world.moveTo('2027-01-05T00:00:00Z')
    expect(await world.remaining()).toBe(4)
  })

  it.each<[string, object, number, string]>([
    ['beyond the limit', { per: 'P1M', limit: 4 }, 5, '5 never fits: at most 4 a period, ask for so many or fewer'],
    ['beyond a limit and a rest', rolling, 5, '5 never fits: at most 4 a period, ask for so many or fewer'],
    [
      'beyond what is carried now',
      rolling,
      4,
      '2 remain and 4 are asked for: the next quota period begins at 2026-10-31T16:00:00Z',
    ],
  ])('say of a quantity %s when it fits, if ever', async (_, quota, quantity, message) => {
    const world = await redemptionWorld({ quota })
    expect(await refused(world.hold('till-1', { quantity }))).toEqual({ code: 'quota-exhausted', message })
  })

  it('keep no more of the past than can be asked for', async () => {
    const world = await redemptionWorld({ quota: { per: 'P1D', limit: 3, rollover: true } })
    for (let day = 1; day <= 20; day++) {
      world.moveTo(`2026-10-${String(day).padStart(2, '0')}T04:00:00Z`)
      await world.hold(`day-${day}`)
      await world.capture(`day-${day}`)
      await world.report({})
    }
    const item = await world.summary()
    expect(Object.values(JSON.parse(item.used) as Record<string, object>).map(Object.keys)).toEqual([
      ['2026-10-19', '2026-10-20'],
    ])
    const [taken] = Object.values(JSON.parse(item.taken ?? '{}') as Record<string, { captured: object }>)
    expect(Object.keys(taken?.captured ?? {})).toEqual(['2026-10-18', '2026-10-19', '2026-10-20'])
  })
})

describe('events and redemptions', () => {
  const named = { redemptionId: 'till-1' }

  it.each<[string, string[]]>([
    ['before the hold', ['event', 'hold', 'capture']],
    ['before the capture', ['hold', 'event', 'capture']],
    ['after the capture', ['hold', 'capture', 'event']],
    ['before the hold that is voided', ['event', 'hold', 'void']],
    ['before the void', ['hold', 'event', 'void']],
    ['after the void', ['hold', 'void', 'event']],
    ['before the hold expires', ['hold', 'event', 'wait', 'expire']],
    ['after the hold expired', ['hold', 'wait', 'event', 'expire']],
    ['after that was stored', ['hold', 'wait', 'expire', 'event']],
    ['before a hold that expires', ['event', 'hold', 'wait', 'expire']],
    ['twice', ['event', 'hold', 'event', 'capture', 'event']],
  ])('that names one counts once: %s', async (_, steps) => {
    const world = await redemptionWorld()
    const event = world.lineOf({ id: 'event', ...named })
    for (const step of steps) {
      if (step === 'event') await world.note(event)
      if (step === 'hold') await world.hold('till-1')
      if (step === 'capture') await world.capture('till-1')
      if (step === 'void') await world.void('till-1')
      if (step === 'wait') world.later(900)
      if (step === 'expire') await world.expire()
    }
    expect(await world.remaining()).toBe(3)
  })

  it('the next hold finds the event of one that expired, before any timer', async () => {
    const world = await redemptionWorld({ quota: { per: 'P1M', limit: 1 } })
    await world.hold('till-1')
    await world.report(named)
    world.later(900)
    expect(await refused(world.hold('till-2'))).toMatchObject(exhausted)
  })

  it('a hold takes the place of the event that named it before', async () => {
    const world = await redemptionWorld({ quota: { per: 'P1M', limit: 1 } })
    await world.report(named)
    expect(await world.remaining()).toBe(0)
    expect(await refused(world.hold('till-2'))).toMatchObject(exhausted)
    expect(await world.hold('till-1')).toMatchObject({ remaining: 0 })
    expect(await refused(world.hold('till-2'))).toMatchObject(exhausted)
  })

  it('an event of another redemption, or of more than was held, takes what is its own', async () => {
    const world = await redemptionWorld()
    await world.hold('till-1')
    await world.report({ redemptionId: 'till-9' })
    expect(await world.remaining()).toBe(2)
    await world.report({ ...named, quantity: 2 })
    expect(await world.remaining()).toBe(1)
    await world.report(named)
    expect(await world.remaining()).toBe(0)
  })

  it('a redemption of another benefit covers nothing', async () => {
    const world = await redemptionWorld()
    await world.hold('till-1', { benefit: 'meal' })
    await world.report(named)
    expect(await world.remaining()).toBe(3)
  })

  it('an event that finds no room beside a hold counts once that is void', async () => {
    const world = await redemptionWorld()
    await world.hold('till-1', { quantity: 3 })
    await world.report({ quantity: 2 })
    expect(await world.remaining()).toBe(1)
    await world.void('till-1')
    expect(await world.remaining()).toBe(2)
  })

  it('counts in the month of the hold, whatever month its event tells', async () => {
    const world = await redemptionWorld()
    world.moveTo('2026-10-31T15:59:00Z')
    await world.hold('till-1')
    world.moveTo('2026-10-31T16:01:00Z')
    await world.capture('till-1')
    await world.report(named)
    expect(await world.remaining()).toBe(4)
  })

  it('a reversal gives back what the redemption of its event took, and may come before the event', async () => {
    const world = await redemptionWorld()
    await world.hold('till-1', { quantity: 2 })
    await world.capture('till-1')
    await world.report({ type: 'reversal', reverses: 'use-1' })
    expect(await world.remaining()).toBe(2)
    await world.report({ id: 'use-1', quantity: 2, ...named })
    expect(await world.remaining()).toBe(4)
    await world.report(
      { id: 'use-2' },
      { type: 'reversal', reverses: 'use-2' },
      { type: 'reversal', reverses: 'use-1' },
    )
    expect(await world.remaining()).toBe(4)
  })

  it('an allowance that needs no link is counted by the link that tells it', async () => {
    const free = benefit('free', 'eleme', { kind: 'allowance', linkRequired: false, quota: { per: 'P1M', limit: 3 } })
    const world = await redemptionWorld({ more: [free] })
    const entitlement = await standing(world.members, world.membership.id, 'free')
    await world.report({ entitlementId: entitlement?.id, benefit: 'free' })
    expect(await world.remaining('free')).toBe(2)
    expect(await world.hold('till-1', { benefit: 'free', quantity: 2 })).toMatchObject({ remaining: 0 })
    expect(await refused(world.hold('till-2', { benefit: 'free' }))).toMatchObject(exhausted)
    expect(await world.remaining()).toBe(4)
  })
})
