import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { usedOfQuota } from '../../functions/entitlements/quota-count.ts'
import { noteUses } from '../../functions/entitlements/quota-use.ts'
import { remainingOf } from '../../functions/entitlements/remaining.ts'
import { recordType } from '../../functions/kernel/table.ts'
import { linkWithQuota } from '../../functions/links/find-links.ts'
import { parseLine } from '../../functions/usage/parse.ts'
import type { ReceivedLine } from '../../functions/usage/read.ts'
import type { Entitlement, LinkedEntitlement, QuotaUse } from '../../schemas/entitlement.ts'
import { instant, type MembershipWorld, membershipWorld, standing } from '../memberships/world.ts'

const allowance = (quota: object, validFrom = '2026-01-01T00:00:00Z') =>
  ({ id: 'ent_1', timeZone: 'Asia/Shanghai', validFrom, quota }) as unknown as LinkedEntitlement
const usedIn = (periods: [string, number][], id = 'ent_1') => ({
  [id]: { used: Object.fromEntries(periods) },
})
const monthly = { per: 'P1M', limit: 4, rollover: false }

describe('what remains of a quota', () => {
  it.each<[string, object, [string, number][], string, number]>([
    ['nothing used', monthly, [], '2026-10-03T00:00:00Z', 4],
    ['some used', monthly, [['2026-10', 3]], '2026-10-03T00:00:00Z', 1],
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
    expect(remainingOf(allowance(quota), usedIn(uses), instant(now))).toBe(expected)
  })

  it('carries nothing from before it was live', () => {
    const young = allowance({ ...monthly, rollover: true }, '2026-10-01T00:00:00Z')
    expect(remainingOf(young, {}, instant('2026-10-03T00:00:00Z'))).toBe(4)
  })

  it('is undefined without a quota, and counts no other entitlement', () => {
    const unmetered = { ...allowance(monthly), quota: undefined } as unknown as LinkedEntitlement
    expect(remainingOf(unmetered, {}, instant('2026-10-03T00:00:00Z'))).toBeUndefined()
    const other = usedIn([['2026-10', 3]], 'ent_2')
    expect(remainingOf(allowance(monthly), other, instant('2026-10-03T00:00:00Z'))).toBe(4)
  })
})

const grant = (quota: object, from = '2026-01-01T00:00:00Z') =>
  ({ quota: { ...monthly, ...quota }, windows: [{ from }], timeZone: 'Asia/Shanghai' }) as unknown as Entitlement & {
    quota: NonNullable<Entitlement['quota']>
    link: string
  }
/** A use by its day of October 2026, or as an instant; `taken` is the day of its reversal. */
const use = (event: string, day: number | string, quantity: number, taken?: number) => {
  const at = (when: number | string) =>
    typeof when === 'string' ? when : `2026-10-${String(when).padStart(2, '0')}T00:00:00Z`
  return {
    event,
    occurredAt: at(day),
    period: at(day).slice(0, 7),
    quantity,
    ...(taken !== undefined && { reversal: { event: `${event}-back`, occurredAt: at(taken) } }),
  } as unknown as QuotaUse
}
const now = instant('2026-10-31T00:00:00Z')

describe('what is used of a quota', () => {
  it.each<[string, object, QuotaUse[], object]>([
    ['nothing', {}, [], {}],
    ['the sum', {}, [use('a', 1, 1), use('b', 2, 2)], { '2026-10': 3 }],
    [
      'not what does not fit whole, but a smaller one after it',
      {},
      [use('a', 1, 3), use('b', 2, 2), use('c', 3, 1)],
      { '2026-10': 4 },
    ],
    ['by time, not by the order of arrival', {}, [use('b', 2, 3), use('a', 1, 2)], { '2026-10': 2 }],
    ['by id at one instant', {}, [use('b', 1, 3), use('a', 1, 2)], { '2026-10': 2 }],
    ['not what was given back', {}, [use('a', 1, 3, 5), use('b', 6, 4)], { '2026-10': 4 }],
    ['what was given back only from then on', {}, [use('a', 1, 4, 5), use('b', 3, 1)], {}],
    ['nothing back for what never fitted', {}, [use('a', 1, 3), use('b', 2, 2, 3)], { '2026-10': 3 }],
    ['a reversal never before its use', {}, [use('a', 4, 4, 1), use('b', 5, 2)], { '2026-10': 2 }],
    ['no period that is over', {}, [use('a', '2026-09-10T00:00:00Z', 4), use('b', 1, 1)], { '2026-10': 1 }],
    [
      'the rest carried from the month before',
      { rollover: true },
      [use('a', '2026-09-10T00:00:00Z', 1), use('b', 1, 4), use('c', 2, 3), use('d', 3, 1)],
      { '2026-09': 1, '2026-10': 7 },
    ],
    [
      'no rest of a month before it was live',
      { rollover: true, from: '2026-10-01T00:00:00Z' },
      [use('b', 2, 4), use('c', 3, 1)],
      { '2026-10': 4 },
    ],
  ])('%s', (_, { from, ...quota }: { from?: string }, uses, expected) => {
    expect(usedOfQuota(grant(quota, from), uses, now)).toEqual(expected)
  })

  it('is the same whatever order the uses were noted in, and fits the limit', () => {
    const some = fc.uniqueArray(
      fc.record({ day: fc.integer({ min: 1, max: 30 }), quantity: fc.integer({ min: 1, max: 5 }), back: fc.boolean() }),
      { maxLength: 12, selector: ({ day }) => day },
    )
    fc.assert(
      fc.property(some, fc.integer({ min: 1, max: 9 }), fc.infiniteStream(fc.nat()), (days, limit, keys) => {
        const uses = days.map(({ day, quantity, back }) => use(`e${day}`, day, quantity, back ? day + 1 : undefined))
        const shuffled = uses.map(one => [keys.next().value, one] as const).sort((a, b) => a[0] - b[0])
        const used = usedOfQuota(grant({ limit }), uses, now)
        expect(
          usedOfQuota(
            grant({ limit }),
            shuffled.map(([, one]) => one),
            now,
          ),
        ).toEqual(used)
        expect(used['2026-10'] ?? 0).toBeLessThanOrEqual(limit)
      }),
    )
  })
})

