import { beforeAll, expect, test } from 'vitest'
import { put, recordType, type Table } from '../../functions/kernel/table.ts'
import { finalsBetween, finalsOf, finalsOfChain, finalsWriter } from '../../functions/reconciliation/finals.ts'
import { FinalsChunk, LineOutcome } from '../../schemas/disposition.ts'
import type { Period } from '../../schemas/primitives.ts'
import { freshTable } from '../support/table.ts'
import { entitlementId, october, subjectOf } from './support.ts'

const november = '2026-11' as Period
const closeOf = (period: Period, programme = '88vip') => ({
  programme,
  period,
  identity: (period === october ? 'a' : 'b').repeat(64),
})

/** Long ids: a batch of 500 lines fills a part of a chunk that is no whole number of batches. */
const outcome = (sequence: number, line: number, { partner = 'eleme', period = october, programme = '88vip' } = {}) => {
  const use = {
    entitlement: entitlementId(line),
    benefit: 'eleme-5off',
    subject: subjectOf(line),
    plan: 'annual',
    type: line % 7 === 0 ? 'reversal' : 'use',
    occurredAt: '2026-10-03T04:00:00Z',
    originPeriod: '2026-10',
    quantity: line % 7 === 0 ? -1 : 1,
    ...(line % 2 === 0 && { amountMinor: line % 7 === 0 ? -500 : 500 }),
    day: '2026-10-03',
    contracts: ['a-contract', 'eleme-2026'],
  }
  const id = `${sequence}/${line}`.padEnd(120, '-')
  const matched = line % 11 === 0 ? { disposition: 'duplicate' } : { disposition: 'matched', matched: use }
  return LineOutcome.parse({ partner, sequence, line, ...(line % 13 !== 0 && { id }), programme, period, ...matched })
}
const batchOf = (sequence: number, lines: number, change = {}) =>
  Array.from({ length: lines }, (_, at) => outcome(sequence, at + 1, change))

/** October's close has the batches 1 to 8 and the odd lines of 9; November's the even ones of 9, and 10 to 12. */
const ninth = batchOf(9, 500)
const octobers = [1, 2, 3, 4, 5, 6, 7, 8]
  .flatMap(sequence => batchOf(sequence, 500))
  .concat(ninth.filter(({ line }) => line % 2))
const novembers = batchOf(9, 500, { period: november })
  .filter(({ line }) => line % 2 === 0)
  .concat([10, 11, 12].flatMap(sequence => batchOf(sequence, 500, { period: november })))
const others = batchOf(3, 4, { partner: 'eleme-x' })

let table: Table
beforeAll(async () => {
  ;({ table } = await freshTable())
  const first = finalsWriter({ table }, closeOf(october))
  for (const outcomes of [octobers.slice(0, 10), octobers.slice(10), others]) await first.add(outcomes)
  await first.end()
  const second = finalsWriter({ table }, closeOf(november))
  await second.add(novembers)
  await second.end()
})

const inRange = (outcomes: LineOutcome[], from: number, upTo: number) =>
  outcomes.filter(({ sequence }) => from <= sequence && sequence <= upTo)
const between = (period: Period, from: number, upTo: number, partner = 'eleme') =>
  Array.fromAsync(finalsBetween({ table }, { ...closeOf(period), partner, from, upTo }))

test('what was final is read as it was given', async () => {
  expect(await Array.fromAsync(finalsOf({ table }, closeOf(october)))).toEqual([...octobers, ...others])
  expect(await Array.fromAsync(finalsOf({ table }, { ...closeOf(october), identity: 'c'.repeat(64) }))).toEqual([])
})

