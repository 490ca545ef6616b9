import { describe, expect, it } from 'vitest'
import type { Table } from '../../functions/kernel/table.ts'
import { recordActivity } from '../../functions/links/activity.ts'
import { breakLink } from '../../functions/links/break-link.ts'
import { linksOfAccount } from '../../functions/links/find-links.ts'
import { partnerTokenWrite } from '../../functions/links/partner-token.ts'
import { findMember } from '../../functions/memberships/find-member.ts'
import { isSignedOut } from '../../functions/memberships/sign-out-everywhere.ts'
import { eraseDue, eraseMember } from '../../functions/privacy/erase-member.ts'
import { identityIssuer, instant, type MembershipWorld, membershipWorld } from '../memberships/world.ts'
import { comparable, everyItem, itemsWith } from './items.ts'

const lin = { issuer: identityIssuer, subject: 'subject-of-lin' }
const secret = 'attribute-of-lin'
const accounts = ['first-account-of-lin', 'second-account-of-lin', 'eleme-account-of-lin']
const names = [lin.subject, secret, ...accounts]

/**
 * A member with a past: an account that is another member's by now, one that is linked, one whose link is broken, a
 * partner's token that was kept, and a log.
 */
async function memberWithPast() {
  const world = await membershipWorld({}, { relinkCooldown: 'P1D' })
  const sold = await world.sellTo(lin.subject, {
    member: { ...lin, attributes: { hobby: secret } },
    externalId: 'order-7',
  })
  const member = await world.memberOf(lin.subject)
  await world.link(lin.subject, 'shared-account')
  await world.unlink(lin.subject)
  world.moveTo('2026-10-03T00:00:00Z')
  await world.link(lin.subject, accounts[0] ?? '')
  await world.unlink(lin.subject)
  world.moveTo('2026-10-05T00:00:00Z')
  const kept = async (link: Parameters<typeof partnerTokenWrite>[1]['link']) => [
    await partnerTokenWrite(world.needs, { link, partner: 'youku', refreshToken: 'refresh' }),
  ]
  const link = await world.link(lin.subject, accounts[1] ?? '', { alongside: kept })
  const eleme = await world.link(lin.subject, accounts[2] ?? '', { partner: 'eleme' })
  await breakLink(world.needs, { partner: 'eleme', reason: 'consent-revoked', link: eleme.id })
  await world.sellTo('wang')
  const wangs = await world.link('wang', 'shared-account')
  world.moveTo('2026-10-06T00:00:00Z')
  return { world, member, sold, link, eleme, wangs }
}

const stored = ({ tableName }: MembershipWorld) => everyItem(tableName)
const withoutEvents = async (world: MembershipWorld) =>
  (await stored(world)).filter(({ itemKind }) => itemKind !== 'outgoing-event')

