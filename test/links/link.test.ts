import { describe, expect, it } from 'vitest'
import { linksOfAccount } from '../../functions/links/find-links.ts'
import { accountWrite, findAccount } from '../../functions/links/records.ts'
import type { LinkId } from '../../schemas/ids.ts'
import { AccountRecord } from '../../schemas/link.ts'
import { benefit, entitlementsOf, instant, membershipWorld, plan, race, standing } from '../memberships/world.ts'

const code = (name: string) => ({ name: 'Refusal', code: name })

describe('a link', () => {
  it('makes the benefits of the partner active, and only those', async () => {
    const world = await membershipWorld()
    const { id } = await world.sellTo('lin')
    const link = await world.link('lin', 'y-lin')
    const member = await world.memberOf('lin')
    expect(link).toMatchObject({ state: 'active', seq: 1, subject: member.subjects['youku'], account: 'y-lin' })
    expect(link.entitlements).toMatchObject([{ benefit: 'youku-vip', state: 'active', limits: { streams: 2 } }])
    expect(await standing(world, id, 'eleme-5off')).toMatchObject({ state: 'offered' })
    expect(await linksOfAccount(world.needs, 'youku', 'y-lin')).toEqual([
      { id: link.id, programme: '88vip', account: 'y-lin', state: 'active', since: '2026-10-01T00:00:00Z' },
    ])
  })

  it('tells its partner of a benefit that needs no link too, which unlinking does not take away', async () => {
    const free = [benefit('xiami-vip', 'xiami'), benefit('xiami-sign', 'xiami', { linkRequired: false })]
    const world = await membershipWorld({ benefits: free })
    const { id } = await world.sellTo('lin')
    const link = await world.link('lin', 'x-lin', { partner: 'xiami' })
    expect(link.entitlements.map(held => [held.benefit, held.state]).toSorted()).toEqual([
      ['xiami-sign', 'active'],
      ['xiami-vip', 'active'],
    ])
    const before = await standing(world, id, 'xiami-sign')
    await world.unlink('lin', 'xiami')
    expect(await standing(world, id, 'xiami-sign')).toEqual(before)
    expect(await standing(world, id, 'xiami-vip')).toMatchObject({ state: 'offered' })
  })

  it('to the same account again is the one there is', async () => {
    const world = await membershipWorld()
    await world.sellTo('lin')
    const link = await world.link('lin', 'y-lin')
    expect(await world.link('lin', 'y-lin')).toEqual(link)
  })

  it('ends with its entitlements; coming back makes new ids and keeps the subject', async () => {
    const world = await membershipWorld()
    const { id } = await world.sellTo('lin')
    const first = await world.link('lin', 'y-lin')
    world.moveTo('2026-10-02T00:00:00Z')
    expect(await world.unlink('lin')).toMatchObject({ state: 'ended', reason: 'member', seq: 2, entitlements: [] })
    expect((await world.linkRecord(first.id)).endedAt).toBe('2026-10-02T00:00:00Z')
    world.moveTo('2026-10-03T00:00:00Z')
    const second = await world.link('lin', 'y-lin')
    expect(second.id).not.toBe(first.id)
    expect(second.subject).toBe(first.subject)
    const [before, after] = await entitlementsOf(world, id, 'youku-vip')
    expect(before).toMatchObject({
      state: 'ended',
      link: first.id,
      windows: [{ from: '2026-10-01T00:00:00Z', until: '2026-10-02T00:00:00Z' }],
    })
    expect(after).toMatchObject({ state: 'active', link: second.id, windows: [{ from: '2026-10-03T00:00:00Z' }] })
    expect((await linksOfAccount(world.needs, 'youku', 'y-lin')).map(({ state }) => state)).toEqual(['ended', 'active'])
  })

  it('waits for the cooldown of the partner before another account', async () => {
    const world = await membershipWorld({}, { relinkCooldown: 'P2D' })
    await world.sellTo('lin')
    await world.link('lin', 'y-1')
    await expect(world.link('lin', 'y-2')).rejects.toMatchObject(code('already-linked'))
    await world.unlink('lin')
    await expect(world.unlink('lin')).rejects.toMatchObject(code('link-not-found'))
    await expect(world.link('lin', 'y-2')).rejects.toThrow(/2026-10-03T00:00:00Z/)
    world.moveTo('2026-10-03T00:00:00Z')
    expect(await world.link('lin', 'y-2')).toMatchObject({ account: 'y-2' })
  })

  it('is refused where there is nothing to gain', async () => {
    const world = await membershipWorld()
    const { id } = await world.sellTo('lin')
    await expect(world.link('lin', 'x', { partner: 'xiami' })).rejects.toMatchObject(code('no-benefit-here'))
    await expect(world.link('lin', 'x', { partner: 'nobody' })).rejects.toMatchObject(code('partner-not-found'))
    await world.act(id, 'refund')
    await expect(world.link('lin', 'y-lin')).rejects.toMatchObject(code('no-benefit-here'))
  })

  it('made while suspended gives nothing before the suspension is lifted', async () => {
    const world = await membershipWorld()
    const { id } = await world.sellTo('lin')
    await world.act(id, 'suspend')
    await world.link('lin', 'y-lin')
    expect(await standing(world, id, 'youku-vip')).toMatchObject({ state: 'suspended', windows: [] })
    world.moveTo('2026-10-02T00:00:00Z')
    await world.act(id, 'resume')
    expect(await standing(world, id, 'youku-vip')).toMatchObject({ windows: [{ from: '2026-10-02T00:00:00Z' }] })
  })
})

