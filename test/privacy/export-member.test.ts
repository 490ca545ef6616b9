import { describe, expect, it } from 'vitest'
import { choose } from '../../functions/entitlements/choose.ts'
import { noteUses } from '../../functions/entitlements/quota-use.ts'
import { exportMember } from '../../functions/privacy/export-member.ts'
import { UsageEvent } from '../../schemas/usage.ts'
import { benefit, identityIssuer, instant, membershipWorld, standing } from '../memberships/world.ts'

const lin = { issuer: identityIssuer, subject: 'lin' }

describe('an export', () => {
  it('holds the member’s whole past: what was bought, linked, used and logged', async () => {
    const world = await membershipWorld({}, { relinkCooldown: 'P1D' })
    const sold = await world.sellTo('lin', { member: { ...lin, attributes: { naughtyScore: 7 } } })
    const member = await world.memberOf('lin')
    const first = await world.link('lin', 'y-1')
    await world.unlink('lin')
    world.moveTo('2026-10-03T00:00:00Z')
    const second = await world.link('lin', 'y-2')
    const eleme = await world.link('lin', 'e-1', { partner: 'eleme' })
    const metered = await standing(world, sold.id, 'eleme-5off')
    const event = UsageEvent.parse({
      id: 'use-1',
      entitlementId: metered?.id,
      benefit: 'eleme-5off',
      subject: eleme.subject,
      occurredAt: '2026-10-03T04:00:00Z',
    })
    const receivedAt = instant('2026-10-03T05:00:00Z')
    await noteUses(world.needs, 'eleme', [{ event, receivedAt }] as Parameters<typeof noteUses>[2])
    await world.sellTo('wang')
    await world.link('wang', 'y-1')
    world.moveTo('2026-10-04T00:00:00Z')

    const document = await exportMember(world.needs, lin)
    expect(document).toMatchObject({
      format: 'tessera-member-export',
      formatVersion: 1,
      exportedAt: '2026-10-04T00:00:00Z',
      identity: { ...lin, member: member.id, attributes: { naughtyScore: 7 }, since: '2026-10-01T00:00:00Z' },
      memberships: [{ id: sold.id, paid: { amountMinor: 8800 }, state: 'active', externalId: 'order-lin' }],
      uses: [{ event: 'use-1', link: eleme.id, period: '2026-10', quantity: 1 }],
      leftOut: [],
    })
    expect(document.links.map(({ id, account, state }) => [id, account, state])).toEqual([
      [first.id, 'y-1', 'ended'],
      ...[second, eleme].toSorted((a, b) => (a.id < b.id ? -1 : 1)).map(({ id, account }) => [id, account, 'active']),
    ])
    expect(document.links.every(({ consentedAt }) => consentedAt)).toBe(true)
    const windows = document.entitlements.flatMap(held => (held.link === second.id ? held.windows : []))
    expect(windows).toEqual([{ from: '2026-10-03T00:00:00Z' }])
    expect(document.activity.map(({ action }) => action)).toEqual([
      'linked',
      'unlinked',
      'linked',
      'linked',
      'data-exported',
    ])
    const partners = document.pairwiseSubjects.map(({ partner }) => partner)
    expect(partners.toSorted()).toEqual(['eleme', 'xiami', 'youku'])
    expect(document.elsewhere.map(({ what }) => what).join()).toContain('usage lines')
    expect(JSON.stringify(document)).not.toContain('wang')
  })

  it('names what was chosen', async () => {
    const world = await membershipWorld({
      choiceGroups: [{ id: 'music', choose: 1 }],
      benefits: ['a', 'b'].map(id => benefit(id, 'xiami', { choiceGroup: 'music', linkRequired: false })),
    })
    const { id, entitlements } = await world.sellTo('lin')
    expect(entitlements).toHaveLength(2)
    const { id: member } = await world.memberOf('lin')
    await choose(world.needs, { member, programme: '88vip', group: 'music', benefits: ['a'] })
    const document = await exportMember(world.needs, lin)
    expect(document.choices).toEqual([
      { membership: id, choiceGroup: 'music', benefit: 'a', chosenAt: '2026-10-01T00:00:00Z' },
    ])
  })

  it('of somebody who never had a membership says so, and logs nothing', async () => {
    const world = await membershipWorld()
    const document = await exportMember(world.needs, { issuer: identityIssuer, subject: 'nobody' })
    expect(document.identity).toEqual({ issuer: identityIssuer, subject: 'nobody' })
    expect([document.memberships, document.links, document.activity]).toEqual([[], [], []])
  })

  it('of more entitlements than a membership remembers says that there may be others', async () => {
    const world = await membershipWorld({
      benefits: Array.from({ length: 34 }, (_, index) => benefit(`youku-${index}`, 'youku')),
    })
    const { id } = await world.sellTo('lin')
    const entitlementsLeftOut = async () => {
      const { leftOut, entitlements } = await exportMember(world.needs, lin)
      return { leftOut, ended: entitlements.filter(({ state }) => state !== 'offered').length }
    }
    for (const day of ['02', '03', '04']) {
      if (day === '04') expect(await entitlementsLeftOut()).toEqual({ leftOut: [], ended: 68 })
      world.moveTo(`2026-10-${day}T00:00:00Z`)
      await world.link('lin', 'y-1')
      await world.unlink('lin')
    }
    const said = `entitlements: of ${id} those that stand and the latest 100 that ended`
    expect(await entitlementsLeftOut()).toEqual({ leftOut: [expect.stringContaining(said)], ended: 100 })
  })

  it('names what is kept elsewhere for long: consents of flows that began at a partner, and tokens of partners', async () => {
    const world = await membershipWorld()
    const { elsewhere } = await exportMember(world.needs, { issuer: identityIssuer, subject: 'nobody' })
    const told = elsewhere.map(({ what, why }) => `${what}: ${why}`).join()
    expect(told).toMatch(/consents to links that were begun at a partner.*180 days/)
    expect(told).toMatch(/refresh tokens of partners.*when the link ends/)
  })

  it('of more than one document takes says what it leaves out', async () => {
    const world = await membershipWorld({}, { relinkCooldown: 'P1D' })
    await world.sellTo('lin')
    for (const day of ['02', '04', '06']) {
      world.moveTo(`2026-10-${day}T00:00:00Z`)
      await world.link('lin', `y-${day}`)
      await world.unlink('lin')
    }
    const most = { memberships: 1, entitlements: 2, links: 1, activity: 4, uses: 0 }
    const document = await exportMember(world.needs, lin, most)
    const counts = [document.memberships, document.entitlements, document.links, document.activity]
    expect(counts.map(({ length }) => length)).toEqual([1, 2, 1, 4])
    expect(document.leftOut.map(line => line.split(':')[0])).toEqual(['entitlements', 'activity', 'links'])
  })
})
