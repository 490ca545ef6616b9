import { describe, expect, it } from 'vitest'
import { breakLink } from '../../functions/links/break-link.ts'
import { linksOfAccount } from '../../functions/links/find-links.ts'
import { membershipWorld, race } from '../memberships/world.ts'
import { statusWorld } from '../tokens/status-world.ts'

const partner = 'youku'
const account = 'account-1'

async function broken(reason: 'consent-revoked' | 'account-closed') {
  const world = await membershipWorld()
  await world.sellTo('lin')
  const link = await world.link('lin', account)
  world.moveTo('2026-10-02T00:00:00Z')
  await breakLink(world.needs, { partner, account, reason })
  world.moveTo('2026-10-03T00:00:00Z')
  return { world, link }
}

describe('a broken link that another one takes the place of', () => {
  it('of the same account ends as relinked', async () => {
    const { world, link } = await broken('consent-revoked')
    const before = await world.linkRecord(link.id)
    const fresh = await world.link('lin', account)
    expect(await world.linkRecord(link.id)).toEqual({ ...before, state: 'ended', reason: 'relinked', seq: 3 })
    expect(await linksOfAccount(world.needs, partner, account)).toMatchObject([
      { id: link.id, state: 'ended' },
      { id: fresh.id, state: 'active' },
    ])
    // The old one cannot end the new one.
    expect(await breakLink(world.needs, { partner, link: link.id, reason: 'account-closed' })).toEqual([])
    expect(await world.unlink('lin')).toMatchObject({ id: fresh.id, state: 'ended', reason: 'member' })
    expect(await world.linkRecord(link.id)).toMatchObject({ state: 'ended', reason: 'relinked', seq: 3 })
  })

  it('of another account ends as relinked, there too', async () => {
    const { world, link } = await broken('account-closed')
    const fresh = await world.link('lin', 'account-2')
    expect(await world.linkRecord(link.id)).toMatchObject({ state: 'ended', reason: 'relinked' })
    expect(await linksOfAccount(world.needs, partner, account)).toMatchObject([{ id: link.id, state: 'ended' }])
    expect(await linksOfAccount(world.needs, partner, 'account-2')).toMatchObject([{ id: fresh.id, state: 'active' }])
  })

  it('ends once, whoever links at the same time', async () => {
    const { world, link } = await broken('account-closed')
    const names = [account, 'account-2', 'account-3']
    const { won, refused } = await race(names.map(name => () => world.link('lin', name)))
    expect([won.length, refused]).toEqual([1, ['already-linked', 'already-linked']])
    expect(await world.linkRecord(link.id)).toMatchObject({ state: 'ended', reason: 'relinked', seq: 3 })
  })

  it('fits the transaction under the largest programme there may be', async () => {
    const benefits = Array.from({ length: 50 }, (_, index) => ({
      id: `benefit-${index}`,
      partner: index < 45 ? 'youku' : 'eleme',
      kind: 'access',
      category: 'video',
      linkRequired: true,
      name: { en: 'Benefit' },
    }))
    const world = await membershipWorld({ benefits })
    await world.sellTo('lin')
    await world.link('lin', account)
    await breakLink(world.needs, { partner, account, reason: 'account-closed' })
    expect((await world.link('lin', 'account-2')).entitlements.length).toBeGreaterThanOrEqual(45)
  })
})

it('the bit of a link that was relinked stays 1', async () => {
  const world = await statusWorld()
  const { member } = await world.sold('lin')
  const link = await world.link(member.id, account)
  await world.follow()
  await breakLink(world.services, { partner, account, reason: 'account-closed' })
  const fresh = await world.link(member.id, 'account-2')
  await world.follow()
  expect(await world.record(link.id)).toMatchObject({ state: 'ended' })
  expect([await world.bit(link.status), await world.bit(fresh.status)]).toEqual([1, 0])
})
