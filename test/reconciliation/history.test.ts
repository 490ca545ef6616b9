import * as fc from 'fast-check'
import { beforeAll, describe, expect, inject, test } from 'vitest'
import { historySource } from '../../functions/entitlements/history.ts'
import { entitlementWrite } from '../../functions/entitlements/store.ts'
import { canonicalJson, shardOf } from '../../functions/kernel/canonical.ts'
import { dynamoDbClient, openTable, put, recordType, type Table } from '../../functions/kernel/table.ts'
import { freezeHistory, storedBuckets } from '../../functions/reconciliation/freeze-history.ts'
import { frozenLine } from '../../functions/reconciliation/frozen-line.ts'
import {
  bucketOf,
  frozenHistory,
  type HistorySource,
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
import { recordTable } from '../support/recorded-table.ts'
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
    // A lookup is for the terms: what was captured is not read for it.
    const terms = byId(expected(partner)).map(([id, { captured: _captured, ...entry }]) => [id, entry])
    expect(byId(await live.find(people.map(({ id }) => id)))).toEqual(terms)
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

/** Entitlements of as many members, as parts of the source give them. */
function crowd(count: number, change: Partial<HistoryEntry> = {}) {
  const entries = Array.from({ length: count }, (_, at) =>
    entryOf({ ...entitlement(at + 1), ...change } as HistoryEntry),
  )
  const parts = Map.groupBy(entries, ({ id }) => shardOf(id, 16))
  const running = { now: 0, most: 0 }
  const counted: HistorySource = {
    shards: 16,
    async *shard(partner, index) {
      running.most = Math.max(running.most, ++running.now)
      await new Promise(setImmediate)
      if (partner === 'eleme') yield* parts.get(index) ?? []
      running.now--
    },
    find: async () => new Map(),
  }
  return { entries, source: counted, running }
}

test('as many buckets are stored as the entitlements fill, a power of two', () => {
  const sizes = [0, 1, 2_000, 2_001, 4_001, 8_001, 16_001, 32_001, 64_000, 64_001, 10_000_000]
  expect(sizes.map(storedBuckets)).toEqual([0, 1, 1, 2, 4, 8, 16, 32, 32, 64, 64])
})

test.each([
  [1, 1],
  [2_500, 2],
  [5_000, 4],
  [64_500, 64],
])(
  '%i entitlements are stored in %i buckets, each read once for all that lie in it',
  async (count, stored) => {
    const { entries, source: crowded, running } = crowd(count)
    const { table: own } = await freshTable()
    const hash = await freezeHistory({ table: own }, { ...close, partners: ['eleme', 'nobody'], source: crowded })
    expect(running.most).toBeGreaterThan(4)
    expect(running.most).toBeLessThanOrEqual(8)
    let queries = 0
    const counting = new Proxy(own, {
      get(real, name) {
        if (name === 'each') queries++
        return Reflect.get(real, name) as unknown
      },
    })
    const frozen = await frozenHistory({ table: counting }, { ...close, hash })
    const history = frozen.of('eleme')
    expect(await wholeOf(history)).toHaveLength(count)
    expect(queries).toBe(1 + stored)
    if (stored < historyBuckets) {
      await Promise.all(Array.from({ length: historyBuckets }, (_, index) => history.bucket(index)))
      expect(await Array.fromAsync(frozen.entries())).toHaveLength(count)
      expect(queries).toBe(1 + stored)
    }
    const [some] = entries.slice(-1)
    expect((await history.find([some?.id ?? ''])).get(some?.id ?? '')).toEqual(some)
  },
  120_000,
)

test('shards that ask for their buckets side by side read a stored bucket once', async () => {
  const { source: crowded } = crowd(9_000)
  const { table: own } = await freshTable()
  const hash = await freezeHistory({ table: own }, { ...close, partners: ['eleme'], source: crowded })
  let queries = 0
  const each: Table['each'] = (type, options) => {
    queries++
    return own.each(type, options)
  }
  const history = (await frozenHistory({ table: { ...own, each } }, { ...close, hash })).of('eleme')
  for (let shard = 0; shard < 4; shard++) {
    const indices = Array.from({ length: historyBuckets / 4 }, (_, at) => shard + 4 * at)
    await Promise.all(indices.map(history.bucket))
  }
  expect(queries).toBe(1 + 8)
}, 60_000)

test('a failure of one part is that of the whole, and no other part is begun', async () => {
  const begun: number[] = []
  const failing: HistorySource = {
    ...crowd(1).source,
    // biome-ignore lint/correctness/useYield: it fails before
    async *shard(_partner, index) {
      begun.push(index)
      throw new Error(`no answer from ${index}`)
    },
  }
  await expect(freezeHistory({ table }, { ...close, partners: ['eleme'], source: failing })).rejects.toThrow(
    'no answer',
  )
  expect(begun.length).toBeLessThanOrEqual(8)
})

test('freezing and reading a small programme asks little of the table', async () => {
  const recorded = await recordTable(inject('dynamodbEndpoint'))
  try {
    const { tableName } = await freshTable()
    const credentials = { accessKeyId: 'local', secretAccessKey: 'local' }
    const client = dynamoDbClient({ region: 'us-east-1', endpoint: recorded.endpoint, credentials })
    const own = openTable(client, tableName)
    const partners = ['eleme', 'youku', 'fliggy', 'nobody']
    const few = [1, 2, 3, 4].flatMap(number =>
      partners.slice(0, 3).map((partner, at) =>
        // Those of one partner alone have a quota.
        entitlement(number + 10 * at, { partner, ...(partner === 'eleme' && { quota }) }),
      ),
    )
    await Promise.all(few.map(entitlementWrite).map(own.write))
    const stored = historySource({
      table: own,
      capturedOf: (partner, shard) => capturedOf({ table: own }, partner, shard),
    })
    let hash = ''
    const freezing = await recorded.during(async () => {
      hash = await freezeHistory({ table: own }, { ...close, partners, source: stored })
    })
    const partitions = freezing.filter(({ operation }) => operation === 'Query')
    const captured = partitions.filter(({ input }) => JSON.stringify(input).includes('CAPTURED#'))
    expect(captured.length).toBeGreaterThan(0)
    expect(captured.length).toBeLessThanOrEqual(4)
    expect(captured.every(({ input }) => JSON.stringify(input).includes('CAPTURED#eleme#'))).toBe(true)
    expect(partitions.length - captured.length).toBe(partners.length * 16)
    // A bucket for each who has something, and the list.
    expect(freezing.length - partitions.length).toBe(3 + 1)
    const reading = await recorded.during(async () => {
      const frozen = await frozenHistory({ table: own }, { ...close, hash })
      for (const partner of partners) await wholeOf(frozen.of(partner))
      expect(await Array.fromAsync(frozen.entries())).toHaveLength(few.length)
    })
    expect(reading.length).toBe(1 + 3)
  } finally {
    await recorded.stop()
  }
})

test('a frozen line is canonical JSON', () => {
  const text = fc.string({ unit: 'grapheme' })
  const instant = fc.constantFrom('2026-10-01T00:00:00Z', '2026-10-02T03:04:05.678Z')
  const number = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
  const entry = fc.record(
    {
      subject: text,
      windows: fc.array(fc.record({ until: instant, from: instant }, { requiredKeys: ['from'] })),
      id: text,
      programme: text,
      plan: text,
      timeZone: text,
      partner: text,
      benefit: text,
      quota: fc.record({ rollover: fc.boolean(), per: fc.constantFrom('P1D', 'P1M', 'P1Y'), limit: number }),
      captured: fc.array(fc.record({ quantity: number, id: text, heldAt: instant })),
    },
    { requiredKeys: ['subject', 'windows', 'id', 'programme', 'plan', 'timeZone', 'partner', 'benefit'] },
  )
  void fc.assert(
    fc.property(entry, one => {
      expect(frozenLine(one as unknown as HistoryEntry)).toBe(canonicalJson(one))
    }),
  )
})
