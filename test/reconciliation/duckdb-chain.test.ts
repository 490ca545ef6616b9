import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Disposition } from '../../schemas/disposition.ts'
import { type Counts, countByRun } from '../bench/reconcile-count.ts'
import { countBySql } from '../bench/reconcile-sql.ts'
import { facts, writeChain } from '../bench/reconcile-world.ts'
import { freshTable } from '../support/table.ts'

/** The bench's chain at a small size, reconciled and computed once more in SQL from the same files. */
const size = { events: 20_000, entitlements: 4_000, batchLines: 1_000, seed: 7 }
let folder: string
let sql: Counts

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'duckdb-chain-'))
  writeChain(folder, size)
  sql = await countBySql(folder, size.batchLines)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('a chain of 20,000 events against DuckDB', () => {
  test('has every disposition, and no more bad lines than the bench says', () => {
    expect(Object.keys(sql.lines).sort()).toEqual([...Disposition.options].sort())
    expect(Object.values(sql.lines).reduce((sum, lines) => sum + lines, 0)).toBe(size.events)
    const bad = 1 - (sql.lines['matched'] ?? 0) / size.events
    expect(bad).toBeGreaterThan(0.017)
    expect(bad).toBeLessThan(0.025)
  })

  test.each([1, 8, 128])('gives the same lines by disposition and uses matched over %i shards', async shards => {
    const { table } = await freshTable()
    expect(await countByRun(folder, facts, { table, sizes: { shards, rangeLines: 3_000 } })).toEqual(sql)
  })
})