describe('an account that already has the benefit', () => {
  const household = async () => {
    const world = await membershipWorld({ plans: [plan({ term: 'P1M' })] })
    await world.apply({ id: 'gold' })
    await world.sellTo('lin')
    await world.sellTo('wang', { programme: 'gold', externalId: 'gold' })
    await world.link('lin', 'shared')
    return world
  }

  it('is refused to a second programme and keeps what it has', async () => {
    const world = await household()
    await expect(world.link('wang', 'shared', { programme: 'gold' })).rejects.toMatchObject(code('already-entitled'))
    expect(await findAccount(world.table, 'youku', 'shared')).toMatchObject({ version: 1 })
  })

  it('is free once the first grant has ended, with its link or with its membership', async () => {
    const unlinked = await household()
    await unlinked.unlink('lin')
    expect(await unlinked.link('wang', 'shared', { programme: 'gold' })).toMatchObject({ state: 'active' })
    const expired = await household()
    await expired.moveAndFire('2026-11-01T00:00:00Z')
    expect(await expired.link('wang', 'shared', { programme: 'gold' })).toMatchObject({ state: 'active' })
  })

  it('may hold different benefits of two programmes', async () => {
    const world = await household()
    await world.apply({ id: 'silver', benefits: [benefit('youku-kids', 'youku')] })
    await world.sellTo('wu', { programme: 'silver' })
    await world.link('wu', 'shared', { programme: 'silver' })
    const links = await linksOfAccount(world.needs, 'youku', 'shared')
    expect(links.map(({ programme, state }) => [programme, state])).toEqual([
      ['88vip', 'active'],
      ['silver', 'active'],
    ])
  })
})

describe('an account that pays the partner itself', () => {
  const paidUntil = instant('2026-10-15T00:00:00Z')

  it('starts when that ends, however late the timer is, under the policy defer', async () => {
    const world = await membershipWorld({ alreadyPaying: 'defer' })
    const { id } = await world.sellTo('lin')
    const link = await world.link('lin', 'y-lin', { paidUntil })
    expect(link.entitlements).toMatchObject([{ state: 'pending' }])
    expect(await world.moveAndFire('2026-10-14T23:59:59Z')).toBe(0)
    expect(await world.moveAndFire('2026-10-17T09:30:00Z')).toBe(1)
    expect(await standing(world, id, 'youku-vip')).toMatchObject({ state: 'active', windows: [{ from: paidUntil }] })
    expect(await world.linkRecord(link.id)).toMatchObject({ seq: 2, entitlements: [{ validFrom: paidUntil }] })
  })

  it('links nothing under block, and at once under stack', async () => {
    const blocking = await membershipWorld({ alreadyPaying: 'block' })
    await blocking.sellTo('lin')
    await expect(blocking.link('lin', 'y-lin', { paidUntil })).rejects.toMatchObject(code('account-already-pays'))
    expect(await linksOfAccount(blocking.needs, 'youku', 'y-lin')).toEqual([])
    const stacking = await membershipWorld()
    await stacking.sellTo('lin')
    expect((await stacking.link('lin', 'y-lin', { paidUntil })).entitlements).toMatchObject([{ state: 'active' }])
  })
})

