import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { noteUses, type QuotaUse, remainingOf } from '../../functions/entitlements/quota-use.ts'
import { linkWithUses } from '../../functions/links/find-links.ts'
import { parseLine } from '../../functions/usage/parse.ts'
import type { ReceivedLine } from '../../functions/usage/read.ts'
import type { LinkedEntitlement } from '../../schemas/entitlement.ts'
import { instant, membershipWorld, standing } from '../memberships/world.ts'

const allowance = (quota: object, validFrom = '2026-01-01T00:00:00Z') =>
  ({ id: 'ent_1', timeZone: 'Asia/Shanghai', validFrom, quota }) as unknown as LinkedEntitlement
const used = (period: string, quantity: number) => ({ entitlement: 'ent_1', period, quantity }) as QuotaUse
const monthly = { per: 'P1M', limit: 4, rollover: false }

describe('what remains of a quota', () => {
  it.each<[string, object, [string, number][], string, number]>([
    ['nothing used', monthly, [], '2026-10-03T00:00:00Z', 4],
    [
      'some used',
      monthly,
      [
        ['2026-10', 1],
        ['2026-10', 2],
      ],
      '2026-10-03T00:00:00Z',
      1,
    ],
    ['more than there was', monthly, [['2026-10', 9]], '2026-10-03T00:00:00Z', 0],
    ['another month', monthly, [['2026-09', 4]], '2026-10-03T00:00:00Z', 4],
    ['the month of the place, not of UTC', monthly, [['2026-10', 3]], '2026-09-30T16:00:00Z', 1],
    ['a day', { ...monthly, per: 'P1D' }, [['2026-10-03', 3]], '2026-10-03T00:00:00Z', 1],
    ['a year', { ...monthly, per: 'P1Y' }, [['2026', 3]], '2026-10-03T00:00:00Z', 1],
    ['carried whole', { ...monthly, rollover: true }, [], '2026-10-03T00:00:00Z', 8],
    [
      'carried in part',
      { ...monthly, rollover: true },
      [
        ['2026-09', 3],
        ['2026-10', 2],
      ],
      '2026-10-03T00:00:00Z',
      3,
    ],
    ['carried one period on only', { ...monthly, rollover: true }, [['2026-09', 4]], '2026-10-03T00:00:00Z', 4],
    ['not carried below zero', { ...monthly, rollover: true }, [['2026-09', 7]], '2026-10-03T00:00:00Z', 4],
  ])('%s', (_, quota, uses, now, expected) => {
    const noted = uses.map(([period, quantity]) => used(period, quantity))
    expect(remainingOf(allowance(quota), noted, instant(now))).toBe(expected)
  })

  it('carries nothing from before it was live', () => {
    const young = allowance({ ...monthly, rollover: true }, '2026-10-01T00:00:00Z')
    expect(remainingOf(young, [], instant('2026-10-03T00:00:00Z'))).toBe(4)
  })

  it('is undefined without a quota, and counts no other entitlement', () => {
    expect(
      remainingOf(
        { ...allowance(monthly), quota: undefined } as LinkedEntitlement,
        [],
        instant('2026-10-03T00:00:00Z'),
      ),
    ).toBeUndefined()
    const other = { ...used('2026-10', 3), entitlement: 'ent_2' } as QuotaUse
    expect(remainingOf(allowance(monthly), [other], instant('2026-10-03T00:00:00Z'))).toBe(4)
  })

  it('is never negative and never more than the limit and one carried rest', () => {
    const uses = fc.array(
      fc.record({ period: fc.constantFrom('2026-08', '2026-09', '2026-10'), quantity: fc.integer({ min: 1, max: 9 }) }),
    )
    fc.assert(
      fc.property(uses, fc.integer({ min: 1, max: 9 }), fc.boolean(), (noted, limit, rollover) => {
        const all = noted.map(({ period, quantity }) => used(period, quantity))
        const rest = remainingOf(allowance({ per: 'P1M', limit, rollover }), all, instant('2026-10-03T00:00:00Z')) ?? -1
        expect(rest).toBeGreaterThanOrEqual(0)
        expect(rest).toBeLessThanOrEqual(rollover ? 2 * limit : limit)
      }),
    )
  })
})

describe('noting uses', () => {
  const noted = async (...events: object[]) => {
    const world = await membershipWorld()
    const { id } = await world.sellTo('lin')
    const link = await world.link('lin', 'e-lin', { partner: 'eleme' })
    const entitlement = await standing(world, id, 'eleme-5off')
    const lines = events.map((event, index) => {
      const base = { entitlementId: entitlement?.id, benefit: 'eleme-5off', subject: entitlement?.subject }
      const text = JSON.stringify({ id: 'e1', occurredAt: '2026-10-02T00:00:00Z', ...base, ...event })
      const { event: parsed } = parseLine(Buffer.from(text), index + 1)
      return { receivedAt: '2026-10-03T00:00:00Z', event: parsed } as unknown as ReceivedLine
    })
    await noteUses(world.needs, 'eleme', lines)
    await noteUses(world.needs, 'eleme', lines)
    const found = await linkWithUses(world.needs, link.id)
    const [linked] = found?.link.entitlements ?? []
    return {
      uses: found?.uses.map(({ event, quantity }) => [event, quantity]),
      remaining: linked && remainingOf(linked, found?.uses ?? [], instant('2026-10-03T00:00:00Z')),
    }
  }

  it('counts an event once, however often it is seen', async () => {
    expect(await noted({ quantity: 2 }, { quantity: 2 }, { id: 'e2' })).toEqual({
      uses: [
        ['e1', 2],
        ['e2', 1],
      ],
      remaining: 1,
    })
  })

  it('gives back what a reversal takes back, once and for good', async () => {
    const taken = await noted(
      { quantity: 2 },
      { id: 'e2' },
      { id: 'e3', type: 'reversal', reverses: 'e1', quantity: 2 },
      { id: 'e4', type: 'reversal', reverses: 'e1', quantity: 2 },
      { quantity: 2 },
    )
    expect(taken.remaining).toBe(3)
  })

  it('leaves out what reconciliation would not count', async () => {
    expect(
      await noted(
        { occurredAt: '2026-09-30T23:59:59Z' },
        { subject: 'sub_00000000000000000000000009' },
        { benefit: 'youku-vip' },
        { entitlementId: 'ent_00000000000000000000000009' },
        { type: 'reversal', reverses: 'e0' },
      ),
    ).toEqual({ uses: [], remaining: 4 })
  })
})
