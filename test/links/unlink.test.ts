import { describe, expect, it } from 'vitest'
import { activityOf } from '../../functions/links/activity.ts'
import { breakLink } from '../../functions/links/break-link.ts'
import { findPartnerToken, partnerTokenWrite } from '../../functions/links/partner-token.ts'
import { findAccount } from '../../functions/links/records.ts'
import { unlink } from '../../functions/links/unlink.ts'
import type { LinkId } from '../../schemas/ids.ts'
import { outgoingEvents } from '../events/outgoing.ts'
import { membershipWorld, race, standing } from '../memberships/world.ts'

const code = (expected: string) => ({ code: expected })

async function linked() {
  const world = await membershipWorld()
  const { id: membership } = await world.sellTo('lin')
  const link = await world.link('lin', 'account-1')
  return { world, membership, link, member: link.member }
}

describe('unlinking', () => {
  it.each(['member', 'partner', 'relinked', 'erased'] as const)(
    'by %s ends link, entitlement and kept token, frees the account and tells the partner, all at once',
    async reason => {
      const { world, membership, link, member } = await linked()
      const { needs, table } = world
      await table.write(await partnerTokenWrite(needs, { link: link.id, partner: 'youku', refreshToken: 'secret' }))
      world.moveTo('2026-10-02T00:00:00Z')
      const ended = await unlink(needs, { member, programme: '88vip', partner: 'youku', reason })
      expect(ended).toMatchObject({ state: 'ended', reason, endedAt: '2026-10-02T00:00:00Z', entitlements: [], seq: 2 })
      expect(await world.linkRecord(link.id)).toEqual(ended)
      expect(await standing(world, membership, 'youku-vip')).toMatchObject({ state: 'offered' })
      expect(await findPartnerToken(needs, link.id)).toBeUndefined()
      expect(await findAccount(table, 'youku', 'account-1')).toMatchObject({ live: {}, grants: {} })
      expect((await activityOf(needs, member)).items[0]).toMatchObject({ action: 'unlinked', reason, link: link.id })
      expect(await outgoingEvents(table, 'youku')).toEqual([
        {
          id: expect.stringMatching(/^evt_/),
          partner: 'youku',
          type: 'urn:tessera:event:link-ended',
          link: link.id,
          programme: '88vip',
          account: 'account-1',
          subject: link.subject,
          state: 'ended',
          reason,
          at: '2026-10-02T00:00:00Z',
          attempts: 0,
        },
      ])
    },
  )

  it('writes one event however many try, and each link has events of its own', async () => {
    const { world } = await linked()
    const { won, refused } = await race(Array.from({ length: 4 }, () => () => world.unlink('lin')))
    expect([won.length, refused]).toEqual([1, Array.from({ length: 3 }, () => 'link-not-found')])
    expect(await outgoingEvents(world.table, 'youku')).toHaveLength(1)
    await world.link('lin', 'account-1')
    await world.unlink('lin')
    const events = await outgoingEvents(world.table, 'youku')
    expect(new Set(events.map(({ id }) => id)).size).toBe(2)
  })

  it('leaves another link than the one that is meant as it is', async () => {
    const { world, link, member } = await linked()
    await world.unlink('lin')
    const again = await world.link('lin', 'account-1')
    const request = { member, programme: '88vip', partner: 'youku', reason: 'partner' as const }
    await expect(unlink(world.needs, { ...request, link: link.id })).rejects.toMatchObject(code('link-not-found'))
    expect(await world.linkRecord(again.id)).toMatchObject({ state: 'active' })
    expect(await unlink(world.needs, { ...request, link: again.id as LinkId })).toMatchObject({ state: 'ended' })
  })
})

describe('unlinking what is broken', () => {
  async function broken(reason: 'consent-revoked' | 'account-closed') {
    const all = await linked()
    await breakLink(all.world.needs, { partner: 'youku', account: 'account-1', reason })
    all.world.moveTo('2026-10-03T00:00:00Z')
    return all
  }

  it('ends it, and keeps why and when it broke; the partner was told then', async () => {
    const { world, link, member } = await broken('account-closed')
    const ended = await world.unlink('lin')
    expect(ended).toMatchObject({
      id: link.id,
      state: 'ended',
      reason: 'account-closed',
      endedAt: '2026-10-01T00:00:00Z',
      seq: 3,
    })
    expect((await activityOf(world.needs, member)).items.map(({ action }) => action)).toEqual([
      'unlinked',
      'link-broken',
      'linked',
    ])
    expect(await outgoingEvents(world.table, 'youku')).toHaveLength(1)
    await expect(world.unlink('lin')).rejects.toMatchObject(code('link-not-found'))
  })

  it('brings no cooldown where the account was closed, and takes none away where it was not', async () => {
    const closed = await broken('account-closed')
    await closed.world.unlink('lin')
    expect(await closed.world.link('lin', 'account-2')).toMatchObject({ state: 'active' })
    const revoked = await broken('consent-revoked')
    await revoked.world.unlink('lin')
    await expect(revoked.world.link('lin', 'account-2')).rejects.toMatchObject(code('relink-cooldown'))
  })

  it('does not touch the account that another member has linked since', async () => {
    const { world } = await broken('consent-revoked')
    await world.sellTo('wang')
    const theirs = await world.link('wang', 'account-1')
    await world.unlink('lin')
    expect(await findAccount(world.table, 'youku', 'account-1')).toMatchObject({
      live: { '88vip': theirs.id },
      grants: { 'youku-vip': theirs.id },
      links: [{ state: 'ended' }, { state: 'active' }],
    })
  })
})
