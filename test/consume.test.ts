import { beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { Services } from '../functions/connect.ts'
import { settleChanges } from '../functions/consume.ts'
import { settlementNeeds } from '../functions/gateway-needs.ts'
import { type Log, silentLog } from '../functions/kernel/log.ts'
import { put, recordType, type Table } from '../functions/kernel/table.ts'
import { requestClose, runClose } from '../functions/settlement/close.ts'
import { listStatements } from '../functions/settlement/statements.ts'
import { chunksOfBatch, storeChunk } from '../functions/usage/store.ts'
import type { BatchId } from '../schemas/ids.ts'
import type { Period } from '../schemas/primitives.ts'
import { livedMonth, receivedAt } from './settlement/generated-month.ts'
import { freshTable } from './support/table.ts'

const id = `bat_${'0'.repeat(26)}` as BatchId
const october = '2026-10' as Period
const caller = { brand: 'alibaba' }
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
  return settleChanges({ table: counted, log: silentLog } as Services, removed(state))
}
const chunks = async () => (await Array.fromAsync(chunksOfBatch(table, 'eleme', id))).length

beforeEach(async () => {
  ;({ table } = await freshTable())
  writes = 0
  await storeChunk(table, 'eleme', {
    batch: id,
    index: 0,
    firstLine: 1,
    lines: 1,
    malformed: [],
    data: new Uint8Array([1]),
  })
})

test('an upload that expired is swept', async () => {
  await consumed('receiving')
  expect(await chunks()).toBe(0)
})

test.each(['sweeping', 'committed'])('the removal of a pointer that is %s starts no sweep', async state => {
  await consumed(state)
  expect([writes, await chunks()]).toEqual([0, 1])
})

describe('a close that is asked for again', () => {
  const heard: string[] = []
  const log: Log = (level, event) => void heard.push(`${level} ${event}`)
  const closing = { programme: '88vip', period: october }
  const changed = (state: string, before: number, after: number) => {
    const image = (requests: number) => ({
      itemKind: { S: 'close' },
      programme: { S: '88vip' },
      period: { S: october },
      state: { S: state },
      requests: { N: String(requests) },
    })
    return { Records: [{ eventName: 'MODIFY', dynamodb: { OldImage: image(before), NewImage: image(after) } }] }
  }

  test('is verified when it is published, and what was tampered with is named', async () => {
    const world = await livedMonth(2)
    const services = { ...world.services, log }
    const needs = settlementNeeds(services)
    world.clock.moveTo(receivedAt)
    await requestClose(needs, closing)
    await runClose(needs, closing)
    await settleChanges(services, changed('published', 1, 1))
    expect(heard).toEqual([])
    await settleChanges(services, changed('published', 1, 2))
    expect(heard).toEqual(['info close-verified'])

    const [{ id: statement } = { id: '' }] = (await listStatements(services, { caller, programme: '88vip', limit: 9 }))
      .items
    const forged = recordType('forged', z.looseObject({ subtotalMinor: z.int() }))
    const key = { pk: `STATEMENT#${statement}`, sk: 'HEAD' }
    const stored = await world.services.table.get(recordType('statement', z.looseObject({})), key)
    await world.services.table.write(put(forged, key, { ...stored, subtotalMinor: 1 }))
    await settleChanges(services, changed('published', 2, 3))
    expect(heard.at(-1)).toBe('error close-does-not-verify')
  }, 60_000)
})
