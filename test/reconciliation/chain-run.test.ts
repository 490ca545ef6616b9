import { mkdtemp, readdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { shardOf } from '../../functions/kernel/canonical.ts'
import { remove, type Table } from '../../functions/kernel/table.ts'
import {
  type ChainInputs,
  type ChainRun,
  type ChainRunNeeds,
  runChain,
} from '../../functions/reconciliation/chain-run.ts'
import { entitlementShard } from '../../functions/reconciliation/shard.ts'
import { tableSpill } from '../../functions/reconciliation/spill-store.ts'
import { eachLine } from '../../functions/usage/read.ts'
import type { LineOutcome } from '../../schemas/disposition.ts'
import { freshTable } from '../support/table.ts'
import {
  inMemory,
  memorySource,
  partner,
  random,
  randomBatches,
  randomEntitlements,
  storeBatches,
  type World,
  worldOf,
} from './chain-run-world.ts'
import { idOf, linesOf } from './support.ts'

const { table } = await freshTable()
const wallSeconds = () => Math.floor(Date.now() / 1000)

const outcomesOf = async (run: ChainRun): Promise<LineOutcome[]> => (await Array.fromAsync(run.outcomes())).flat()

async function outcomesBy(world: World, needs: Omit<ChainRunNeeds, 'table' | 'source'>): Promise<LineOutcome[]> {
  await using run = await runChain({ table, source: memorySource(world.batches), ...needs }, world.inputs)
  // Awaited here: the run is closed when this returns.
  return await outcomesOf(run)
}

/** The sums by their definition, over all lines at once. */
function sumsByHand(settled: LineOutcome[], fresh: LineOutcome[]) {
  const uses = [...settled.map(one => ({ ...one, fresh: false })), ...fresh.map(one => ({ ...one, fresh: true }))]
  const rows = uses.flatMap(({ matched, fresh: isFresh }) =>
    (matched?.contracts ?? []).map(contract => ({ contract, ...matched, isFresh })),
  )
  return Array.from(Map.groupBy(rows, row => `${row.contract} ${row.benefit} ${row.originPeriod}`)).map(
    ([key, own]) => {
      const one = ({ type }: { type?: string | undefined }) => (type === 'use' ? 1 : -1)
      const net = (list: typeof own) => list.reduce((sum, row) => sum + one(row), 0)
      return {
        key,
        quantity: own.reduce((sum, { quantity = 0 }) => sum + BigInt(quantity), 0n),
        amountMinor: own.reduce((sum, { amountMinor = 0 }) => sum + BigInt(amountMinor), 0n),
        sales: net(own.filter(({ amountMinor }) => amountMinor !== undefined)),
        fresh: own.some(({ isFresh }) => isFresh),
        activeMembers: [...Map.groupBy(own, ({ subject }) => subject).values()].filter(list => net(list) > 0).length,
      }
    },
  )
}
const byKey = (a: { key: string }, b: { key: string }) => (a.key < b.key ? -1 : 1)
const keyed = ({ sums }: ChainRun) =>
  sums
    .map(({ contract, benefit, originPeriod, ...sum }) => ({ key: `${contract} ${benefit} ${originPeriod}`, ...sum }))
    .sort(byKey)

/** Three months: what the first two closes made final, and the open rest. */
function randomWorlds(seed: number): World[] {
  const chances = random(seed)
  const entitlements = randomEntitlements(chances, 12)
  const batches = randomBatches(chances, entitlements, 12, 40)
  const august = worldOf({ entitlements, batches }, { openFrom: '2026-08', through: '2026-08', upTo: 6 })
  const first = inMemory(august).filter(({ period }) => period === '2026-08')
  const september = worldOf(
    { entitlements, batches, settled: first },
    { openFrom: '2026-09', through: '2026-09', upTo: 9 },
  )
  const settled = [...first, ...inMemory(september).filter(({ period }) => period === '2026-09')].sort(
    (a, b) => a.sequence - b.sequence || a.line - b.line,
  )
  return [
    worldOf({ entitlements, batches }, { openFrom: '2026-08' }),
    august,
    september,
    worldOf({ entitlements, batches, settled }, { openFrom: '2026-10' }),
  ]
}

const seeds = Array.from({ length: Number(process.env['SIM_RUNS'] ?? 25) }, (_, index) => index + 1)

describe('the sharded run and the small form in memory agree', () => {
  test.each(seeds)('seed %i', async seed => {
    for (const [index, world] of randomWorlds(seed).entries()) {
      const expected = inMemory(world)
      const shards = 2 ** ((seed + index) % 4)
      await using run = await runChain(
        { table, source: memorySource(world.batches, 1 + (seed % 9)), sizes: { shards, rangeLines: 1 + seed * 7 } },
        world.inputs,
      )
      expect(await outcomesOf(run)).toEqual(expected)
      expect(keyed(run)).toEqual(sumsByHand(world.settled, expected).sort(byKey))
    }
  })

  test('the seeds give every disposition', () => {
    const found = new Set(
      seeds.flatMap(seed =>
        randomWorlds(seed)
          .flatMap(inMemory)
          .map(({ disposition }) => disposition),
      ),
    )
    expect(found.size).toBe(12)
  })

  test.each([1, 2, 4, 8, 64, 128])('over %i shards', async shards => {
    const [world] = randomWorlds(77)
    if (!world) throw new Error('no world')
    expect(await outcomesBy(world, { sizes: { shards } })).toEqual(inMemory(world))
  })
})

describe('a stored chain', () => {
  test('is read as each line by itself is', async () => {
    const [world] = randomWorlds(11)
    if (!world) throw new Error('no world')
    const { table: stored } = await freshTable()
    await storeBatches(stored, world.batches)
    await using run = await runChain({ table: stored }, world.inputs)
    expect(await outcomesOf(run)).toEqual(inMemory(world))
    const lines = await Array.fromAsync(eachLine({ table: stored }, { partner }))
    expect(lines).toEqual(linesOf(world.batches, partner))
  })

  test('with a gap, an early end or a batch that is not whole is refused', async () => {
    const [world] = randomWorlds(11)
    if (!world) throw new Error('no world')
    const { table: stored } = await freshTable()
    await storeBatches(stored, world.batches)
    const attempt = (upTo: number) => runChain({ table: stored }, { ...world.inputs, upTo })
    await expect(attempt(world.batches.length + 1)).rejects.toThrow('ends before')
    const last = world.batches.length
    await stored.write(remove({ pk: `CHUNKS#${partner}#${idOf('bat', last)}`, sk: '000000' }))
    await expect(attempt(last)).rejects.toThrow('has 0 lines, its manifest')
    await stored.write(remove({ pk: `USAGE#${partner}`, sk: 'MANIFEST#000000000003' }))
    await expect(attempt(last)).rejects.toThrow('has a gap before 4')
  })
})

describe('a spill in the table', () => {
  test('gives the same, and a run that crashed does only what is missing', async () => {
    const [world] = randomWorlds(5)
    if (!world) throw new Error('no world')
    const expected = inMemory(world)
    const sizes = { shards: 2, rangeLines: 60 }
    let written = 0
    const dying = (crashAt: number): ChainRunNeeds['spill'] => {
      let left = crashAt
      const write: Table['write'] = async item => {
        if (left-- <= 0) throw new Error('crashed')
        written++
        await table.write(item)
      }
      return tableSpill({ table: { ...table, write }, wallSeconds }, { run: 'crash' })
    }
    let crashes = 0
    let outcomes: LineOutcome[] | undefined
    for (; !outcomes; crashes++) {
      const spill = dying(5 + crashes * 7)
      outcomes = await outcomesBy(world, { ...(spill && { spill }), sizes }).catch((error: Error) => {
        if (error.message !== 'crashed') throw error
        return undefined
      })
    }
    expect(crashes).toBeGreaterThan(3)
    expect(outcomes).toEqual(expected)
    const before = written
    const again = dying(0)
    expect(await outcomesBy(world, { ...(again && { spill: again }), sizes })).toEqual(expected)
    expect(written).toBe(before)
  })

  test('a piece longer than an item is cut up, and one that lost a slice is gone', async () => {
    const spill = tableSpill({ table, wallSeconds }, { run: 'long' })
    const bytes = Buffer.from(Array.from({ length: 1_000_000 }, (_, index) => (index * index * 31) >> 7))
    await spill.write('a', [['b', bytes]])
    await spill.write('a', [['b', bytes]])
    expect(Buffer.from(await spill.read('a', 'b')).equals(bytes)).toBe(true)
    expect(await spill.parts('a')).toEqual(new Set(['b']))
    expect(await spill.parts('b')).toBeUndefined()
    await expect(spill.read('a', 'c')).rejects.toThrow('has expired')
    await table.write(remove({ pk: 'SPILL#long#1#a#b', sk: '000001' }))
    await expect(spill.read('a', 'b')).rejects.toThrow('has expired')
  })
})

test('the temporary folder is removed, also after a failure', async () => {
  // Other tests share the usual one.
  process.env['TMPDIR'] = await mkdtemp(join(tmpdir(), 'chain-run-'))
  const folders = async () => (await readdir(tmpdir())).filter(name => name.startsWith('tessera-run-'))
  const [world] = randomWorlds(3)
  if (!world) throw new Error('no world')
  const before = new Set(await folders())
  const run = await runChain({ table, source: memorySource(world.batches) }, world.inputs)
  const own = (await folders()).filter(name => !before.has(name))
  expect(await outcomesOf(run)).toEqual(await outcomesOf(run))
  await run.close()
  await run.close()
  const history: ChainInputs['history'] = {
    find: () => Promise.reject(new Error('no history')),
    bucket: () => Promise.reject(new Error('no history')),
  }
  await expect(outcomesBy({ ...world, inputs: { ...world.inputs, history } }, {})).rejects.toThrow('no history')
  expect((await folders()).filter(name => own.includes(name))).toEqual([])
})

test('the shard of an entitlement is that by which its history is split', () => {
  for (const shards of [1, 2, 16, 64, 1024])
    for (let id = 0; id < 100; id++) expect(entitlementShard(`ent_${id}`, shards)).toBe(shardOf(`ent_${id}`, shards))
})
