import { describe, expect, it } from 'vitest'
import { Conflict } from '../../functions/kernel/table.ts'
import { advanceMembership, changeMembership } from '../../functions/memberships/change.ts'
import { findMembershipRecord } from '../../functions/memberships/records.ts'
import { benefit, caller, entitlementsOf, membershipWorld, plan, race, standing } from './world.ts'

const monthly = { plans: [plan({ term: 'P1M', grace: 'P7D' })] }
const month = { from: '2026-10-01T00:00:00Z' }

describe('a suspension', () => {
  it('suspends what is live, and resuming restores exactly that, with a gap in the windows', async () => {
    const world = await membershipWorld()
    const { id } = await world.sellTo('lin')
    const link = await world.link('lin', 'y-lin')
    world.moveTo('2026-10-03T00:00:00Z')
    await world.act(id, 'suspend')
    expect(await standing(world, id, 'youku-vip')).toMatchObject({ state: 'suspended' })
    expect(await standing(world, id, 'xiami-sign')).toMatchObject({ state: 'suspended' })
    expect(await standing(world, id, 'eleme-5off')).toMatchObject({ state: 'offered' })
    expect((await world.linkRecord(link.id)).seq).toBe(link.seq + 1)
    world.moveTo('2026-10-05T00:00:00Z')
    await world.act(id, 'resume', '2026-10-04T00:00:00Z')
    const restored = await standing(world, id, 'youku-vip')
    expect(restored).toMatchObject({
      state: 'active',
      windows: [{ ...month, until: '2026-10-03T00:00:00Z' }, { from: '2026-10-04T00:00:00Z' }],
    })
    expect(await standing(world, id, 'eleme-5off')).toMatchObject({ state: 'offered', windows: [] })
    expect((await world.linkRecord(link.id)).seq).toBe(link.seq + 2)
  })

  it('does not bring back what ended meanwhile', async () => {
    const world = await membershipWorld()
    const { id } = await world.sellTo('lin')
    await world.link('lin', 'y-lin')
    await world.act(id, 'suspend')
    await world.unlink('lin')
    await world.act(id, 'resume')
    expect((await entitlementsOf(world, id, 'youku-vip')).map(({ state }) => state).sort()).toEqual([
      'ended',
      'offered',
    ])
  })

  it('in grace runs out with the grace, not at once', async () => {
    const world = await membershipWorld(monthly)
    const { id } = await world.sellTo('lin')
    await world.moveAndFire('2026-11-02T00:00:00Z')
    expect(await world.act(id, 'suspend')).toMatchObject({ state: 'suspended', suspendedFrom: 'grace' })
    await world.moveAndFire('2026-11-04T00:00:00Z')
    expect(await world.view(id)).toMatchObject({ state: 'suspended' })
    await world.moveAndFire('2026-12-01T00:00:00Z')
    expect(await world.view(id)).toMatchObject({ state: 'ended', endedAt: '2026-11-08T00:00:00Z' })
    expect(await entitlementsOf(world, id, 'xiami-sign')).toMatchObject([
      { state: 'ended', windows: [{ ...month, until: '2026-11-02T00:00:00Z' }] },
    ])
  })
})

