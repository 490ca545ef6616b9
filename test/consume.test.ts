import { beforeEach, expect, test } from 'vitest'
import type { Services } from '../functions/connect.ts'
import { consumeChanges } from '../functions/consume.ts'
import { silentLog } from '../functions/kernel/log.ts'
import type { Table } from '../functions/kernel/table.ts'
import { chunksOfBatch, storeChunk } from '../functions/usage/store.ts'
import type { BatchId } from '../schemas/ids.ts'
import { freshTable } from './support/table.ts'

const id = `bat_${'0'.repeat(26)}` as BatchId
const removed = (state: string) => {
  const OldImage = {
    itemKind: { S: 'usage-batch' },
    id: { S: id },
    partner: { S: 'eleme' },
    state: { S: state },
    chunks: { N: '1' },
  }
  return { Records: [{ eventName: 'REMOVE', dynamodb: { OldImage } }] }
}

let table: Table
let writes: number
const consumed = (state: string) => {
  const counted: Table = {
    ...table,
    write: async write => {
      writes += 1
      await table.write(write)
    },
  }
  return consumeChanges({ table: counted, log: silentLog } as Services, removed(state))
}
const chunks = async () => (await Array.fromAsync(chunksOfBatch(table, 'eleme', id))).length

beforeEach(async () => {
  ;({ table } = await freshTable())
  writes = 0
  await storeChunk(table, 'eleme', { batch: id, index: 0, firstLine: 1, lines: 1, data: new Uint8Array([1]) })
})

test('an upload that expired is swept', async () => {
  await consumed('receiving')
  expect(await chunks()).toBe(0)
})

test.each(['sweeping', 'committed'])('the removal of a pointer that is %s starts no sweep', async state => {
  await consumed(state)
  expect([writes, await chunks()]).toEqual([0, 1])
})
