import { describe, expect, it } from 'vitest'
import { activityOf } from '../../functions/links/activity.ts'
import { breakLink } from '../../functions/links/break-link.ts'
import { findPartnerToken, partnerTokenWrite } from '../../functions/links/partner-token.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { outgoingEvents } from '../events/outgoing.ts'
import { benefit, type MembershipWorld, membershipWorld, standing } from '../memberships/world.ts'
import { statusWorld } from '../tokens/status-world.ts'

const code = (expected: string) => ({ code: expected })
const partner = 'youku'
const account = 'account-1'

async function linked() {
  const world = await membershipWorld()
  const { id: membership } = await world.sellTo('lin')
  const link = await world.link('lin', account)
  world.moveTo('2026-10-02T00:00:00Z')
  return { world, membership, link, member: link.member }
}

describe('a link that breaks', () => {
  it.each(['consent-revoked', 'account-closed'] as const)(
    'by %s gives nothing any more, forgets the kept token and tells the partner',
    async reason => {
      const { world, membership, link, member } = await linked()
      const { needs, table } = world
      await table.write(await partnerTokenWrite(needs, { link: link.id, partner, refreshToken: 'secret' }))
      const [broken, ...more] = await breakLink(needs, { partner, account, reason })
      expect(more).toEqual([])
      expect(broken).toMatchObject({
        state: 'broken',
        reason,
        endedAt: '2026-10-02T00:00:00Z',
        entitlements: [],
        seq: 2,
      })
      expect(await world.linkRecord(link.id)).toEqual(broken)
      expect(await standing(world, membership, 'youku-vip')).toMatchObject({ state: 'offered' })
      expect(await findPartnerToken(needs, link.id)).toBeUndefined()
      const [line] = (await activityOf(needs, member)).items
      expect(line).toMatchObject({ action: 'link-broken', reason, partner, programme: '88vip', link: link.id })
      expect(await outgoingEvents(table, partner)).toMatchObject([{ link: link.id, state: 'broken', reason, account }])
    },
  )

  it('is named by its id too, by its own partner only', async () => {
    const { world, link } = await linked()
    const request = { link: link.id, reason: 'consent-revoked' } as const
    expect(await breakLink(world.needs, { ...request, partner: 'eleme' })).toEqual([])
    expect(await world.linkRecord(link.id)).toMatchObject({ state: 'active' })
    expect(await breakLink(world.needs, { ...request, partner })).toHaveLength(1)
  })

  it('breaks once: what is broken, ended or unknown stays as it is', async () => {
    const { world, link } = await linked()
    await breakLink(world.needs, { partner, account, reason: 'consent-revoked' })
    const first = await world.linkRecord(link.id)
    for (const named of [{ account }, { link: link.id }, { account: 'nobody' }])
      expect(await breakLink(world.needs, { partner, reason: 'consent-revoked', ...named })).toEqual([])
    expect(await world.linkRecord(link.id)).toEqual(first)
    await world.unlink('lin')
    const ended = await world.linkRecord(link.id)
    for (const reason of ['consent-revoked', 'account-closed'] as const)
      expect(await breakLink(world.needs, { partner, link: link.id, reason })).toEqual([])
    expect(ended).toMatchObject({ state: 'ended', reason: 'consent-revoked' })
    expect(await world.linkRecord(link.id)).toEqual(ended)
    expect(await outgoingEvents(world.table, partner)).toHaveLength(1)
  })

  it('breaks once also where several tell of it at once', async () => {
    const { world } = await linked()
    const tell = () => breakLink(world.needs, { partner, account, reason: 'consent-revoked' })
    const broken = await Promise.all([tell(), tell(), tell(), tell()])
    expect(broken.flat()).toHaveLength(1)
    expect(await outgoingEvents(world.table, partner)).toHaveLength(1)
  })

  it('is left alone by what happened before it was made', async () => {
    const { world } = await linked()
    const told = { partner, account, reason: 'consent-revoked', occurredAt: '2026-10-02T00:00:00Z' as Instant } as const
    expect(await breakLink(world.needs, told)).toHaveLength(1)
    world.moveTo('2026-10-02T00:00:01Z')
    const again = await world.link('lin', account)
    expect(await breakLink(world.needs, told)).toEqual([])
    expect(await world.linkRecord(again.id)).toMatchObject({ state: 'active' })
  })

  it('may be linked again at once; another account waits, unless the old one was closed', async () => {
    const revoked = await linked()
    await breakLink(revoked.world.needs, { partner, account, reason: 'consent-revoked' })
    await expect(revoked.world.link('lin', 'account-2')).rejects.toMatchObject(code('relink-cooldown'))
    expect(await revoked.world.link('lin', account)).toMatchObject({ state: 'active' })
    const closed = await linked()
    await breakLink(closed.world.needs, { partner, account, reason: 'account-closed' })
    expect(await closed.world.link('lin', 'account-2')).toMatchObject({ state: 'active' })
  })

  describe('whose account was closed', () => {
    const close = (world: MembershipWorld, change: object = {}) =>
      breakLink(world.needs, { partner, account, reason: 'account-closed', ...change })
    const revoke = (world: MembershipWorld) => breakLink(world.needs, { partner, account, reason: 'consent-revoked' })

    it('after it broke has the graver reason, once, and keeps nobody waiting', async () => {
      const { world, link } = await linked()
      await revoke(world)
      expect(await close(world)).toEqual([])
      const closed = await world.linkRecord(link.id)
      expect(closed).toMatchObject({
        state: 'broken',
        reason: 'account-closed',
        endedAt: '2026-10-02T00:00:00Z',
        seq: 3,
      })
      expect(await close(world)).toEqual([])
      expect(await revoke(world)).toEqual([])
      expect(await world.linkRecord(link.id)).toEqual(closed)
      expect(await world.link('lin', 'account-2')).toMatchObject({ state: 'active' })
    })

    it('after the member unlinked it, broken or not, keeps nobody waiting; why it ended stays', async () => {
      for (const isBroken of [false, true]) {
        const { world, link } = await linked()
        if (isBroken) await revoke(world)
        await world.unlink('lin')
        const ended = await world.linkRecord(link.id)
        await expect(world.link('lin', 'account-2')).rejects.toMatchObject(code('relink-cooldown'))
        expect(await close(world)).toEqual([])
        expect(await world.linkRecord(link.id)).toEqual(ended)
        expect(await world.link('lin', 'account-2')).toMatchObject({ state: 'active' })
      }
    })

    it('before the member unlinked it keeps nobody waiting either', async () => {
      const { world } = await linked()
      expect(await close(world)).toHaveLength(1)
      await world.unlink('lin')
      expect(await world.link('lin', 'account-2')).toMatchObject({ state: 'active' })
    })

    it('is told late: a link of another account, or one made since, has its wait', async () => {
      const { world } = await linked()
      await close(world)
      await world.link('lin', 'account-2')
      await world.unlink('lin')
      await close(world)
      await expect(world.link('lin', 'account-3')).rejects.toMatchObject(code('relink-cooldown'))
      const again = await linked()
      await revoke(again.world)
      await close(again.world, { occurredAt: '2026-09-30T00:00:00Z' as Instant })
      await expect(again.world.link('lin', 'account-2')).rejects.toMatchObject(code('relink-cooldown'))
    })
  })

  it('is each one of the account, in every programme', async () => {
    const { world } = await linked()
    const sport = { id: 'sport', benefits: [benefit('youku-sport', 'youku')] }
    await world.apply(sport)
    await world.sellTo('lin', { programme: 'sport', externalId: 'order-sport' })
    await world.link('lin', account, { programme: 'sport' })
    const broken = await breakLink(world.needs, { partner, account, reason: 'account-closed' })
    expect(broken.map(({ programme }) => programme).sort()).toEqual(['88vip', 'sport'])
  })
})

it('the bit of a broken link is 1 for good, and its tokens are refused', async () => {
  const world = await statusWorld()
  const { member } = await world.sold('lin')
  const link = await world.link(member.id, 'account-of-lin')
  await world.follow()
  expect(await world.bit(link.status)).toBe(0)
  await breakLink(world.services, { partner, account: 'account-of-lin', reason: 'consent-revoked' })
  await world.follow()
  expect(await world.bit(link.status)).toBe(1)
  const refused = await world.call('youku', 'POST', '/v1/entitlement-tokens', { linkId: link.id })
  expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([409, 'nothing-entitled'])
  const again = await world.link(member.id, 'account-of-lin')
  await world.follow()
  expect([await world.bit(link.status), await world.bit(again.status)]).toEqual([1, 0])
})