describe('the end of a term', () => {
  it('is exact however late the timer is, through grace', async () => {
    const world = await membershipWorld(monthly)
    const { id } = await world.sellTo('lin')
    await world.link('lin', 'y-lin')
    await world.moveAndFire('2026-11-01T00:00:00Z')
    expect(await standing(world, id, 'youku-vip')).toMatchObject({
      state: 'ending',
      validUntil: '2026-11-08T00:00:00Z',
    })
    expect(await world.moveAndFire('2027-02-01T10:00:00Z')).toBe(1)
    expect(await world.view(id)).toMatchObject({
      state: 'ended',
      endedReason: 'expired',
      endedAt: '2026-11-08T00:00:00Z',
    })
    expect(await entitlementsOf(world, id, 'youku-vip')).toMatchObject([
      { state: 'ended', windows: [{ ...month, until: '2026-11-08T00:00:00Z' }], validUntil: '2026-11-08T00:00:00Z' },
    ])
    expect(await world.moveAndFire('2027-03-01T00:00:00Z')).toBe(0)
  })

  it('skips grace after a cancellation', async () => {
    const world = await membershipWorld(monthly)
    const { id } = await world.sellTo('lin')
    expect(await world.act(id, 'cancel')).toMatchObject({ state: 'active', cancelAtEnd: true })
    expect(await standing(world, id, 'xiami-sign')).toMatchObject({
      state: 'ending',
      validUntil: '2026-11-01T00:00:00Z',
    })
    await world.moveAndFire('2027-01-01T00:00:00Z')
    expect(await world.view(id)).toMatchObject({
      state: 'ended',
      endedReason: 'cancelled',
      endedAt: '2026-11-01T00:00:00Z',
    })
  })

  it.each(['link', 'unlink'])('is not moved by %s before the timer has fired', async action => {
    const world = await membershipWorld({ plans: [plan({ term: 'P1M' })] })
    const { id } = await world.sellTo('lin')
    await world.link('lin', 'y-lin')
    world.moveTo('2026-11-20T00:00:00Z')
    if (action === 'unlink') await world.unlink('lin')
    else
      await expect(world.link('lin', 'e-lin', { partner: 'eleme' })).rejects.toMatchObject({ code: 'no-benefit-here' })
    await world.moveAndFire('2026-11-21T00:00:00Z')
    expect(await entitlementsOf(world, id, 'youku-vip')).toMatchObject([
      { state: 'ended', windows: [{ ...month, until: '2026-11-01T00:00:00Z' }] },
    ])
  })

  it('is settled once, whoever fires the timer and how often', async () => {
    const world = await membershipWorld(monthly)
    const { id } = await world.sellTo('lin')
    world.moveTo('2026-11-03T00:00:00Z')
    await Promise.all(Array.from({ length: 6 }, () => advanceMembership(world.needs, id)))
    const once = await findMembershipRecord(world.table, id)
    await advanceMembership(world.needs, id)
    expect(await findMembershipRecord(world.table, id)).toEqual(once)
    expect(once).toMatchObject({ state: 'grace', version: 2, changedAt: '2026-11-01T00:00:00Z' })
  })

  it('refuses what comes after it', async () => {
    const world = await membershipWorld(monthly)
    const { id } = await world.sellTo('lin')
    world.moveTo('2027-01-01T00:00:00Z')
    for (const verb of ['renew', 'suspend', 'resume', 'cancel', 'refund'] as const)
      await expect(world.act(id, verb)).rejects.toMatchObject({ code: 'wrong-state' })
  })
})

describe('a refund', () => {
  it('ends the membership now, revokes its entitlements and may be repeated', async () => {
    const world = await membershipWorld()
    const { id } = await world.sellTo('lin')
    const link = await world.link('lin', 'y-lin')
    world.moveTo('2026-10-10T00:00:00Z')
    await world.act(id, 'refund', '2026-10-09T00:00:00Z')
    await world.act(id, 'refund')
    const { state, endedReason, endedAt, entitlements } = await world.view(id)
    expect({ state, endedReason, endedAt }).toEqual({
      state: 'ended',
      endedReason: 'refunded',
      endedAt: '2026-10-09T00:00:00Z',
    })
    expect(new Set(entitlements.map(entitlement => entitlement.state))).toEqual(new Set(['revoked']))
    expect(await entitlementsOf(world, id, 'youku-vip')).toMatchObject([
      { windows: [{ ...month, until: '2026-10-09T00:00:00Z' }], validUntil: '2026-10-09T00:00:00Z' },
    ])
    expect(await world.linkRecord(link.id)).toMatchObject({ state: 'active', entitlements: [], seq: link.seq + 1 })
  })
})

describe('the instant of an action', () => {
  it('may lie in the past, behind boundaries whose timers have fired', async () => {
    const world = await membershipWorld({ plans: [plan({ trial: 'P7D' })] })
    const { id } = await world.sellTo('lin')
    await world.moveAndFire('2026-10-30T00:00:00Z')
    expect(await world.act(id, 'suspend', '2026-10-10T00:00:00Z')).toMatchObject({
      state: 'suspended',
      changedAt: '2026-10-10T00:00:00Z',
    })
  })

  it.each([
    ['the future', '2026-10-03T00:00:01Z'],
    ['before the last change', '2026-10-01T23:59:59Z'],
  ])('is not in %s', async (_, at) => {
    const world = await membershipWorld()
    const { id } = await world.sellTo('lin')
    world.moveTo('2026-10-02T00:00:00Z')
    await world.act(id, 'suspend')
    world.moveTo('2026-10-03T00:00:00Z')
    await expect(world.act(id, 'resume', at)).rejects.toMatchObject({ code: 'at-out-of-range' })
  })
})