const lineOf = (entitlement: Pick<Entitlement, 'id' | 'subject'> | undefined, event: object, index = 0) => {
  const base = { entitlementId: entitlement?.id, benefit: 'eleme-5off', subject: entitlement?.subject }
  const text = JSON.stringify({ id: 'e1', occurredAt: '2026-10-02T00:00:00Z', ...base, ...event })
  const { event: parsed } = parseLine(Buffer.from(text), index + 1)
  return { receivedAt: '2026-10-03T00:00:00Z', event: parsed } as unknown as ReceivedLine
}

async function linked(limit = 4) {
  const eleme = { id: 'eleme-5off', partner: 'eleme', category: 'food', linkRequired: true, name: { en: 'five off' } }
  const world = await membershipWorld({ benefits: [{ ...eleme, kind: 'allowance', quota: { per: 'P1M', limit } }] })
  const { id } = await world.sellTo('lin')
  const link = await world.link('lin', 'e-lin', { partner: 'eleme' })
  const entitlement = await standing(world, id, 'eleme-5off')
  return { world, link, entitlement }
}
async function remaining({ table }: MembershipWorld, link: string) {
  const found = await linkWithQuota({ table }, 'eleme', link)
  const [first] = found?.link.entitlements ?? []
  return first && found && remainingOf(first, found.used, instant('2026-10-03T00:00:00Z'))
}
const kindsAt = async ({ world }: { world: MembershipWorld }, partition: string) =>
  (await world.table.all(recordType('any', z.looseObject({})), { partition })).length

describe('noting uses', () => {
  const noted = async (...events: object[]) => {
    const { world, link, entitlement } = await linked()
    const lines = events.map((event, index) => lineOf(entitlement, event, index))
    await noteUses(world.needs, 'eleme', lines)
    await noteUses(world.needs, 'eleme', lines)
    return { uses: await kindsAt({ world }, `USES#${link.id}`), remaining: await remaining(world, link.id) }
  }

  it('counts an event once, however often it is seen', async () => {
    expect(await noted({ quantity: 2 }, { quantity: 2 }, { id: 'e2' })).toEqual({ uses: 2, remaining: 1 })
  })

  it('gives back what a reversal takes back, once and for good', async () => {
    const back = { type: 'reversal', reverses: 'e1', occurredAt: '2026-10-02T01:00:00Z', quantity: 2 }
    const taken = await noted(
      { quantity: 2 },
      { id: 'e2' },
      { id: 'e3', ...back },
      { id: 'e4', ...back },
      { quantity: 2 },
    )
    expect(taken.remaining).toBe(3)
  })

  it('leaves out what reconciliation would not count', async () => {
    expect(
      await noted(
        { occurredAt: '2026-09-30T23:59:59Z' },
        { occurredAt: '2026-10-03T00:05:01Z' },
        { subject: 'sub_00000000000000000000000009' },
        { benefit: 'youku-vip' },
        { entitlementId: 'ent_00000000000000000000000009' },
        { type: 'reversal', reverses: 'e0' },
      ),
    ).toEqual({ uses: 0, remaining: 4 })
  })

  it('leaves over what does not fit whole', async () => {
    expect(
      await noted({ id: 'e1', quantity: 3 }, { id: 'e2', quantity: 2, occurredAt: '2026-10-02T01:00:00Z' }),
    ).toEqual({ uses: 2, remaining: 1 })
  })

  it('loses no use between rival batches of one link', async () => {
    const { world, link, entitlement } = await linked(1000)
    const batches = Array.from({ length: 8 }, (_, batch) =>
      Array.from({ length: 5 }, (_, line) => lineOf(entitlement, { id: `b${batch}-${line}` }, line)),
    )
    await Promise.all(batches.map(lines => noteUses(world.needs, 'eleme', lines)))
    expect(await remaining(world, link.id)).toBe(1000 - 40)
    expect(await kindsAt({ world }, `LINK#${link.id}`)).toBe(2)
  })

  it('heals, when the batch is delivered again, what a crash left uncounted', async () => {
    const { world, link, entitlement } = await linked()
    const { table } = world
    const lines = [lineOf(entitlement, { quantity: 2 })]
    const dying = {
      ...table,
      get: () => Promise.reject(new Error('out of power')),
    } as unknown as typeof table
    await expect(noteUses({ table: dying }, 'eleme', lines)).rejects.toThrow('out of power')
    expect([await kindsAt({ world }, `USES#${link.id}`), await remaining(world, link.id)]).toEqual([1, 4])
    await noteUses({ table }, 'eleme', lines)
    expect(await remaining(world, link.id)).toBe(2)
  })
})
