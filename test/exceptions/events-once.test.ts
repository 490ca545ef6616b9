import { describe, expect, test } from 'vitest'
import { acceptedIn } from '../../functions/exceptions/accepted.ts'
import { contracts } from '../../functions/local/demo.ts'
import type { UsageException } from '../../schemas/exception.ts'
import type { Period } from '../../schemas/primitives.ts'
import type { Statement } from '../../schemas/settlement.ts'
import { bodyOf } from '../support/gateway.ts'
import { type ExceptionWorld, exceptionWorld, problemOf } from './world.ts'

const accepted = { outcome: 'accepted', reason: 'we let it count' }
const [october, november, december] = ['2026-10', '2026-11', '2026-12'] as [Period, Period, Period]
const patience = 120_000

/** Reported on 20 October with a clock that is six days ahead. */
const ahead = { occurredAt: '2026-10-26T04:00:00Z' }
const early = { occurredAt: '2026-10-04T04:00:00Z' }

/** What a close bills of the views, as [origin, quantity]. */
const views = ({ lines }: Statement) =>
  lines.filter(({ line }) => line === 'views').map(({ originPeriod, quantity }) => [originPeriod, quantity])
const adjustments = ({ lines }: Statement) =>
  lines.filter(({ model }) => model === 'adjustment').map(({ quantity, amountMinor }) => [quantity, amountMinor])

const openOf = async ({ list }: ExceptionWorld, sequence: number): Promise<UsageException> => {
  const [one, ...others] = (await list('alibaba', '?limit=100')).filter(each => each.sequence === sequence)
  if (!one || others.length > 0) throw new Error('one exception expected')
  return one
}
const decide = async (world: ExceptionWorld, one: UsageException, body: unknown = accepted) =>
  bodyOf<UsageException>(await world.act('alibaba', one, 'resolve', body))
const refused = async (world: ExceptionWorld, one: UsageException, body: unknown = accepted) =>
  problemOf(await world.act('alibaba', one, 'resolve', body))