describe('a renewal under a newer programme version', () => {
  const renewedUnder = async (benefits: object[]) => {
    const world = await membershipWorld()
    const { id } = await world.sellTo('lin')
    const link = await world.link('lin', 'y-lin')
    const before = await standing(world, id, 'youku-vip')
    await world.apply({ benefits })
    world.moveTo('2026-10-20T00:00:00Z')
    expect(await world.view(id)).toMatchObject({ programmeVersion: 1 })
    await world.act(id, 'renew')
    expect(await world.view(id)).toMatchObject({ programmeVersion: 2, endsAt: '2028-10-01T00:00:00Z' })
    return { world, id, link: await world.linkRecord(link.id), before }
  }

  it('keeps what stays, with its id and open window', async () => {
    const { world, id, before } = await renewedUnder([benefit('youku-vip', 'youku', { limits: { streams: 2 } })])
    expect(await entitlementsOf(world, id, 'youku-vip')).toMatchObject([
      { id: before?.id, state: 'active', windows: [month], validUntil: '2028-10-01T00:00:00Z' },
    ])
  })

  it('ends what the newer version lacks', async () => {
    const { world, id, link } = await renewedUnder([benefit('eleme-5off', 'eleme')])
    expect(await entitlementsOf(world, id, 'youku-vip')).toMatchObject([
      { state: 'ended', windows: [{ ...month, until: '2026-10-20T00:00:00Z' }] },
    ])
    expect(link.entitlements).toEqual([])
    expect(await standing(world, id, 'xiami-sign')).toBeUndefined()
  })

  it('gives what is new to an account that is linked, under a new subject where the partner is new', async () => {
    const { world, id, link } = await renewedUnder([
      benefit('youku-vip', 'youku', { limits: { streams: 2 } }),
      benefit('youku-kids', 'youku'),
    ])
    expect(link.entitlements.map(held => held.benefit).sort()).toEqual(['youku-kids', 'youku-vip'])
    expect(await standing(world, id, 'youku-kids')).toMatchObject({ windows: [{ from: '2026-10-20T00:00:00Z' }] })
    await expect(
      (async () => {
        await world.apply({ id: 'gold', benefits: [benefit('youku-kids', 'youku')] })
        await world.sellTo('wang', { programme: 'gold' })
        await world.link('wang', 'y-lin', { programme: 'gold' })
      })(),
    ).rejects.toMatchObject({ code: 'already-entitled' })
  })

  it('draws a subject for a partner that is new', async () => {
    const world = await membershipWorld({ benefits: [benefit('youku-vip', 'youku')] })
    const { id } = await world.sellTo('lin')
    await world.apply({ benefits: [benefit('eleme-vip', 'eleme', { linkRequired: false })] })
    await world.act(id, 'renew')
    const member = await world.memberOf('lin')
    expect(await standing(world, id, 'eleme-vip')).toMatchObject({ state: 'active', subject: member.subjects['eleme'] })
  })

  it('takes new limits over and makes an entitlement with another quota anew', async () => {
    const { link } = await renewedUnder([benefit('youku-vip', 'youku', { limits: { streams: 1 } })])
    expect(link.entitlements).toMatchObject([{ limits: { streams: 1 } }])
    const world = await membershipWorld()
    const { id } = await world.sellTo('lin')
    await world.link('lin', 'e-lin', { partner: 'eleme' })
    await world.apply({
      benefits: [benefit('eleme-5off', 'eleme', { kind: 'allowance', quota: { per: 'P1M', limit: 8 } })],
    })
    await world.act(id, 'renew')
    expect((await entitlementsOf(world, id, 'eleme-5off')).map(({ state }) => state).sort()).toEqual([
      'active',
      'ended',
    ])
  })

  it('is refused when its plan is gone', async () => {
    const world = await membershipWorld()
    const { id } = await world.sellTo('lin')
    await world.apply({ plans: [plan({ id: 'monthly', term: 'P1M' })] })
    await expect(world.act(id, 'renew')).rejects.toMatchObject({ code: 'plan-not-found' })
    expect(await world.view(id)).toMatchObject({ programmeVersion: 1, endsAt: '2027-10-01T00:00:00Z' })
  })
})

