import { describe, expect, it } from 'vitest'
import type { Table } from '../../functions/kernel/table.ts'
import { breakLink } from '../../functions/links/break-link.ts'
import { linkWithQuota } from '../../functions/links/find-links.ts'
import { claimsOfLink } from '../../functions/tokens/mint.ts'
import type { LinkId } from '../../schemas/ids.ts'
import { standing } from '../memberships/world.ts'
import { benefit, redemptionWorld, refused } from './world.ts'

const exhausted = { code: 'quota-exhausted' }
const unbound = (quota: object) =>
  benefit('free', 'eleme', { kind: 'allowance', linkRequired: false, quota: { per: 'P1M', limit: 4, ...quota } })

/** A member with four a month of what needs no link, told by the link at eleme, who can leave it and come back. */
async function relinkWorld({ quota = {}, around }: { quota?: object; around?: (table: Table) => Table } = {}) {
  const world = await redemptionWorld({ more: [unbound(quota)], ...(around && { around }) })
  const entitlement = await standing(world.members, world.membership.id, 'free')
  const about = { entitlementId: entitlement?.id, benefit: 'free' }
  let linkId: LinkId = world.linkId
  return {
    ...world,
    holdFree: (id: string, quantity = 1) => world.hold(id, { linkId, benefit: 'free', quantity }),
    reportFree: (...events: object[]) => world.report(...events.map(event => ({ ...about, ...event }))),
    freeLine: (event: object) => world.lineOf({ ...about, ...event }),
    async leave() {
      await world.members.unlink('lin', 'eleme')
    },
    async comeBack() {
      linkId = (await world.members.link('lin', 'e-lin', { partner: 'eleme' })).id
    },
    /** What the token of the present link says. */
    async rem(): Promise<number | undefined> {
      const claims = await claimsOfLink({ ...world.needs, issuer: 'https://tessera.example' }, 'eleme', linkId)
      if (typeof claims === 'string') throw new Error(claims)
      return claims.ent.find(({ bid }) => bid === 'free')?.rem
    },
    counted: async () => (await linkWithQuota(world, 'eleme', linkId))?.used[entitlement?.id ?? ''],
  }
}
type RelinkWorld = Awaited<ReturnType<typeof relinkWorld>>

async function relink(world: RelinkWorld) {
  await world.leave()
  await world.comeBack()
}

describe('an allowance that needs no link, once its member has linked again', () => {
  it('is not given afresh: what was captured stays taken', async () => {
    const world = await relinkWorld()
    await world.holdFree('till-1', 4)
    await world.capture('till-1')
    await relink(world)
    expect(await world.rem()).toBe(0)
    expect(await refused(world.holdFree('till-2'))).toMatchObject(exhausted)
    await relink(world)
    expect(await world.rem()).toBe(0)
    expect(await refused(world.holdFree('till-3'))).toMatchObject(exhausted)
    world.moveTo('2026-11-10T00:00:00Z')
    expect(await world.holdFree('till-4', 4)).toMatchObject({ remaining: 0 })
  })

  it('is counted on from a link that was broken', async () => {
    const world = await relinkWorld()
    await world.holdFree('till-1', 3)
    const account = { partner: 'eleme', account: 'e-lin', reason: 'consent-revoked' } as const
    await breakLink(world.members.needs, account)
    await world.comeBack()
    expect(await world.rem()).toBe(1)
  })

  it.each<[string, (world: RelinkWorld) => Promise<unknown>, number]>([
    ['captured', world => world.capture('till-1'), 1],
    ['voided', world => world.void('till-1'), 4],
    ['expired', async world => [world.later(900), await world.expire()], 4],
  ])('what was held under the former link and is %s then counts once', async (_, settle, left) => {
    const world = await relinkWorld()
    await world.holdFree('till-1', 3)
    await relink(world)
    expect(await world.rem()).toBe(1)
    await relink(world)
    await settle(world)
    expect(await world.rem()).toBe(left)
    expect((await world.counted())?.holds ?? []).toEqual([])
  })

  it('events count once, whichever link they came under, and so do reversals', async () => {
    const world = await relinkWorld()
    const first = world.freeLine({ id: 'use-1', quantity: 2 })
    await world.note(first)
    await relink(world)
    expect(await world.rem()).toBe(2)
    await world.note(first)
    await world.reportFree({ id: 'use-2' })
    expect(await world.rem()).toBe(1)
    await relink(world)
    await world.reportFree({ type: 'reversal', reverses: 'use-1', quantity: 2 })
    expect(await world.rem()).toBe(3)
  })

  it('an event names the redemption of the former link', async () => {
    const world = await relinkWorld()
    await world.holdFree('till-1', 2)
    await world.capture('till-1')
    await relink(world)
    await world.reportFree({ quantity: 2, redemptionId: 'till-1' })
    expect(await world.rem()).toBe(2)
  })

  it('an event between the links counts for the next one', async () => {
    const world = await relinkWorld()
    await world.leave()
    await world.reportFree({ quantity: 3 })
    await world.comeBack()
    expect(await world.rem()).toBe(1)
  })

  it('carries what the former link left, of the period before too', async () => {
    const world = await relinkWorld({ quota: { rollover: true } })
    await world.holdFree('till-1', 3)
    await world.capture('till-1')
    await relink(world)
    world.moveTo('2026-11-10T00:00:00Z')
    expect(await world.rem()).toBe(5)
  })

  it('loses nothing to who settles or reports while the member links', async () => {
    for (let round = 0; round < 5; round++) {
      const world = await relinkWorld()
      await world.holdFree('till-1', 2)
      await world.holdFree('till-2')
      await world.leave()
      await Promise.all([
        world.comeBack(),
        world.capture('till-1'),
        world.void('till-2'),
        world.reportFree({ id: 'use-1' }),
      ])
      expect(await world.rem()).toBe(1)
    }
  })

  it('a bound allowance begins anew with its new entitlement', async () => {
    const world = await relinkWorld()
    await world.hold('till-1', { quantity: 4 })
    await relink(world)
    await world.capture('till-1')
    expect(await world.rem()).toBe(4)
  })
})