describe('an erasure', () => {
  it('leaves nothing that names the member, but what partners must still be told', async () => {
    const { world, member } = await memberWithPast()
    const before = await stored(world)
    for (const name of names) expect(itemsWith(before, [name]), name).not.toEqual([])
    expect(await eraseMember(world.needs, member.id)).toEqual({ isDone: true })
    expect(itemsWith(await withoutEvents(world), names)).toEqual([])
    const kinds = (await stored(world)).map(({ itemKind }) => itemKind)
    expect(kinds).not.toContain('partner-token')
    const log = (await stored(world)).filter(({ pk, sk }) => pk === `MEMBER#${member.id}` && sk.startsWith('ACTIVITY#'))
    expect(log).toEqual([])
  })

  it('ends memberships and links, and tells the partner of each link that stood', async () => {
    const { world, member, sold, link, eleme } = await memberWithPast()
    await eraseMember(world.needs, member.id)
    const view = await world.view(sold.id)
    expect(view).toMatchObject({
      state: 'ended',
      endedReason: 'erased',
      endedAt: '2026-10-06T00:00:00Z',
      externalId: 'order-7',
      member: { issuer: 'erased', subject: 'erased' },
    })
    expect(view.entitlements.map(({ state }) => state)).not.toContain('active')
    const youku = view.entitlements.find(held => held.link === link.id)
    expect(youku).toMatchObject({
      state: 'revoked',
      subject: member.subjects['youku'],
      windows: [{ from: '2026-10-05T00:00:00Z', until: '2026-10-06T00:00:00Z' }],
    })
    expect(await world.linkRecord(link.id)).toMatchObject({ state: 'ended', reason: 'erased', entitlements: [] })
    expect(await world.linkRecord(eleme.id)).toMatchObject({ state: 'ended', reason: 'consent-revoked' })
    const events = (await stored(world)).filter(item => item.itemKind === 'outgoing-event' && item['link'] === link.id)
    expect(events).toMatchObject([{ partner: 'youku', account: accounts[1], reason: 'erased', state: 'ended' }])
  })

  it('takes nothing from another member who has one of the accounts now', async () => {
    const { world, member, wangs } = await memberWithPast()
    await eraseMember(world.needs, member.id)
    expect((await linksOfAccount(world.needs, 'youku', 'shared-account')).map(({ id }) => id)).toEqual([wangs.id])
    expect(await world.linkRecord(wangs.id)).toMatchObject({ state: 'active', account: 'shared-account' })
    expect(await linksOfAccount(world.needs, 'youku', accounts[0] ?? '')).toEqual([])
  })

  it('ends sessions, and makes the same person a new member at the next sale', async () => {
    const { world, member, sold } = await memberWithPast()
    await eraseMember(world.needs, member.id)
    expect(await isSignedOut(world.needs, { ...lin, startedAt: instant('2026-10-06T00:00:00Z') })).toBe(true)
    expect(await isSignedOut(world.needs, { ...lin, startedAt: instant('2026-10-06T00:00:00.001Z') })).toBe(false)
    expect(await findMember(world.needs, lin)).toBeUndefined()
    const again = { member: { ...lin, attributes: { hobby: secret } }, externalId: 'order-7' }
    await expect(world.sellTo(lin.subject, again)).rejects.toMatchObject({ code: 'external-id-reused' })
    const next = await world.sellTo(lin.subject, { externalId: 'order-8' })
    expect(next.member).not.toBe(sold.member)
    const anew = await world.link(lin.subject, accounts[1] ?? '')
    expect(anew.subject).not.toBe(member.subjects['youku'])
    await eraseMember(world.needs, member.id)
    await eraseDue(world.needs)
    expect(await world.linkRecord(anew.id)).toMatchObject({ state: 'active', account: accounts[1] })
  })

  it('of nobody, and a second one, changes nothing', async () => {
    const { world, member } = await memberWithPast()
    await eraseMember(world.needs, member.id)
    const after = await stored(world)
    expect(await eraseMember(world.needs, member.id)).toEqual({ isDone: true })
    expect(await eraseDue(world.needs)).toBe(0)
    expect(await stored(world)).toEqual(after)
  })
})

it('an erasure takes a log along that is longer than one transaction', async () => {
  const world = await membershipWorld()
  const { member } = await world.sellTo('lin')
  const line = { at: instant('2026-10-01T00:00:00Z'), action: 'data-exported' } as const
  await Promise.all(Array.from({ length: 101 }, () => recordActivity(world.needs, member, line)))
  expect(await eraseMember(world.needs, member)).toEqual({ isDone: true })
  expect((await stored(world)).filter(({ itemKind }) => itemKind === 'activity')).toEqual([])
})

it('what is noted of an erased member is not written, from the first moment on', async () => {
  const { world, member } = await memberWithPast()
  const line = { at: instant('2026-10-06T00:00:00Z'), action: 'link-refused', partner: 'youku' } as const
  expect(await eraseMember({ ...world.needs, table: dying(world.table, 2, false) }, member.id)).toEqual({
    isDone: false,
  })
  await recordActivity(world.needs, member.id, line)
  const noted = async () => (await stored(world)).filter(item => item['action'] === 'link-refused')
  expect(await noted()).toEqual([])
  await eraseDue(world.needs)
  await recordActivity(world.needs, member.id, line)
  expect(await noted()).toEqual([])
  // One that was read as not erased and is written afterwards.
  const { get } = world.table
  const stale: Table = {
    ...world.table,
    get: (type, key) => (isFirst(key.pk) ? Promise.resolve(undefined) : get(type, key)),
  }
  let reads = 0
  const isFirst = (pk: string) => {
    reads += pk === `ERASURE#${member.id}` ? 1 : 0
    return reads === 1
  }
  await recordActivity({ ...world.needs, table: stale }, member.id, line)
  expect([reads, await noted()]).toEqual([2, []])
})