describe('rivals', () => {
  it('renewals at once are all counted', async () => {
    const world = await membershipWorld()
    const { id } = await world.sellTo('lin')
    const { refused } = await race(Array.from({ length: 5 }, () => () => world.act(id, 'renew')))
    expect(refused).toEqual([])
    expect(await world.view(id)).toMatchObject({ endsAt: '2032-10-01T00:00:00Z', version: 6 })
  })

  it('suspends, links and unlinks at once leave membership, entitlements and links in step', async () => {
    const world = await membershipWorld()
    const { id } = await world.sellTo('lin')
    await world.link('lin', 'y-lin')
    await race<unknown>([
      () => world.act(id, 'suspend'),
      () => world.link('lin', 'e-lin', { partner: 'eleme' }),
      () => world.unlink('lin'),
      () => world.act(id, 'renew'),
      () => world.act(id, 'cancel'),
    ])
    const { state, entitlements, links } = await world.view(id)
    expect(state).toBe('suspended')
    expect(await standing(world, id, 'eleme-5off')).toMatchObject({ state: 'suspended' })
    expect(await standing(world, id, 'youku-vip')).toMatchObject({ state: 'offered' })
    for (const { id: linkId, state: linkState } of links) {
      const held = (await world.linkRecord(linkId)).entitlements.map(({ id: own, state: at }) => [own, at])
      const own = entitlements.filter(({ link, state: at }) => link === linkId && at === 'suspended')
      expect(held).toEqual(linkState === 'active' ? own.map(({ id: ent, state: at }) => [ent, at]) : [])
    }
  })
})

it('is of the brand of its programme alone, and of nobody when it does not exist', async () => {
  const world = await membershipWorld()
  await expect(world.act('mbr_00000000000000000000000000', 'cancel')).rejects.toMatchObject({
    code: 'membership-not-found',
  })
})

describe('a renewal that replaces nearly everything', () => {
  /** A membership of fifty benefits, whose renewal is due under a programme that has fifty others. */
  async function aboutToReplace() {
    const partners = ['youku', 'eleme', 'xiami']
    const many = (kind: string) =>
      Array.from({ length: 50 }, (_, n) => benefit(`gift-${n}`, partners[n % 3] ?? '', { kind, linkRequired: false }))
    const world = await membershipWorld({ ...monthly, benefits: many('access') })
    const { id } = await world.sellTo('lin')
    await world.apply({ ...monthly, benefits: many('discount') })
    world.moveTo('2026-10-20T00:00:00Z')
    return { world, id }
  }

  it('is made once also when its second part meets rivals all the time, and a timer makes that', async () => {
    const { world, id } = await aboutToReplace()
    const { table } = world.needs
    let commits = 0
    const rivalled: typeof table = {
      ...table,
      async commit(writes) {
        commits += 1
        if (commits > 1) throw new Conflict([])
        await table.commit(writes)
      },
    }
    const request = { id, verb: 'renew', action: {} } as const
    const renewed = await changeMembership({ ...world.needs, table: rivalled }, caller, request)
    expect(renewed.endsAt).toBe('2026-12-01T00:00:00Z')
    expect(commits).toBeGreaterThan(2)
    expect(await world.moveAndFire('2026-10-20T00:01:00Z')).toBe(1)
    const { entitlements, endsAt } = await world.view(id)
    expect(endsAt).toBe('2026-12-01T00:00:00Z')
    expect(entitlements.filter(({ state }) => state === 'active')).toHaveLength(50)
  })

  it('of a large programme is more than one transaction holds, and loses nothing', async () => {
    const { world, id } = await aboutToReplace()
    await world.act(id, 'renew')
    const { entitlements, endsAt } = await world.view(id)
    const states = Map.groupBy(entitlements, ({ kind, state }) => `${kind} ${state}`)
    expect([...states].map(([state, all]) => [state, all.length]).toSorted()).toEqual([
      ['access ended', 50],
      ['discount active', 50],
    ])
    expect(endsAt).toBe('2026-12-01T00:00:00Z')
    expect(await world.moveAndFire('2026-10-21T00:00:00Z')).toBe(0)
  })
})
