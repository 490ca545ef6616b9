import { expect, test } from 'vitest'
import { presentInputs } from '../../functions/reconciliation/chain-inputs.ts'
import { runChain } from '../../functions/reconciliation/chain-run.ts'
import { judgedBatches } from '../../functions/reconciliation/judged-lines.ts'
import { folderSpill, type Spill } from '../../functions/reconciliation/spill.ts'
import { receiveBatch } from '../../functions/usage/receive.ts'
import { freshTable } from '../support/table.ts'
import { ndjson, receiveNeeds } from '../usage/support.ts'
import { inMemory, memorySource, worldOf } from './chain-run-world.ts'
import { contract, dispositionsOf, entitlement, entitlements, event } from './support.ts'
import { viewNeeds } from './view-needs.ts'

const pad = ' '.repeat(60_000)
const padded = (one: object) => JSON.stringify(one).replace('{', `{${pad}`)
const escaped = (text: string) => text.replace('"subject"', '"\\u0073ubject"')

/** Each third line says what the one before it says, each fourth something else under its id. */
const lines = Array.from({ length: 240 }, (_, index) => {
  const id = `e${index - (index % 3 === 2 ? 1 : 0)}`
  const text = padded(event(id, index % 12 === 2 ? { quantity: 2 } : {}))
  return index % 5 === 0 ? JSON.stringify(event(id)) : index % 2 === 0 ? escaped(text) : text
})

test('a run keeps what padded lines say, and not the padding', async () => {
  const { table } = await freshTable()
  const batches = Array.from({ length: 4 }, (_, index) => ({
    receivedAt: '2026-10-20T00:00:00Z',
    oldestOpen: {},
    events: lines.slice(index * 60, index * 60 + 60),
  }))
  const world = worldOf({ entitlements: entitlements(entitlement()), batches }, { openFrom: '2026-08' })
  const spill = await folderSpill()
  let bytes = 0
  const counting: Spill = {
    ...spill,
    async write(step, parts) {
      for (const [, { byteLength }] of parts) bytes += byteLength
      await spill.write(step, parts)
    },
  }
  await using run = await runChain({ table, source: memorySource(batches), spill: counting }, world.inputs)
  const outcomes = (await Array.fromAsync(run.outcomes())).flat()
  expect(outcomes).toEqual(inMemory(world))
  const found = Map.groupBy(outcomes, ({ disposition }) => disposition)
  expect([found.has('duplicate'), found.has('conflict')]).toEqual([true, true])
  expect(bytes).toBeLessThan(lines.length * 1_000)
})

test('nor does a short chain that is judged at once', async () => {
  const { table } = await freshTable()
  const { needs: receiving } = receiveNeeds(table, '2026-10-20T00:00:00Z')
  const own = [...lines.slice(0, 30), `x${pad}`]
  await receiveBatch(receiving, { partner: 'eleme', body: ndjson(...own), mediaType: 'application/x-ndjson' })
  const { needs } = viewNeeds({ table, entitlements: [entitlement()], contracts: [contract()] })
  const inputs = await presentInputs(needs, { partner: 'eleme', upTo: 1 })
  const judged = (await Array.fromAsync(judgedBatches({ table }, inputs, { isShort: true }))).flat()
  expect(judged.map(({ disposition }) => disposition)).toEqual(dispositionsOf(own))
  expect(Math.max(...judged.map(({ text }) => text.length))).toBeLessThan(1_000)
})

test('one id of thousands of different contents is judged in a moment, and so are their repetitions', () => {
  const texts = Array.from({ length: 5_000 }, (_, index) => JSON.stringify(event('same', { tokenId: `t${index}` })))
  const found = dispositionsOf([...texts, ...texts.map(text => text.replace('{', '{ '))])
  expect(found[0]).toBe('matched')
  expect(new Set(found.slice(1, 5_000))).toEqual(new Set(['conflict']))
  expect(new Set(found.slice(5_000))).toEqual(new Set(['duplicate']))
})
