import { beforeEach, describe, expect, test } from 'vitest'
import { Conflict, type Table } from '../../functions/kernel/table.ts'
import { batchDispositions, viewBatch } from '../../functions/reconciliation/batch-view.ts'
import { periodLines, usageDays, viewUsagePeriod } from '../../functions/reconciliation/period-view.ts'
import { reconcileBatch } from '../../functions/reconciliation/provisional.ts'
import { findRequest, findRun } from '../../functions/reconciliation/provisional-store.ts'
import { requestRun } from '../../functions/reconciliation/request-run.ts'
import { receiveBatch } from '../../functions/usage/receive.ts'
import type { Contract } from '../../schemas/contract.ts'
import type { Instant, Period } from '../../schemas/primitives.ts'
import { freshTable } from '../support/table.ts'
import { ndjson, receiveNeeds } from '../usage/support.ts'
import { contract, entitlement, entitlementId, event, october, reversal, subjectOf } from './support.ts'
import { asLong, viewNeeds } from './view-needs.ts'

const people = [
  entitlement(1, { quota: { per: 'P1M', limit: 3, rollover: false } }),
  entitlement(2),
  entitlement(3, { partner: 'youku' }),
]
const partner = 'eleme'
const month = { partner, period: october }
const money = (amountMinor: number, currency = 'CNY') => ({ amount: { amountMinor, currency } })
const second = { entitlementId: entitlementId(2), subject: subjectOf(2) }

let table: Table
let receiving: ReturnType<typeof receiveNeeds>
let ids: string[]
beforeEach(async () => {
  ;({ table } = await freshTable())
  receiving = receiveNeeds(table, '2026-10-20T00:00:00Z')
  ids = []
})

async function report(...events: (object | string)[]): Promise<void> {
  const body = ndjson(...events)
  ids.push((await receiveBatch(receiving.needs, { partner, body, mediaType: 'application/x-ndjson' })).id)
}

/** Three batches with most dispositions, reversals and amounts in them. */
async function reportAll(): Promise<void> {
  await report(event('a', money(100)), event('b', money(250)), 'x', event('a', money(100)))
  await report(event('a', money(999)), event('c', { ...second, ...money(700) }), event('d', { subject: 'else' }))
  await report(
    reversal('ra', 'b'),
    event('e', { ...second, ...money(5, 'JPY') }),
    reversal('rb', 'nothing'),
    event('f', { entitlementId: entitlementId(3) }),
    event('g', { occurredAt: '2026-10-09T00:00:00Z', quantity: 2 }),
    event('h', { occurredAt: '2026-10-10T00:00:00Z', quantity: 2 }),
    reversal('rc', 'c', second),
  )
}

const world = (more: { contracts?: Contract[]; table?: Table } = {}) =>
  viewNeeds({ table, entitlements: people, contracts: [contract()], ...more })
type Needs = ReturnType<typeof world>['needs']

/** Everything that a partner may read. */
async function everything(needs: Needs) {
  const limit = 1_000
  return {
    batches: await Promise.all(ids.slice(0, 3).map(id => viewBatch(needs, { partner, id }))),
    lines: await batchDispositions(needs, { partner, id: ids.at(-1) ?? '', limit }),
    period: await viewUsagePeriod(needs, month),
    days: await usageDays(needs, { ...month, limit }),
    details: await periodLines(needs, { ...month, limit }),
  }
}

test.each([
  ['at once', (needs: Needs) => needs],
  ['piece by piece', (needs: Needs): Needs => asLong(needs)],
])('what a run %s stored reads as what is judged anew', async (_name, as) => {
  await reportAll()
  const { needs } = world()
  const anew = await everything(needs)
  expect(anew.period.programmes[0]?.dispositions).toEqual({
    matched: 6,
    duplicate: 1,
    conflict: 1,
    'wrong-subject': 1,
    'over-quota': 1,
    'currency-mismatch': 1,
    'unknown-entitlement': 1,
  })
  await reconcileBatch(as(needs), { partner, sequence: 3 })
  expect(await everything(asLong(needs))).toEqual(anew)
  expect(anew.details.items.filter(({ type }) => type === 'reversal')).toMatchObject([
    { id: 'ra', disposition: 'matched', quantity: -1, amount: { amountMinor: -250, currency: 'CNY' } },
    { id: 'rb', disposition: 'unknown-entitlement', quantity: -1 },
    { id: 'rc', disposition: 'matched', quantity: -1, amount: { amountMinor: -700, currency: 'CNY' } },
  ])
})