describe('an event that is accepted and told again is billed once', { timeout: patience }, () => {
  test('where it matches before the close that bills the acceptance', async () => {
    const world = await exceptionWorld()
    await world.report('youku', [{ id: 'seen', ...ahead, quantity: 3 }])
    await decide(world, await openOf(world, 1))
    world.moveTo('2026-10-27T00:00:00Z')
    // The same bytes would be the same batch.
    await world.report('youku', [{ id: 'seen', ...ahead, quantity: 3 }, { id: 'other' }])
    world.moveTo('2026-11-02T00:00:00Z')
    expect(views(await world.close(october, 'youku'))).toEqual([[october, 4]])
  })

  test('where it matches after it, also as another quantity', async () => {
    const world = await exceptionWorld()
    await world.report('youku', [{ id: 'seen', ...ahead, quantity: 3 }])
    await decide(world, await openOf(world, 1))
    world.moveTo('2026-11-02T00:00:00Z')
    expect(views(await world.close(october, 'youku'))).toEqual([[october, 3]])
    await world.report('youku', [{ id: 'seen', ...ahead, quantity: 2 }])
    world.moveTo('2026-12-02T00:00:00Z')
    // The match takes the place of what was accepted.
    expect(views(await world.close(november, 'youku'))).toEqual([
      [october, -1],
      [november, 0],
    ])
    world.moveTo('2027-01-02T00:00:00Z')
    expect(views(await world.close(december, 'youku'))).toEqual([[december, 0]])
  })

  test('where an amount was decided for it, before or after it matched', async () => {
    const adjusted = { outcome: 'adjusted', reason: 'half', amountMinor: 77 }
    const world = await exceptionWorld()
    await world.report('youku', [{ id: 'seen', ...ahead, quantity: 3 }])
    await decide(world, await openOf(world, 1), adjusted)
    world.moveTo('2026-10-27T00:00:00Z')
    await world.report('youku', [{ id: 'seen', ...ahead, quantity: 3 }, { id: 'other' }])
    world.moveTo('2026-11-02T00:00:00Z')
    const statement = await world.close(october, 'youku')
    expect([views(statement), adjustments(statement)]).toEqual([[[october, 1]], [[3, 77]]])
  })

  test('accepting it is refused once it matched, with the line', async () => {
    const world = await exceptionWorld()
    await world.report('youku', [{ id: 'seen', ...ahead }])
    const one = await openOf(world, 1)
    world.moveTo('2026-10-27T00:00:00Z')
    const batch = await world.report('youku', [{ id: 'other' }, { id: 'seen', ...ahead }])
    for (const body of [accepted, { outcome: 'adjusted', reason: 'x', amountMinor: 5 }])
      expect(await refused(world, one, body)).toMatchObject({
        code: 'not-billable',
        detail: `line 1: this event is billed already: line 2 of batch ${batch.id}; reject this one`,
      })
    await decide(world, one, { outcome: 'rejected', reason: 'billed as line 2' })
  })

  test('accepting it from two batches: the second is refused, and rivals bill it once', async () => {
    const world = await exceptionWorld()
    await world.report('youku', [{ id: 'seen', ...ahead }])
    await world.report('youku', [{ id: 'seen', ...ahead, quantity: 2 }])
    const both = [await openOf(world, 1), await openOf(world, 2)] as const
    const answers = await Promise.all(both.map(one => world.act('alibaba', one, 'resolve', accepted)))
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409])
    const second = answers[0]?.status === 200 ? 1 : 0
    expect(await problemOf(answers[second] as Response)).toMatchObject({
      code: 'not-billable',
      detail: expect.stringContaining(`exception ${both[1 - second]?.id}`),
    })
    expect(await acceptedIn(world.services, '88vip', october)).toHaveLength(1)
  })

  test('accepting two groups of the same events bills the first', async () => {
    const world = await exceptionWorld()
    const events = (quantity: number) =>
      Array.from({ length: 25 }, (_, index) => ({ id: `seen-${index}`, ...ahead, quantity }))
    await world.report('youku', events(1))
    await world.report('youku', events(2))
    const [first, second] = [await openOf(world, 1), await openOf(world, 2)]
    await decide(world, first)
    await decide(world, second)
    world.moveTo('2026-11-02T00:00:00Z')
    const [[, quantity] = []] = views(await world.close(october, 'youku'))
    expect([25, 50]).toContain(quantity)
  })
})

test('no line of an adjusted group is rated when it matches', { timeout: patience }, async () => {
  const world = await exceptionWorld()
  const events = Array.from({ length: 25 }, (_, index) => ({ id: `seen-${index}`, ...ahead }))
  await world.report('youku', [{ id: 'other' }, ...events])
  const one = await openOf(world, 1)
  expect(one.count).toBe(25)
  await decide(world, one, { outcome: 'adjusted', reason: 'at a price for all', amountMinor: 700 })
  const [use] = await acceptedIn(world.services, '88vip', october)
  expect(use?.lines).toEqual(Array.from({ length: 25 }, (_, index) => index + 2))
  world.moveTo('2026-10-27T00:00:00Z')
  await world.report('youku', events.slice(0, 12))
  world.moveTo('2026-11-02T00:00:00Z')
  const statement = await world.close(october, 'youku')
  expect([views(statement), adjustments(statement)]).toEqual([[[october, 1]], [[25, 700]]])
  await world.report('youku', events.slice(12))
  world.moveTo('2026-12-02T00:00:00Z')
  const later = await world.close(november, 'youku')
  expect([views(later), adjustments(later)]).toEqual([[[november, 0]], []])
})

