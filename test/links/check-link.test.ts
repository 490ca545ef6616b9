import { describe, expect, it } from 'vitest'
import { checkLink, type LinkCheck } from '../../functions/links/check-link.ts'
import { benefit, instant, membershipWorld, plan, race } from '../memberships/world.ts'

const code = (name: string) => ({ name: 'Refusal', code: name })
const gold = { id: 'gold', benefits: [benefit('youku-kids', 'youku')], plans: [plan()] }

async function checked(document: object = {}, partners: object = {}) {
  const world = await membershipWorld(document, partners)
  const check = async (subject: string, change: Partial<LinkCheck> = {}) => {
    const { id: member } = await world.memberOf(subject)
    return checkLink(world.needs, { member, programme: '88vip', partner: 'youku', ...change })
  }
  return { ...world, check }
}

describe('a check before linking', () => {
  it('says what linking would say, and writes nothing', async () => {
    const world = await checked()
    await world.sellTo('lin')
    await world.check('lin')
    await world.check('lin', { account: 'y-lin' })
    expect((await world.memberOf('lin')).id).toBeTruthy()
    const before = await world.link('lin', 'y-lin')
    await world.check('lin', { account: 'y-lin' })
    expect(await world.linkRecord(before.id)).toEqual(before)
    await expect(world.check('lin', { account: 'y-2' })).rejects.toMatchObject(code('already-linked'))
    // It may be the very account that is linked.
    await world.check('lin')
  })

  it('knows the other rules too', async () => {
    const world = await checked({ alreadyPaying: 'block' }, { relinkCooldown: 'P2D' })
    await world.sellTo('lin')
    await world.sellTo('wang')
    await world.link('lin', 'y-1')
    await expect(world.check('wang', { account: 'y-1' })).rejects.toMatchObject(code('account-linked-elsewhere'))
    await world.unlink('lin')
    await expect(world.check('lin', { account: 'y-2' })).rejects.toThrow(/2026-10-03T00:00:00Z/)
    // Whether the account is another one is not known yet.
    await world.check('lin')
    const paying = { account: 'y-9', paidUntil: instant('2026-12-01T00:00:00Z') }
    await expect(world.check('wang', paying)).rejects.toMatchObject(code('account-already-pays'))
    await expect(world.check('wang', { partner: 'xiami' })).rejects.toMatchObject(code('no-benefit-here'))
    await expect(world.check('wang', { partner: 'tudou' })).rejects.toMatchObject(code('partner-not-found'))
    await expect(world.check('wang', { programme: 'gold' })).rejects.toMatchObject(code('no-benefit-here'))
  })

  it('knows a membership that is past its end, however late the timers are', async () => {
    const world = await checked()
    await world.sellTo('lin')
    world.moveTo('2027-12-01T00:00:00Z')
    const refused = { ...code('no-benefit-here'), message: expect.stringContaining('the membership is over') }
    await expect(world.check('lin')).rejects.toMatchObject(refused)
    await expect(world.check('lin', { account: 'y-lin' })).rejects.toMatchObject(refused)
    await expect(world.link('lin', 'y-lin')).rejects.toMatchObject(refused)
  })

  it('refuses a second grant of one benefit to one account', async () => {
    const world = await checked()
    await world.apply({ ...gold, benefits: [benefit('youku-vip', 'youku')] })
    await world.sellTo('lin')
    await world.sellTo('wang', { programme: 'gold', externalId: 'gold-wang' })
    await world.link('lin', 'y-shared')
    const asked = { programme: 'gold', account: 'y-shared' }
    await expect(world.check('wang', asked)).rejects.toMatchObject(code('already-entitled'))
  })
})

describe('rivals', () => {
  it('of many members that link one account exactly one wins, and no other has half a link', async () => {
    const world = await checked()
    const members = ['a', 'b', 'c', 'd', 'e', 'f']
    for (const subject of members) await world.sellTo(subject)
    const { won, refused } = await race(members.map(subject => () => world.link(subject, 'y-one')))
    expect(won).toHaveLength(1)
    expect(refused).toEqual(Array(5).fill('account-linked-elsewhere'))
    for (const subject of members) {
      const { id } = await world.memberOf(subject)
      const isOwner = id === won[0]?.member
      const again = world.check(subject, { account: 'y-one' })
      await (isOwner ? again : expect(again).rejects.toMatchObject(code('account-linked-elsewhere')))
      if (!isOwner) await world.check(subject)
    }
  })

  it('one account in two programmes that grant the same benefit: exactly one wins', async () => {
    const world = await checked()
    await world.apply({ ...gold, benefits: [benefit('youku-vip', 'youku')] })
    await world.sellTo('lin')
    await world.sellTo('wang', { programme: 'gold', externalId: 'gold-wang' })
    const { won, refused } = await race([
      () => world.link('lin', 'y-both'),
      () => world.link('wang', 'y-both', { programme: 'gold' }),
    ])
    expect([won.length, refused]).toEqual([1, ['already-entitled']])
  })

  it('one account in two programmes with different benefits: both have it', async () => {
    const world = await checked()
    await world.apply(gold)
    await world.sellTo('lin')
    await world.sellTo('lin', { programme: 'gold', externalId: 'gold-lin' })
    const { won, refused } = await race([
      () => world.link('lin', 'y-both'),
      () => world.link('lin', 'y-both', { programme: 'gold' }),
    ])
    expect([won.length, refused]).toEqual([2, []])
  })
})