test('a captured redemption comes first, however the chain is judged', async () => {
  const captured = [{ id: 'till-1', heldAt: '2026-10-12T00:00:00Z' as Instant, quantity: 1 }]
  const quota = { per: 'P1M', limit: 1, rollover: false }
  const { needs } = viewNeeds({
    table,
    entitlements: [{ ...entitlement(1, { quota }), captured }],
    contracts: [contract()],
  })
  await report(
    event('early', { occurredAt: '2026-10-02T00:00:00Z' }),
    event('named', { occurredAt: '2026-10-12T00:00:00Z', redemptionId: 'till-1' }),
  )
  const [id = ''] = ids
  await reconcileBatch(asLong(needs), { partner, sequence: 1 })
  for (const as of [needs, asLong(needs)]) {
    const { items } = await batchDispositions(as, { partner, id, limit: 9 })
    expect(items.map(({ disposition }) => disposition)).toEqual(['over-quota', 'matched'])
  }
})

test('a page of a stored run reads the batches that it shows, and no others', async () => {
  for (let number = 0; number < 4; number++) await report(event(`e-${number}`, second), event(`x-${number}`))
  const { needs } = world()
  await reconcileBatch(needs, { partner, sequence: 4 })
  const read: string[] = []
  const watched = asLong({
    ...needs,
    table: {
      ...table,
      each: ((type, options) => {
        if (options.partition.startsWith('CHUNKS#')) read.push(options.partition)
        return table.each(type, options)
      }) as Table['each'],
    },
  })
  const filter = { ...month, disposition: 'over-quota' as const, limit: 1 }
  const { items } = await periodLines(watched, filter)
  // Three fit the quota: of the four batches, the last one alone has a line that does not.
  expect([items.map(({ id }) => id), read]).toEqual([['x-3'], [`CHUNKS#${partner}#${ids[3]}`]])
  read.length = 0
  const first = await periodLines(watched, { ...month, limit: 2 })
  expect([first.items.map(({ sequence }) => sequence), read.slice(0, 1)]).toEqual([
    [1, 1],
    [`CHUNKS#${partner}#${ids[0]}`],
  ])
  expect(read.length).toBeLessThanOrEqual(2)
  read.length = 0
  await usageDays(watched, { ...month, limit: 10 })
  await viewUsagePeriod(watched, month)
  await viewBatch(watched, { partner, id: ids[0] ?? '' })
  expect(read).toEqual([])
})

describe('stream records', () => {
  test.each([
    ['in order', [1, 2, 3]],
    ['out of order', [3, 1, 2]],
    ['twice and late', [1, 1, 3, 3, 2, 1]],
    ['only the last', [3]],
  ])('%s come to the same', async (_name, sequences) => {
    await reportAll()
    const { needs, noted } = world()
    for (const sequence of sequences) await reconcileBatch(needs, { partner, sequence })
    expect(await findRun(table, partner)).toMatchObject({ upTo: 3, state: 'whole', version: 1 })
    // A batch that is not the last one is left to the record of that one.
    expect(noted.map(({ sequence }) => sequence)).toEqual([1, 2, 3])
    expect(noted.map(({ batch }) => batch)).toEqual(ids)
    expect(noted.map(({ findings }) => findings.map(({ line, disposition }) => [line, disposition]))).toEqual([
      [[3, 'malformed']],
      [
        [1, 'conflict'],
        [3, 'wrong-subject'],
      ],
      [
        [2, 'currency-mismatch'],
        [3, 'unknown-entitlement'],
        [4, 'unknown-entitlement'],
        [6, 'over-quota'],
      ],
    ])
  })

  test('of a batch that is not the last one do nothing: the last one’s will', async () => {
    await reportAll()
    const { needs, noted } = world()
    for (const sequence of [1, 2]) await reconcileBatch(needs, { partner, sequence })
    expect([noted, await findRun(table, partner)]).toEqual([[], undefined])
  })

  test('of a chain that does not exist are passed over', async () => {
    const { needs, noted } = world()
    await reconcileBatch(needs, { partner, sequence: 1 })
    await requestRun(needs, partner)
    expect([noted, await findRun(table, partner), await findRequest(table, partner)]).toEqual([
      [],
      undefined,
      undefined,
    ])
  })

  test('a new batch makes known which earlier ones it changed, and writes no others', async () => {
    await report(event('a', { occurredAt: '2026-10-10T00:00:00Z', quantity: 3 }))
    await report(event('b', { ...second, quantity: 9 }))
    const { needs, noted } = world()
    await reconcileBatch(needs, { partner, sequence: 2 })
    noted.length = 0
    // An earlier event takes the quota that a later one had.
    await report(event('c', { occurredAt: '2026-10-09T00:00:00Z', quantity: 1 }))
    await reconcileBatch(needs, { partner, sequence: 3 })
    expect(noted.map(({ sequence, findings }) => [sequence, findings.map(({ disposition }) => disposition)])).toEqual([
      [1, ['over-quota']],
      [3, []],
    ])
  })
})

