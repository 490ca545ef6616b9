import { beforeEach, expect, test } from 'vitest'
import type { Table } from '../../functions/kernel/table.ts'
import { judgedChain } from '../../functions/reconciliation/judged-chain.ts'
import { reconcileBatch } from '../../functions/reconciliation/provisional.ts'
import { findRequest, findRun, putRun } from '../../functions/reconciliation/provisional-store.ts'
import { receiveBatch } from '../../functions/usage/receive.ts'
import type { Instant } from '../../schemas/primitives.ts'
import type { ProvisionalRun } from '../../schemas/usage-view.ts'
import { freshTable } from '../support/table.ts'
import { ndjson, receiveNeeds } from '../usage/support.ts'
import { contract, entitlement, event } from './support.ts'
import { asLong, viewNeeds } from './view-needs.ts'

const partner = 'eleme'
const quota = { per: 'P1M', limit: 3, rollover: false }
let table: Table
let wallAt: Instant
let receiving: ReturnType<typeof receiveNeeds>['needs']
beforeEach(async () => {
  ;({ table } = await freshTable())
  receiving = receiveNeeds(table, '2026-10-20T00:00:00Z').needs
  wallAt = '2026-10-20T00:00:00Z' as Instant
  await report('a')
})

const report = (id: string, change: object = {}) =>
  receiveBatch(receiving, { partner, body: ndjson(event(id, change)), mediaType: 'application/x-ndjson' })
const world = (given: Table = table) =>
  viewNeeds({ table: given, entitlements: [entitlement(1, { quota })], contracts: [contract()], wallNow: () => wallAt })
const long = () => asLong(world().needs)
const ask = (atLeast = 0) =>
  judgedChain(long(), { partner, atLeast }).then(
    ({ upTo }) => upTo,
    ({ code }: { code: string }) => code,
  )
const at = (time: string) => {
  wallAt = `2026-10-20T${time}Z` as Instant
}

/** Leaves the chain as a run does that is killed after its first write. */
async function killed(): Promise<ProvisionalRun> {
  await reconcileBatch(long(), { partner })
  const run = await findRun(table, partner)
  if (!run) throw new Error('no run')
  const dead: ProvisionalRun = { ...run, state: 'writing', version: run.version + 1, startedAt: wallAt }
  await putRun(table, dead, run)
  return dead
}

test('a run that writes for long is dead, and another one is asked for', async () => {
  const { version } = await killed()
  at('00:19:59')
  expect([await ask(), await findRequest(table, partner)]).toEqual(['busy', undefined])
  at('00:20:00')
  expect(await ask()).toBe('busy')
  expect(await findRequest(table, partner)).toMatchObject({ version, upTo: 1, askedAt: wallAt })
  await reconcileBatch(long(), { partner })
  expect([await ask(), (await findRun(table, partner))?.version]).toEqual([1, version + 1])
})

test('a request is made once, and again when nothing came of it for long', async () => {
  expect(await ask()).toBe('busy')
  const asked = await findRequest(table, partner)
  expect(asked).toMatchObject({ version: 0, upTo: 1, askedAt: wallAt })
  at('00:10:00')
  expect([await ask(), await findRequest(table, partner)]).toEqual(['busy', asked])
  at('00:20:00')
  expect(await ask()).toBe('busy')
  expect((await findRequest(table, partner))?.askedAt).toBe(wallAt)
})

test('a run that is too short for what is read is asked for again, each time it is', async () => {
  await reconcileBatch(long(), { partner })
  for (const sequence of [2, 3]) {
    await report(`more-${sequence}`)
    expect(await ask(sequence)).toBe('busy')
    expect(await findRequest(table, partner)).toMatchObject({ upTo: sequence, version: sequence - 1 })
    expect(await ask()).toBe(sequence - 1)
    await reconcileBatch(long(), { partner })
    expect(await ask(sequence)).toBe(sequence)
  }
})

test('a run that was overtaken tells nothing of what it found', async () => {
  let isMet = false
  const overtaken: Table = {
    ...table,
    async write(item) {
      await table.write(item)
      if (isMet) return
      isMet = true
      // An earlier event takes the quota: what the first run found of the first batch is no longer so.
      await report('b', { occurredAt: '2026-10-01T00:00:00Z', quantity: 3 })
      await reconcileBatch(long(), { partner })
    },
  }
  const { needs, noted } = world(overtaken)
  await reconcileBatch(needs, { partner, sequence: 1 })
  expect([noted, await findRun(table, partner)]).toMatchObject([[], { upTo: 2, state: 'whole' }])
})
