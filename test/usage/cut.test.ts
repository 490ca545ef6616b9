import { beforeEach, expect, test } from 'vitest'
import { genesisHash } from '../../functions/kernel/canonical.ts'
import type { Table } from '../../functions/kernel/table.ts'
import { cutUsage } from '../../functions/usage/cut.ts'
import { manifestOf, usageHead } from '../../functions/usage/read.ts'
import { type BatchRequest, receiveBatch } from '../../functions/usage/receive.ts'
import type { Period } from '../../schemas/primitives.ts'
import { freshTable } from '../support/table.ts'
import { eventFields, ndjson, receiveNeeds } from './support.ts'

let table: Table
beforeEach(async () => {
  ;({ table } = await freshTable())
})

const batch = (body: Uint8Array, more: Partial<BatchRequest> = {}): BatchRequest => ({
  partner: 'eleme',
  body,
  mediaType: 'application/x-ndjson',
  ...more,
})

test('a cut is made once, and batches after it know that the period is over', async () => {
  const { needs } = receiveNeeds(table)
  const october = { programme: '88vip', period: '2026-10' as Period, partners: ['youku', 'eleme'] }
  await receiveBatch(needs, batch(ndjson(eventFields())))
  const cuts = await cutUsage({ table }, october)
  const head = await manifestOf({ table }, { partner: 'eleme', sequence: 1 })
  expect(cuts).toEqual([
    { programme: '88vip', period: '2026-10', partner: 'eleme', sequence: 1, hash: head?.hash },
    { programme: '88vip', period: '2026-10', partner: 'youku', sequence: 0, hash: genesisHash },
  ])
  await receiveBatch(needs, batch(ndjson(eventFields({ id: 'e-2' }))))
  expect(await cutUsage({ table }, october)).toEqual(cuts)
  expect(head?.oldestOpen).toEqual({ '88vip': '2026-10' })
  expect((await manifestOf({ table }, { partner: 'eleme', sequence: 2 }))?.oldestOpen).toEqual({ '88vip': '2026-11' })
  await cutUsage({ table }, { ...october, period: '2026-08' as Period, partners: ['eleme'] })
  expect((await usageHead({ table }, 'eleme'))?.oldestOpen).toEqual({ '88vip': '2026-11' })
  expect((await receiveBatch(needs, batch(ndjson(eventFields()), { partner: 'youku' }))).sequence).toBe(1)
})

test('cuts and batches at once: every batch is before the cut or knows of it', async () => {
  const { needs } = receiveNeeds(table)
  const bodies = Array.from({ length: 8 }, (_, index) => ndjson(eventFields({ id: `e-${index}` })))
  const [cuts] = await Promise.all([
    cutUsage({ table }, { programme: '88vip', period: '2026-10' as Period, partners: ['eleme'] }),
    ...bodies.map(body => receiveBatch(needs, batch(body))),
  ])
  const at = cuts[0]?.sequence ?? -1
  for (let sequence = 1; sequence <= 8; sequence++) {
    const { oldestOpen } = (await manifestOf({ table }, { partner: 'eleme', sequence })) ?? {}
    expect(oldestOpen?.['88vip'] ?? 'not told').toBe(sequence > at ? '2026-11' : '2026-10')
  }
})
