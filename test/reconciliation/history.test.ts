import { beforeAll, describe, expect, test } from 'vitest'
import { historySource } from '../../functions/entitlements/history.ts'
import { entitlementWrite } from '../../functions/entitlements/store.ts'
import { put, recordType, type Table } from '../../functions/kernel/table.ts'
import {
  bucketOf,
  freezeHistory,
  frozenHistory,
  historyBuckets,
  liveHistory,
  type PeriodHistory,
} from '../../functions/reconciliation/history.ts'
import { capturedOf } from '../../functions/redemptions/records.ts'
import { capturedWrite } from '../../functions/redemptions/store.ts'
import { HistoryChunk, type HistoryEntry } from '../../schemas/disposition.ts'
import type { Period } from '../../schemas/primitives.ts'
import { RedemptionRecord } from '../../schemas/redemption.ts'
import { entryOf, sourceOf } from '../support/history-source.ts'
import { freshTable } from '../support/table.ts'
import { entitlement, entitlementId, idOf, october } from './support.ts'

const close = { programme: '88vip', period: october }
const quota = { per: 'P1M' as const, limit: 2, rollover: false }
const metered = (number: number) => number % 3 === 0
const partnerOf = (number: number) => (number % 5 === 0 ? 'youku' : 'eleme')
const people = Array.from({ length: 300 }, (_, at) =>
  entitlement(at + 1, { partner: partnerOf(at + 1), link: idOf('lnk', at + 1), ...(metered(at + 1) && { quota }) }),
)

const redemption = (id: string, number: number, partner = partnerOf(number)) =>
  RedemptionRecord.parse({
    id,
    partner,
    link: idOf('lnk', number),
    benefit: 'eleme-5off',
    quantity: 1,
    entitlement: entitlementId(number),
    state: 'captured',
    heldAt: '2026-10-02T00:00:00Z',
    expiresAt: '2026-10-02T00:15:00Z',
    settledAt: '2026-10-02T00:01:00Z',
  })
/** Of an entitlement with a quota, one without, one that is another partner's, and one that nobody has. */
const redemptions = [
  redemption('b', 3),
  redemption('a', 3),
  redemption('c', 9),
  redemption('unmetered', 1),
  redemption('foreign', 15, 'eleme'),
  redemption('nobody', 999),
]
const capturedBy: Record<number, string[]> = { 3: ['a', 'b'], 9: ['c'] }
const expected = (partner: string) =>
  new Map(
    people
      .filter(one => one.partner === partner)
      .map((one): [string, HistoryEntry] => {
        const ids = capturedBy[Number(one.id.slice(4))]
        const captured = ids?.map(id => ({ id, heldAt: '2026-10-02T00:00:00Z' as never, quantity: 1 }))
        return [one.id, { ...entryOf(one), ...(captured && { captured }) }]
      }),
  )

let table: Table
let source: ReturnType<typeof historySource>
const byId = (entries: Iterable<[string, HistoryEntry]>) => [...entries].sort(([a], [b]) => (a < b ? -1 : 1))
const wholeOf = async (history: ReturnType<PeriodHistory['of']>) => {
  const all: [string, HistoryEntry][] = []
  for (let index = 0; index < historyBuckets; index++)
    for (const [id, entry] of await history.bucket(index)) {
      expect(bucketOf(id)).toBe(index)
      all.push([id, entry])
    }
  return byId(all)
}

beforeAll(async () => {
  ;({ table } = await freshTable())
  source = historySource({ table, capturedOf: (partner, shard) => capturedOf({ table }, partner, shard) })
  await Promise.all([...people.map(entitlementWrite), ...redemptions.map(capturedWrite)].map(table.write))
})

