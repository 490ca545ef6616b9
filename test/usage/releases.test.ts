import { beforeEach, describe, expect, test } from 'vitest'
import { remove, type Table } from '../../functions/kernel/table.ts'
import { eachLine, manifestOf, piecesOfBatch } from '../../functions/usage/read.ts'
import { type ReadBatch, readBatch } from '../../functions/usage/read-batch.ts'
import { batchIdOf, storeBatch } from '../../functions/usage/receive.ts'
import { storeChunk } from '../../functions/usage/store.ts'
import { sweepBatch } from '../../functions/usage/sweep.ts'
import { freshTable } from '../support/table.ts'
import { dyingTable, eventFields, ndjson, receiveNeeds, unfinished } from './support.ts'

let table: Table
beforeEach(async () => {
  ;({ table } = await freshTable())
})

describe('the same bytes, judged by two releases', () => {
  const body = ndjson(eventFields(), eventFields({ id: 'e-2' }), eventFields({ id: 'e-3' }))
  const fault = { line: 2, errors: [{ pointer: '/x', detail: 'unknown field' }] }
  const read = () => readBatch({ body, mediaType: 'application/x-ndjson' })
  /** As a release read them that took the second line for malformed. */
  const readBefore = async (): Promise<ReadBatch> => {
    const now = await read()
    const segments = now.segments.map(segment => ({ ...segment, malformed: [2] }))
    return { ...now, malformed: [fault], quantity: 2, segments }
  }
  const dead = () => dyingTable(table, kind => kind === 'commit')
  /** What is stored agrees with its manifest, and is of one judgement. */
  async function isSound(malformed: number[]) {
    const manifest = await manifestOf({ table }, { partner: 'eleme', sequence: 1 })
    if (!manifest) throw new Error('there is no batch')
    const pieces = await Array.fromAsync(piecesOfBatch({ table }, manifest))
    expect(pieces.flatMap(piece => piece.malformed)).toEqual(malformed)
    expect([manifest.malformed, manifest.quantity]).toEqual([malformed.length, 3 - malformed.length])
    expect(await Array.fromAsync(eachLine({ table }, { partner: 'eleme' }))).toHaveLength(3)
  }

  test('a retry after a deploy stores its own chunks, not those of the one that died', async () => {
    const { needs } = receiveNeeds(table)
    await expect(storeBatch({ ...needs, table: dead() }, 'eleme', await readBefore())).rejects.toThrow('killed')
    expect((await storeBatch(needs, 'eleme', await read())).malformed).toEqual([])
    await isSound([])
  })

  test('both at once: one of them is stored whole, and both answer what is stored', async () => {
    const { needs } = receiveNeeds(table)
    const [before, now] = [await readBefore(), await read()]
    const answers = await Promise.all([before, now, before, now].map(batch => storeBatch(needs, 'eleme', batch)))
    const [{ malformed } = { malformed: [] }] = answers
    expect(new Set(answers.map(({ receipt }) => receipt)).size).toBe(1)
    for (const answer of answers)
      expect(answer.malformed.map(({ line }) => line)).toEqual(malformed.map(told => told.line))
    await isSound(malformed.map(({ line }) => line))
  })

  test('a chunk that the other one writes late is cleared away first', async () => {
    const { needs } = receiveNeeds(table)
    const before = await readBefore()
    let late = 0
    const racing: Table = {
      ...table,
      write: async write => {
        await table.write(write)
        const { Put } = write('t')
        if (Put?.Item?.['state'] !== 'receiving' || late++ > 0) return
        const [segment] = before.segments
        const id = batchIdOf('eleme', before)
        if (segment) await storeChunk(table, 'eleme', { batch: id, index: 0, fingerprint: 'x'.repeat(22), ...segment })
        // One index further than this release has: nobody will ever read it.
        if (segment) await storeChunk(table, 'eleme', { batch: id, index: 1, fingerprint: 'x'.repeat(22), ...segment })
      },
    }
    await storeBatch({ ...needs, table: racing }, 'eleme', await read())
    expect(late).toBe(2)
    await isSound([])
  })

  test('what was stored is what is told again', async () => {
    const { needs } = receiveNeeds(table)
    const first = await storeBatch(needs, 'eleme', await readBefore())
    const again = await storeBatch(needs, 'eleme', await read())
    expect(again).toEqual({
      ...first,
      malformed: [{ line: 2, errors: [{ pointer: '', detail: expect.stringContaining('rules that held') }] }],
    })
  })

  test('announced anew after a sweep, a batch is not committed without its chunks', async () => {
    const { needs } = receiveNeeds(table)
    const batch = await read()
    const id = batchIdOf('eleme', batch)
    let rivals = 0
    const racing: Table = {
      ...table,
      commit: async writes => {
        if (writes.length === 3 && rivals++ === 0) {
          await table.write(remove({ pk: 'USAGE#eleme', sk: `BATCH#${id}` }))
          expect(await sweepBatch({ table }, unfinished(id))).toBe(true)
          // The rival dies as soon as it has announced the batch.
          let writes = 0
          const rival = storeBatch({ ...needs, table: dyingTable(table, () => ++writes > 1) }, 'eleme', batch)
          await expect(rival).rejects.toThrow('killed')
        }
        return table.commit(writes)
      },
    }
    await storeBatch({ ...needs, table: racing }, 'eleme', batch)
    expect(rivals).toBe(2)
    await isSound([])
  })

  test('a committed pointer is written as one unit', async () => {
    const { needs } = receiveNeeds(table)
    let bytes = 0
    const watched: Table = {
      ...table,
      commit: async writes => {
        const items = writes.map(write => write('t').Put?.Item ?? {})
        const pointer = items.find(item => item['state'] === 'committed') ?? {}
        bytes = Object.entries(pointer).reduce((sum, [name, value]) => sum + name.length + String(value).length, 0)
        await table.commit(writes)
      },
    }
    await storeBatch({ ...needs, table: watched }, 'eleme', await read())
    expect(bytes).toBeGreaterThan(800)
    expect(bytes).toBeLessThan(1_000)
  })

  test('an upload expires by the wall clock, whatever a test clock says', async () => {
    const { needs, clock } = receiveNeeds(table)
    clock.at = '2020-01-01T00:00:00Z' as typeof clock.at
    const expiries: number[] = []
    const watched: Table = {
      ...table,
      write: async write => {
        const { Item } = write('t').Put ?? {}
        if (Item?.['state'] === 'receiving') expiries.push(Number(Item['ttl']))
        await table.write(write)
      },
    }
    await storeBatch({ ...needs, table: watched }, 'eleme', await read())
    expect(expiries).toHaveLength(1)
    expect(expiries[0]).toBeGreaterThan(Date.now() / 1000 + 80_000)
  })
})
