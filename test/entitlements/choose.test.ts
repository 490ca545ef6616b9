import { describe, expect, it } from 'vitest'
import { choose } from '../../functions/entitlements/choose.ts'
import { recordType } from '../../functions/kernel/table.ts'
import { overviewOf } from '../../functions/memberships/overview.ts'
import { ActivityEntry } from '../../schemas/link.ts'
import { benefit, entitlementsOf, type MembershipWorld, membershipWorld, race, standing } from '../memberships/world.ts'

const benefits = ['a', 'b', 'c'].map(letter => benefit(`video-${letter}`, 'youku', { choiceGroup: 'video' }))
const grouped = (group: object = {}) => ({
  benefits,
  choiceGroups: [{ id: 'video', choose: 1, changeEvery: 'P10D', ...group }],
})
const taking = async (world: MembershipWorld, ...wanted: string[]) => {
  const { id } = await world.memberOf('lin')
  return choose(world.needs, { member: id, programme: '88vip', group: 'video', benefits: wanted })
}
const refused = { name: 'Refusal', code: 'choice-not-possible' }

async function linked(group: object = {}) {
  const world = await membershipWorld(grouped(group))
  const { id } = await world.sellTo('lin')
  const link = await world.link('lin', 'y-lin')
  const states = async () =>
    Object.fromEntries(
      await Promise.all(
        benefits.map(async ({ id: name }) => [name.slice(-1), (await standing(world, id, name))?.state] as const),
      ),
    )
  return { world, id, link, states }
}

describe('a choice group', () => {
  it('keeps all its options waiting until the member has chosen, linked or not', async () => {
    const { world, link, states } = await linked()
    expect(await states()).toEqual({ a: 'offered', b: 'offered', c: 'offered' })
    await taking(world, 'video-b')
    expect(await states()).toEqual({ a: 'offered', b: 'active', c: 'offered' })
    expect((await world.linkRecord(link.id)).seq).toBe(2)
  })

  it('gives up what another choice replaces, and only once changeEvery has passed', async () => {
    const { world, id, states } = await linked()
    await taking(world, 'video-a')
    world.moveTo('2026-10-10T23:59:59Z')
    await expect(taking(world, 'video-b')).rejects.toMatchObject(refused)
    await expect(taking(world, 'video-b')).rejects.toThrow(/2026-10-11T00:00:00Z/)
    world.moveTo('2026-10-11T00:00:00Z')
    await taking(world, 'video-b')
    expect(await states()).toEqual({ a: 'offered', b: 'active', c: 'offered' })
    const [first, second] = await entitlementsOf(world, id, 'video-a')
    expect([first, second].find(one => one?.state === 'ended')).toMatchObject({
      windows: [{ from: '2026-10-01T00:00:00Z', until: '2026-10-11T00:00:00Z' }],
    })
  })

  it('is final without changeEvery', async () => {
    const { world } = await linked({ changeEvery: undefined })
    await taking(world, 'video-a')
    world.moveTo('2027-09-01T00:00:00Z')
    await expect(taking(world, 'video-b')).rejects.toThrow(/final/)
  })

  it('outlives the link: unlinking is no way around changeEvery', async () => {
    const { world, states } = await linked()
    await taking(world, 'video-a')
    await world.unlink('lin')
    expect(await states()).toEqual({ a: 'offered', b: 'offered', c: 'offered' })
    await expect(taking(world, 'video-b')).rejects.toMatchObject(refused)
    await world.link('lin', 'y-lin')
    expect(await states()).toEqual({ a: 'active', b: 'offered', c: 'offered' })
  })

  it('of two may be filled one by one without waiting', async () => {
    const { world, states } = await linked({ choose: 2 })
    await taking(world, 'video-a')
    await taking(world, 'video-a', 'video-c')
    expect(await states()).toEqual({ a: 'active', b: 'offered', c: 'active' })
    await expect(taking(world, 'video-b')).rejects.toMatchObject(refused)
  })

  it('with no more options than may be chosen is no choice', async () => {
    const { world, states } = await linked({ choose: 3 })
    expect(await states()).toEqual({ a: 'active', b: 'active', c: 'active' })
    await taking(world, 'video-a')
    expect(await states()).toEqual({ a: 'active', b: 'active', c: 'active' })
  })

  it('that gains options at a renewal counts what was live as the choice', async () => {
    const world = await membershipWorld({ ...grouped(), benefits: benefits.slice(0, 1) })
    const { id } = await world.sellTo('lin')
    await world.link('lin', 'y-lin')
    await world.apply(grouped())
    await world.act(id, 'renew')
    await expect(taking(world, 'video-b')).rejects.toMatchObject(refused)
    world.moveTo('2026-10-12T00:00:00Z')
    await taking(world, 'video-b')
    expect(await standing(world, id, 'video-a')).toMatchObject({ state: 'offered' })
    expect(await standing(world, id, 'video-b')).toMatchObject({ state: 'active' })
  })

  it.each([
    ['nothing', []],
    ['too many', ['video-a', 'video-b']],
    ['what is not in it', ['xiami-sign']],
  ])('refuses %s', async (_, wanted) => {
    const { world, states } = await linked()
    await expect(taking(world, ...wanted)).rejects.toMatchObject(refused)
    expect(await states()).toEqual({ a: 'offered', b: 'offered', c: 'offered' })
  })

  it('lets one of two rival choices win', async () => {
    const { world, id } = await linked()
    const { won, refused: lost } = await race(['video-a', 'video-b'].map(one => () => taking(world, one)))
    expect(won).toHaveLength(1)
    expect(lost).toEqual(['choice-not-possible'])
    const { entitlements } = await world.view(id)
    expect(entitlements.filter(({ state }) => state === 'active')).toHaveLength(1)
  })

  it('shows in the overview what is open and chosen, and in the activity log what was taken', async () => {
    const { world } = await linked()
    const { id } = await world.memberOf('lin')
    await taking(world, 'video-c')
    const [overview] = await overviewOf(world.needs, id)
    expect(overview?.openChoices).toMatchObject([{ group: { id: 'video' }, chosen: ['video-c'] }])
    const log = await world.table.all(recordType('activity', ActivityEntry), {
      partition: `MEMBER#${id}`,
      startsWith: 'ACTIVITY#',
    })
    expect(log.map(({ action, benefit: taken }) => [action, taken])).toEqual(
      expect.arrayContaining([
        ['linked', undefined],
        ['chosen', 'video-c'],
      ]),
    )
  })
})