describe('accepting a reversal', { timeout: patience }, () => {
  const back = (id: string, reverses: string) => ({ id, type: 'reversal', reverses })

  test('takes back exactly what was accepted, once', async () => {
    const world = await exceptionWorld()
    await world.report('youku', [{ id: 'seen', ...early, quantity: 5 }])
    await world.report('youku', [back('r1', 'seen')])
    await world.report('youku', [{ ...back('r2', 'seen'), quantity: 9 }])
    const [use, first, second] = [await openOf(world, 1), await openOf(world, 2), await openOf(world, 3)]
    expect(await refused(world, first)).toMatchObject({
      code: 'not-billable',
      detail: 'line 1: it names no billed event; adjust instead',
    })
    await decide(world, use)
    await decide(world, first)
    expect(await refused(world, second)).toMatchObject({
      code: 'not-billable',
      detail: expect.stringContaining(`taken back already, by ${first.id}`),
    })
    world.moveTo('2026-11-02T00:00:00Z')
    expect(views(await world.close(october, 'youku'))).toEqual([[october, 0]])
  })

  test('of a closed month takes back what that month billed', async () => {
    const world = await exceptionWorld()
    await world.report('youku', [{ id: 'seen', quantity: 4 }, { id: 'kept' }])
    world.moveTo('2026-11-02T00:00:00Z')
    expect(views(await world.close(october, 'youku'))).toEqual([[october, 5]])
    // It names another subject, and so was not matched.
    await world.report('youku', [{ ...back('r1', 'seen'), subject: 'somebody', occurredAt: '2026-11-01T04:00:00Z' }])
    await decide(world, await openOf(world, 2))
    world.moveTo('2026-12-02T00:00:00Z')
    expect(views(await world.close(november, 'youku'))).toEqual([
      [october, -4],
      [november, 0],
    ])
  })
})

test('lines of a group that no contract covers are a group of their own', { timeout: patience }, async () => {
  const world = await exceptionWorld()
  const [youku] = contracts
  await bodyOf(await world.call('alibaba', 'PUT', '/v1/contracts/youku-2026', { ...youku, validTo: '2026-10-27' }))
  const many = (count: number, day: number) =>
    Array.from({ length: count }, (_, index) => ({ id: `d${day}-${index}`, occurredAt: `2026-10-${day}T04:00:00Z` }))
  await world.report('youku', [...many(30, 26), ...many(2, 29)])
  const all = await world.list('alibaba', '?reason=future&limit=100')
  expect(all.map(({ count, cause }) => [count, cause]).sort()).toEqual([
    [1, 'future, on days without a contract'],
    [1, 'future, on days without a contract'],
    [30, 'future'],
  ])
  await decide(world, all.find(({ count }) => count === 30) as UsageException)
})

describe('a listing without a state', { timeout: patience }, () => {
  type Page = { items: UsageException[]; next?: string }
  const page = async ({ call }: ExceptionWorld, next?: string) =>
    bodyOf<Page>(await call('alibaba', 'GET', `/v1/exceptions?limit=2${next ? `&cursor=${next}` : ''}`))

  test('skips what it showed before it moved on, and nothing that it did not show', async () => {
    const world = await exceptionWorld()
    await world.report(
      'youku',
      [1, 2, 3, 4].map(number => ({ id: `early-${number}`, ...early })),
    )
    const all = await world.list('alibaba')
    const [one, two, , four] = all as [UsageException, UsageException, UsageException, UsageException]
    const assign = (each: UsageException) => world.act('alibaba', each, 'assign', { assignee: 'mei' })
    world.moveTo('2026-10-20T03:00:00Z')
    const first = await page(world)
    expect(first.items.map(({ id }) => id)).toEqual([one.id, two.id])
    world.moveTo('2026-10-20T03:01:00Z')
    // The last one moves on before it was shown.
    await bodyOf(await assign(four))
    const ids = first.items.map(({ id }) => id)
    let { next } = first
    for (let pages = 0; next !== undefined && pages < 20; pages++) {
      world.moveTo(`2026-10-20T04:${String(pages).padStart(2, '0')}:00Z`)
      if (pages === 2) await bodyOf(await assign(one))
      const more: Page = await page(world, next)
      ids.push(...more.items.map(({ id }) => id))
      next = more.next
    }
    expect([...new Set(ids)].sort()).toEqual(all.map(({ id }) => id).sort())
    expect(ids.filter(id => id === four.id)).toHaveLength(1)
  })
})
