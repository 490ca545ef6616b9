import { describe, expect, it } from 'vitest'
import { advanceMembership } from '../../functions/memberships/change.ts'
import { bodyOf, issuer } from '../support/gateway.ts'
import { type StatusWorld, statusWorld } from './status-world.ts'

const linked = async (world: StatusWorld, subject = 'lin') => {
  const { id: membership, member } = await world.sold(subject)
  const link = await world.link(member.id, `account-of-${subject}`)
  await world.follow()
  return { membership, member: member.id, link: link.id, status: link.status }
}

describe('the bit of a link', () => {
  it('is 2 while the membership is suspended, 0 before and after, and 1 for good once it is refunded', async () => {
    const world = await statusWorld()
    const { membership, link, status } = await linked(world)
    expect(status).toBeDefined()
    expect(await world.bit(status)).toBe(0)
    await world.act(membership, 'suspend')
    await world.follow()
    expect(await world.bit(status)).toBe(2)
    await world.act(membership, 'resume')
    await world.follow()
    expect(await world.bit(status)).toBe(0)
    expect((await world.record(link)).status).toEqual(status)
    await world.act(membership, 'refund')
    await world.follow()
    expect(await world.bit(status)).toBe(1)
    expect((await world.record(link)).status).toBeUndefined()
    // The same member buys again: the link speaks again, under an index of its own.
    await bodyOf(
      await world.call('alibaba', 'POST', '/v1/memberships', {
        programme: '88vip',
        plan: 'annual',
        member: { issuer: 'https://identity.example', subject: 'lin' },
        paid: { amountMinor: 88_800, currency: 'CNY' },
        externalId: 'order-again',
      }),
      201,
    )
    await world.follow()
    const again = (await world.record(link)).status
    expect(again).toBeDefined()
    expect(again).not.toEqual(status)
    expect([await world.bit(status), await world.bit(again)]).toEqual([1, 0])
  })

  it('is 1 for good once it is unlinked, and linking again draws a fresh one', async () => {
    const world = await statusWorld()
    const { member, link, status } = await linked(world)
    await world.unlink(member)
    await world.follow()
    expect(await world.bit(status)).toBe(1)
    expect(await world.record(link)).toMatchObject({ state: 'ended', status })
    const again = await world.link(member, 'account-of-lin')
    await world.follow()
    expect(again.status).not.toEqual(status)
    expect([await world.bit(status), await world.bit(again.status)]).toEqual([1, 0])
  })

  it('is 1 for good once it is unlinked while suspended', async () => {
    const world = await statusWorld()
    const { membership, member, status } = await linked(world)
    await world.act(membership, 'suspend')
    await world.follow()
    await world.unlink(member)
    await world.act(membership, 'resume')
    await world.follow()
    expect(await world.bit(status)).toBe(1)
  })

  it('is retired by another choice, but not by the first one', async () => {
    const world = await statusWorld()
    const { member, link, status } = await linked(world)
    await world.choose(member, 'youku-vip')
    expect((await world.record(link)).status).toEqual(status)
    const uri = `${issuer}/status-lists/youku/${status?.list}`
    expect(await world.statusOfToken(link)).toEqual({ idx: status?.index, uri })
    world.pass(2 * 86_400)
    await world.choose(member, 'youku-kids')
    await world.follow()
    const after = await world.record(link)
    expect(after.entitlements.filter(({ state }) => state === 'active').map(({ benefit }) => benefit)).toEqual(
      expect.arrayContaining(['youku-news', 'youku-kids']),
    )
    expect(after.status).not.toEqual(status)
    expect([await world.bit(status), await world.bit(after.status)]).toEqual([1, 0])
    expect(await world.statusOfToken(link)).toEqual({ idx: after.status?.index, uri })
  })

  it('outlives a renewal and a cancellation, but not a limit that is cut', async () => {
    const world = await statusWorld()
    const { membership, link, status } = await linked(world)
    await world.apply(3)
    await world.act(membership, 'renew')
    await world.act(membership, 'cancel')
    expect(await world.record(link)).toMatchObject({
      status,
      entitlements: expect.arrayContaining([expect.objectContaining({ state: 'ending', limits: { streams: 3 } })]),
    })
    await world.apply(1)
    await world.act(membership, 'renew')
    await world.follow()
    const after = await world.record(link)
    expect(after.status).not.toEqual(status)
    expect([await world.bit(status), await world.bit(after.status)]).toEqual([1, 0])
  })

  it('is 1 once the term is over, without anybody doing anything', async () => {
    const world = await statusWorld()
    const { membership, link, status } = await linked(world)
    world.pass(366 * 86_400)
    await advanceMembership(world.services, membership)
    await world.follow()
    expect(await world.bit(status)).toBe(1)
    expect((await world.record(link)).status).toBeUndefined()
  })

  it('is one of many: what happens to one link touches no other, at this partner or another', async () => {
    const world = await statusWorld()
    const { membership, member, status } = await linked(world)
    const neighbour = await linked(world, 'wang')
    const elsewhere = await world.link(member, 'account-at-eleme', 'eleme')
    await world.unlink(member)
    await world.act(neighbour.membership, 'suspend')
    await world.follow()
    expect(await world.bit(status)).toBe(1)
    expect(await world.bit(neighbour.status)).toBe(2)
    expect(await world.bit(elsewhere.status, 'eleme')).toBe(0)
    await world.act(membership, 'suspend')
    await world.act(neighbour.membership, 'resume')
    await world.follow()
    expect([await world.bit(status), await world.bit(neighbour.status)]).toEqual([1, 0])
    expect(await world.bit(elsewhere.status, 'eleme')).toBe(2)
  })
})