/** A table that dies at its n-th write: before it, or after it when only the answer is lost. */
function dying(table: Table, last: number, isWritten: boolean): Table {
  let writes = 0
  const until = async <T>(write: () => Promise<T>): Promise<T> => {
    writes += 1
    if (writes < last) return write()
    if (writes === last && isWritten) await write()
    throw new Error('killed')
  }
  return {
    ...table,
    commit: writes => until(() => table.commit(writes)),
    write: write => until(() => table.write(write)),
  }
}

describe('a crash', () => {
  const whole = async () => {
    const { world, member } = await memberWithPast()
    let writes = 0
    const count = <T>(work: Promise<T>): Promise<T> => {
      writes += 1
      return work
    }
    const { table } = world
    const counted: Table = { ...table, commit: all => count(table.commit(all)), write: one => count(table.write(one)) }
    await eraseMember({ ...world.needs, table: counted }, member.id)
    return { writes, after: comparable(await stored(world)) }
  }

  it('at any write leaves what a retry or the timer brings to the same end', async () => {
    const { writes, after } = await whole()
    expect(writes).toBeGreaterThan(8)
    for (let last = 1; last <= writes; last++) {
      const { world, member } = await memberWithPast()
      const isWritten = last % 2 === 0
      const broken = { ...world.needs, table: dying(world.table, last, isWritten) }
      const begun = last > 1
      if (begun) expect(await eraseMember(broken, member.id)).toEqual({ isDone: false })
      else await expect(eraseMember(broken, member.id)).rejects.toThrow('killed')
      if (begun) expect(await eraseDue(world.needs)).toBe(last === writes && isWritten ? 0 : 1)
      else expect(await eraseMember(world.needs, member.id)).toEqual({ isDone: true })
      expect(comparable(await stored(world)), `write ${last}`).toEqual(after)
    }
  }, 120_000)

  it('one that cannot be finished does not hold up the others', async () => {
    const { world, member } = await memberWithPast()
    const wang = await world.memberOf('wang')
    for (const { id } of [member, wang]) await eraseMember({ ...world.needs, table: dying(world.table, 2, false) }, id)
    const { get } = world.table
    const sick: Table = {
      ...world.table,
      get: (type, key) => (key.pk === `ERASURE#${member.id}` ? Promise.reject(new Error('sick')) : get(type, key)),
    }
    await expect(eraseDue({ ...world.needs, table: sick })).rejects.toThrow(AggregateError)
    expect(await eraseDue(world.needs)).toBe(1)
    expect(await eraseDue(world.needs)).toBe(0)
  })
})

describe('rivals', () => {
  it('two erasures at once end as one', async () => {
    const { world, member } = await memberWithPast()
    const outcomes = await Promise.all([1, 2, 3].map(() => eraseMember(world.needs, member.id)))
    expect(outcomes.some(({ isDone }) => isDone)).toBe(true)
    await eraseDue(world.needs)
    expect(itemsWith(await withoutEvents(world), names)).toEqual([])
    const told = (await stored(world)).filter(item => item.itemKind === 'outgoing-event' && item['reason'] === 'erased')
    expect(told).toHaveLength(1)
  })

  it('whatever the member does at the same time, no link stands and no name stays afterwards', async () => {
    for (let round = 0; round < 2; round++) {
      const { world, member, sold } = await memberWithPast()
      await world.unlink(lin.subject)
      const late = () => world.link(lin.subject, accounts[1] ?? '').catch(() => undefined)
      const outcomes = await Promise.all([
        late(),
        eraseMember(world.needs, member.id),
        late(),
        world.act(sold.id, 'renew').catch(() => undefined),
        world.act(sold.id, 'suspend', undefined, 'fraud').catch(() => undefined),
      ])
      if (!outcomes[1].isDone) await eraseDue(world.needs)
      expect(itemsWith(await withoutEvents(world), names)).toEqual([])
      expect(await world.view(sold.id)).toMatchObject({ state: 'ended', endedReason: 'erased' })
      const links = (await world.view(sold.id)).links
      expect(links.map(({ state }) => state)).not.toContain('active')
    }
  })
})