test('a range is read alone, wherever a chunk begins', async () => {
  for (const [from, upTo] of [
    [1, 1],
    [1, 12],
    [2, 2],
    [5, 7],
    [8, 9],
    [9, 9],
    [10, 12],
    [13, 99],
    [1, 0],
  ] as const) {
    expect(await between(october, from, upTo), `${from} to ${upTo}`).toEqual(inRange(octobers, from, upTo))
    expect(await between(november, from, upTo), `${from} to ${upTo}`).toEqual(inRange(novembers, from, upTo))
  }
  expect(await between(october, 1, 12, 'eleme-x')).toEqual(others)
  expect(await between(october, 1, 12, 'ele')).toEqual([])
})

test('a range reads the chunks it lies in and no others', async () => {
  const type = recordType('final-dispositions', FinalsChunk)
  const options = { partition: 'CLOSE#88vip#2026-10', startsWith: `FINAL#${'a'.repeat(64)}#eleme#` }
  const chunks = await table.all(type, options)
  expect(chunks.length).toBeGreaterThan(3)
  let read = 0
  const counting: Table = {
    ...table,
    query: async (kind, asked) => {
      const page = await table.query(kind, asked)
      read += page.items.length
      return page
    },
    async *each(kind, asked) {
      for await (const item of table.each(kind, asked)) {
        read += 1
        yield item
      }
    },
  }
  const wanted = { ...closeOf(october), partner: 'eleme', from: 5, upTo: 5 }
  expect(await Array.fromAsync(finalsBetween({ table: counting }, wanted))).toEqual(inRange(octobers, 5, 5))
  expect(read).toBeLessThanOrEqual(2)
})

test('several closes of a chain come together in the order of its lines', async () => {
  const finals = finalsOfChain({ table }, [closeOf(november), closeOf(october)], 'eleme')
  const all = [...octobers, ...novembers].sort((a, b) => a.sequence - b.sequence || a.line - b.line)
  expect(await Array.fromAsync(finals({ from: 1, upTo: 99 }))).toEqual(all)
  expect(await Array.fromAsync(finals({ from: 9, upTo: 10 }))).toEqual(inRange(all, 9, 10))
  expect(await Array.fromAsync(finalsOfChain({ table }, [], 'eleme')({ from: 1, upTo: 99 }))).toEqual([])
})

test('chunks do not depend on the pieces in which outcomes come, and stay when written again', async () => {
  const { table: fresh } = await freshTable()
  const written = async (pieces: number) => {
    const finals = finalsWriter({ table: fresh }, closeOf(october))
    for (let at = 0; at < octobers.length; at += pieces) await finals.add(octobers.slice(at, at + pieces))
    await finals.end()
    const type = recordType('final-dispositions', FinalsChunk)
    return fresh.all(type, { partition: 'CLOSE#88vip#2026-10', startsWith: 'FINAL#' })
  }
  const first = await written(octobers.length)
  expect(await written(1)).toEqual(first)
  expect(await written(37)).toEqual(first)
})

test('a line of another period or programme is not taken, and what is no disposition is not read', async () => {
  const finals = finalsWriter({ table }, closeOf(october))
  for (const wrong of [{ period: november }, { programme: 'other' }])
    await expect(finals.add([outcome(1, 1, wrong)])).rejects.toThrow('line 1/1 of eleme is not of 88vip 2026-10')
  const { table: fresh } = await freshTable()
  const writer = finalsWriter({ table: fresh }, closeOf(october))
  await writer.add(batchOf(1, 3))
  await writer.end()
  const type = recordType('final-dispositions', FinalsChunk)
  const partition = 'CLOSE#88vip#2026-10'
  const [chunk] = await fresh.all(type, { partition, startsWith: 'FINAL#' })
  if (!chunk) throw new Error('no chunk')
  const sk = `FINAL#${'a'.repeat(64)}#eleme#000000000001#000001`
  await fresh.write(put(type, { pk: partition, sk }, { ...chunk, lines: 2 }))
  const read = () => Array.fromAsync(finalsOf({ table: fresh }, closeOf(october)))
  await expect(read()).rejects.toThrow('not whole')
})