describe('the history as the cutoff froze it', () => {
  let hash: string
  let frozen: PeriodHistory
  beforeAll(async () => {
    hash = await freezeHistory({ table }, { ...close, partners: ['youku', 'eleme'], source })
    frozen = await frozenHistory({ table }, { ...close, hash })
  })

  test('has every entitlement of each partner in its bucket, with what was captured of its quota', async () => {
    for (const partner of ['eleme', 'youku']) expect(await wholeOf(frozen.of(partner))).toEqual(byId(expected(partner)))
    expect(await wholeOf(frozen.of('stranger'))).toEqual([])
    const all = await Array.fromAsync(frozen.entries())
    expect(all.map(({ id }) => id).sort()).toEqual(people.map(({ id }) => id as string).sort())
  })

  test('finds ids of the partner and no others', async () => {
    const wanted = [entitlementId(3), entitlementId(4), entitlementId(5), entitlementId(999), 'no id\n']
    const found = await frozen.of('eleme').find(wanted)
    expect(byId(found)).toEqual(byId(expected('eleme')).filter(([id]) => wanted.includes(id)))
    expect(found.size).toBe(2)
  })

  test('is named by its content alone, whatever changes afterwards', async () => {
    const backwards = sourceOf([...expected('eleme').values(), ...expected('youku').values()].reverse())
    const again = { ...close, partners: ['eleme', 'youku', 'eleme'], source: backwards }
    expect(await freezeHistory({ table }, again)).toBe(hash)
    const late = entitlement(1, { windows: [{ from: '2026-10-01T00:00:00Z' }] })
    const changed = sourceOf([...expected('eleme').values()].map(one => (one.id === late.id ? late : one)))
    const other = await freezeHistory({ table }, { ...close, partners: ['eleme'], source: changed })
    expect(other).not.toBe(hash)
    expect(
      (await (await frozenHistory({ table }, { ...close, hash: other })).of('eleme').find([late.id])).get(late.id),
    ).toEqual(entryOf(late))
    expect(await wholeOf((await frozenHistory({ table }, { ...close, hash })).of('eleme'))).toEqual(
      byId(expected('eleme')),
    )
  })

  test('is missed where it is not, and may be empty', async () => {
    await expect(frozenHistory({ table }, { ...close, period: '2026-11' as Period, hash })).rejects.toThrow('not whole')
    const none = await freezeHistory({ table }, { ...close, partners: [], source })
    expect(await Array.fromAsync((await frozenHistory({ table }, { ...close, hash: none })).entries())).toEqual([])
    const empty = await freezeHistory({ table }, { ...close, partners: ['stranger'], source })
    expect(await wholeOf((await frozenHistory({ table }, { ...close, hash: empty })).of('stranger'))).toEqual([])
  })

  test('that was tampered with is found, bucket or list', async () => {
    const type = recordType('entitlement-history', HistoryChunk)
    const partition = 'CLOSE#88vip#2026-10'
    const chunks = await Array.fromAsync(table.each(type, { partition, startsWith: 'HISTORY#' }))
    const keyOf = (chunk: HistoryChunk) => ({ pk: partition, sk: `HISTORY#${chunk.hash}#000000` })
    const [one, other] = chunks.filter(chunk => chunk.hash !== hash && chunk.lines > 1)
    const list = chunks.find(chunk => chunk.hash === hash)
    if (!one || !other || !list) throw new Error('no chunks')
    const readWhole = async () => {
      const history = await frozenHistory({ table }, { ...close, hash })
      return Array.fromAsync(history.entries())
    }
    await table.write(put(type, keyOf(one), { ...one, data: other.data }))
    await expect(readWhole()).rejects.toThrow(`${one.hash} of 88vip 2026-10 is not whole`)
    await table.write(put(type, keyOf(one), one))
    await table.write(put(type, keyOf(list), { ...list, data: other.data }))
    await expect(readWhole()).rejects.toThrow(`${hash} of 88vip 2026-10 is not whole`)
    await table.write(put(type, keyOf(list), list))
    expect(await readWhole()).toHaveLength(people.length)
  })
})

test('the history as it is now tells the same', async () => {
  for (const partner of ['eleme', 'youku']) {
    const live = liveHistory(source, partner)
    expect(await wholeOf(live)).toEqual(byId(expected(partner)))
    expect(byId(await live.find(people.map(({ id }) => id)))).toEqual(byId(expected(partner)))
  }
})

test('a run that asks for each bucket once reads each part once, and a bucket may be asked for again', async () => {
  const read: number[] = []
  const counted = {
    ...source,
    shard: (partner: string, index: number) => {
      read.push(index)
      return source.shard(partner, index)
    },
  }
  const live = liveHistory(counted, 'eleme')
  await wholeOf(live)
  expect(read.toSorted((a, b) => a - b)).toEqual(Array.from({ length: source.shards }, (_, index) => index))
  expect((await live.bucket(5)).size).toBeGreaterThan(0)
  expect(await live.bucket(5)).toEqual(await live.bucket(5))
})