describe('rivals', () => {
  it('of one account: exactly one member wins, and nothing is half made', async () => {
    const world = await membershipWorld()
    const subjects = Array.from({ length: 6 }, (_, n) => `member-${n}`)
    const sold = new Map<string, string>()
    for (const subject of subjects) sold.set(subject, (await world.sellTo(subject)).id)
    const { won, refused } = await race(subjects.map(subject => () => world.link(subject, 'shared')))
    expect(won).toHaveLength(1)
    expect(refused).toEqual(Array.from({ length: 5 }, () => 'account-linked-elsewhere'))
    for (const [, id] of sold) {
      const { links, entitlements } = await world.view(id)
      const active = entitlements.filter(({ benefit: name, state }) => name === 'youku-vip' && state === 'active')
      expect(active).toHaveLength(links.length)
    }
    const account = await findAccount(world.table, 'youku', 'shared')
    expect(account).toMatchObject({ live: { '88vip': won[0]?.id }, grants: { 'youku-vip': won[0]?.id } })
    expect(account?.links).toHaveLength(1)
  })

  it('of one member: exactly one of her accounts wins', async () => {
    const world = await membershipWorld()
    const { id } = await world.sellTo('lin')
    const accounts = ['a', 'b', 'c', 'd']
    const { won, refused } = await race(accounts.map(account => () => world.link('lin', account)))
    expect(won).toHaveLength(1)
    expect(refused).toEqual(['already-linked', 'already-linked', 'already-linked'])
    expect((await world.view(id)).links).toHaveLength(1)
    const known = await Promise.all(accounts.map(account => findAccount(world.table, 'youku', account)))
    expect(known.filter(account => account !== undefined)).toHaveLength(1)
  })

  it('of the same link: all get the one', async () => {
    const world = await membershipWorld()
    await world.sellTo('lin')
    const { won, refused } = await race(Array.from({ length: 5 }, () => () => world.link('lin', 'y-lin')))
    expect(refused).toEqual([])
    expect(new Set(won.map(({ id }) => id)).size).toBe(1)
  })

  it('of two programmes for one account: one grant stands', async () => {
    const world = await membershipWorld()
    await world.apply({ id: 'gold' })
    await world.sellTo('lin')
    await world.sellTo('wang', { programme: 'gold', externalId: 'gold' })
    const { won, refused } = await race([
      () => world.link('lin', 'shared'),
      () => world.link('wang', 'shared', { programme: 'gold' }),
    ])
    expect(won).toHaveLength(1)
    expect(refused).toEqual(['already-entitled'])
  })

  it('to unlink: one ends it, the others find nothing', async () => {
    const world = await membershipWorld()
    const { id } = await world.sellTo('lin')
    const link = await world.link('lin', 'y-lin')
    const { won, refused } = await race(Array.from({ length: 4 }, () => () => world.unlink('lin')))
    expect(won).toHaveLength(1)
    expect(refused).toEqual(['link-not-found', 'link-not-found', 'link-not-found'])
    expect((await world.linkRecord(link.id)).seq).toBe(2)
    expect(await entitlementsOf(world, id, 'youku-vip')).toHaveLength(2)
  })
})

it('keeps every live link of an account that is linked and unlinked for ever', async () => {
  const world = await membershipWorld()
  await world.apply({ id: 'silver', benefits: [benefit('youku-kids', 'youku')] })
  await world.sellTo('wu', { programme: 'silver' })
  const lasting = await world.link('wu', 'shared', { programme: 'silver' })
  const account = await findAccount(world.table, 'youku', 'shared')
  if (!account) throw new Error('no account')
  const { id: _id, ...shape } = AccountRecord.parse(account).links[0] ?? lasting
  const ended = Array.from({ length: 120 }, () => ({ ...shape, id: world.needs.newId<LinkId>('lnk'), state: 'ended' }))
  const crowded = AccountRecord.parse({ ...account, version: 2, links: [...account.links, ...ended] })
  await world.table.write(accountWrite(crowded, account))
  await world.sellTo('lin')
  const added = await world.link('lin', 'shared')
  const links = await linksOfAccount(world.needs, 'youku', 'shared')
  expect(links.filter(({ state }) => state === 'active').map(({ id }) => id)).toEqual([lasting.id, added.id])
  expect(links).toHaveLength(101)
})