describe('a chain that is not judged at once', () => {
  const busy = { code: 'busy', headers: { 'retry-after': '5' } }

  test('is busy until its run has come, and then for newer batches only', async () => {
    await report(event('a'))
    const { needs } = world()
    const long = asLong(needs)
    const [id = ''] = ids
    await expect(viewBatch(long, { partner, id })).rejects.toMatchObject(busy)
    await expect(viewUsagePeriod(long, month)).rejects.toMatchObject(busy)
    await reconcileBatch(long, { partner, sequence: 1 })
    await report(event('b'))
    expect((await viewBatch(long, { partner, id })).dispositions).toEqual({ matched: 1 })
    await expect(viewBatch(long, { partner, id: ids[1] ?? '' })).rejects.toMatchObject(busy)
    // A period tells up to which batch it counts.
    expect(await viewUsagePeriod(long, month)).toMatchObject({ sequence: 1, programmes: [{ quantity: 1 }] })
    await reconcileBatch(long, { partner, sequence: 2 })
    expect(await viewUsagePeriod(long, month)).toMatchObject({ sequence: 2, programmes: [{ quantity: 2 }] })
  })

  test('is judged again on demand after other contracts, and says busy meanwhile', async () => {
    await report(event('a'))
    await reconcileBatch(asLong(world({ contracts: [] }).needs), { partner, sequence: 1 })
    const { needs } = world()
    const long = asLong(needs)
    await expect(viewUsagePeriod(long, month)).rejects.toMatchObject(busy)
    const asked = await findRequest(table, partner)
    expect(asked).toMatchObject({ partner })
    await reconcileBatch(long, { partner })
    expect(await viewUsagePeriod(long, month)).toMatchObject({ programmes: [{ dispositions: { matched: 1 } }] })
    expect((await findRun(table, partner))?.basis).toBe(asked?.basis)
  })
})

describe('runs that break off or meet', () => {
  /** A table whose n-th write fails, before it happens or after. */
  function failing(at: number, after: boolean) {
    let writes = 0
    const guarded =
      <Args extends unknown[]>(run: (...args: Args) => Promise<void>) =>
      async (...args: Args) => {
        const fails = ++writes === at
        if (fails && !after) throw new Error('the process died')
        await run(...args)
        if (fails) throw new Error('the process died')
      }
    return { ...table, write: guarded(table.write), commit: guarded(table.commit) }
  }

  test('wherever a run dies, the repetition ends as an undisturbed one, and nothing is read in between', async () => {
    await reportAll()
    const calm = world().needs
    const anew = await everything(calm)
    for (let at = 1; at <= 4; at++) {
      for (const after of [false, true]) {
        await report(event(`more-${at}-${after}`, second))
        const sequence = ids.length
        const torn = world({ table: failing(at, after) }).needs
        await reconcileBatch(torn, { partner, sequence }).catch(error => expect(String(error)).toContain('died'))
        const run = await findRun(table, partner)
        if (run?.state === 'writing')
          await expect(viewUsagePeriod(asLong(calm), month)).rejects.toMatchObject({ code: 'busy' })
        await reconcileBatch(calm, { partner, sequence })
        expect(await everything(asLong(calm))).toEqual(await everything(calm))
      }
    }
    expect((await everything(calm)).batches).toEqual(anew.batches)
  })

  test('one that is overtaken while it writes gives way', async () => {
    await report(event('a'))
    const { needs } = world()
    let met = 0
    const rival = asLong(world().needs)
    const slow: Table = {
      ...table,
      async commit(writes) {
        if (met++ === 0) {
          await report(event('b', { subject: 'else' }))
          await reconcileBatch(rival, { partner, sequence: 2 })
        }
        await table.commit(writes)
      },
    }
    await reconcileBatch({ ...needs, table: slow }, { partner, sequence: 1 })
    expect(await findRun(table, partner)).toMatchObject({ upTo: 2, state: 'whole' })
    expect(await everything(asLong(needs))).toEqual(await everything(needs))
  })

  test('many at once end in one whole run', async () => {
    await reportAll()
    const { needs } = world()
    const outcomes = await Promise.allSettled(
      Array.from({ length: 6 }, (_, number) => reconcileBatch(needs, { partner, sequence: 1 + (number % 3) })),
    )
    const failures = outcomes.flatMap(outcome => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []))
    expect(failures.filter(failure => !(failure instanceof Conflict))).toEqual([])
    await reconcileBatch(needs, { partner, sequence: 3 })
    expect(await everything(asLong(needs))).toEqual(await everything(needs))
  })
})

test('a day summary that needs fewer items than before leaves none behind', async () => {
  await report(event('a'), event('late', { occurredAt: '2026-09-20T00:00:00Z' }))
  const { needs } = world()
  await reconcileBatch(needs, { partner, sequence: 1 })
  const moved = viewNeeds({
    table,
    entitlements: people.map(one => ({ ...one, partner: 'youku' })),
    contracts: [contract({ lateDays: 61 })],
    closed: { '88vip': [{ period: '2026-09' as Period, identity: 'f'.repeat(64) }] },
  }).needs
  await reconcileBatch(moved, { partner, sequence: 1 })
  expect(await usageDays(asLong(moved), { ...month, limit: 9 })).toEqual({ items: [] })
})
