import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { hashOf } from '../../functions/kernel/canonical.ts'
import { put, recordType } from '../../functions/kernel/table.ts'
import { advance, requestClose, runClose } from '../../functions/settlement/close.ts'
import { runCloseTask } from '../../functions/settlement/close-task.ts'
import { findClosingInputs } from '../../functions/settlement/inputs.ts'
import { executionName } from '../../functions/settlement/machine.ts'
import { replaceClose, storeOutput } from '../../functions/settlement/store.ts'
import { verifyClose, verifyPeriod } from '../../functions/settlement/verify.ts'
import { allKeys } from '../../functions/tokens/key-store.ts'
import { trustedKeys } from '../../functions/tokens/trusted-keys.ts'
import { batchesBetween } from '../../functions/usage/read.ts'
import { fingerprintOf } from '../../functions/usage/receive.ts'
import { packLines, unpackLines } from '../../functions/usage/segments.ts'
import { type KeyPurpose, KeyRecord } from '../../schemas/key.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { ClosingInputs, StatementToken } from '../../schemas/settlement.ts'
import { BatchPointer, Chunk } from '../../schemas/usage.ts'
import { bytesOf, close, closingOf, newWorld, october, reportOctober, statementsOf } from './world.ts'

async function octoberWorld() {
  const world = await newWorld()
  await reportOctober(world)
  world.moveTo('2026-11-01T00:00:00Z')
  return world
}

describe('whoever asks for a close again', () => {
  test('while it is verified changes nothing of what is found', async () => {
    const world = await octoberWorld()
    await close(world, october)
    const asked: Promise<unknown>[] = []
    const progress = () => void asked.push(requestClose(world, closingOf(october)))
    const { differences } = await verifyPeriod({ ...world, progress }, closingOf(october))
    await Promise.all(asked)
    expect(asked.length).toBeGreaterThan(2)
    expect(differences).toEqual([])
    expect((await requestClose(world, closingOf(october))).requests).toBeGreaterThan(2)
  })

  test('while it goes on does not have a step done again', async () => {
    const world = await octoberWorld()
    let record = await requestClose(world, closingOf(october))
    const undisturbed = await octoberWorld()
    await close(undisturbed, october)
    for (const state of ['reconciled', 'rated', 'posted']) {
      let steps = 0
      const stored: string[] = []
      // The step's output is what it writes last: then somebody asks.
      const write: typeof world.table.write = async request => {
        const { Item } = request('').Put ?? {}
        if (Item?.['itemKind'] === 'close-output') {
          stored.push(String(Item['sk']))
          await world.table.write(request)
          await requestClose(world, closingOf(october))
          steps += 1
        } else await world.table.write(request)
      }
      record = await advance({ ...world, table: { ...world.table, write } }, record)
      expect([record.state, steps, stored]).toEqual([state, 1, [expect.stringContaining(`#${state}#`)]])
    }
    expect(record.requests).toBe(4)
    await runClose(world, closingOf(october))
    expect(await bytesOf(world.table, october)).toBe(await bytesOf(undisturbed.table, october))
    expect((await verifyPeriod(world, closingOf(october))).differences).toEqual([])
  })

  test('has an execution of an own name, within what a name may have', async () => {
    const record = { ...closingOf(october), identity: 'a'.repeat(64), cutoffAt: '2026-11-01T00:00:00Z', requests: 1 }
    const others = [{ requests: 2 }, { identity: 'b'.repeat(64) }, { cutoffAt: '2026-11-02T00:00:00Z' }]
    const names = [record, ...others.map(other => ({ ...record, ...other }))].map(executionName)
    expect(new Set([...names, executionName(record)]).size).toBe(4)
    expect(names[0]).toMatch(/^88vip_2026-10_1_[0-9a-f]{20}$/)
    const long = executionName({ ...record, programme: 'p'.repeat(64), requests: Number.MAX_SAFE_INTEGER })
    expect(long).toMatch(/^[\w-]{60,80}$/)
  })
})

test('a close that was cut off under other rules of rating goes no further, and says which release it needs', async () => {
  const world = await octoberWorld()
  const record = await requestClose(world, closingOf(october))
  const inputs = { ...(await findClosingInputs(world.table, record)), ratingVersion: '0' }
  const identity = hashOf(ClosingInputs.parse(inputs))
  await storeOutput(world.table, { ...closingOf(october), identity, step: 'inputs' }, ClosingInputs, inputs)
  await replaceClose(world.table, record, { ...record, identity, version: 2 })
  const refused = {
    name: 'OtherRatingVersion',
    message: expect.stringContaining('cut off under rating version 0; deploy a release of that version'),
  }
  await expect(runClose(world, closingOf(october))).rejects.toMatchObject(refused)
  const tasks = [{ task: 'plan' }, { task: 'advance', to: 'reconciled' }]
  for (const task of tasks)
    await expect(
      runCloseTask({ ...world, judgeAnew: async () => undefined }, { ...closingOf(october), ...task }),
    ).rejects.toMatchObject(refused)
  expect((await requestClose(world, closingOf(october))).state).toBe('cutoff')
})

describe('a verification', () => {
  test('tells what a withdrawn key signed by itself, once a key, apart from what was forged', async () => {
    const world = await octoberWorld()
    await close(world, october)
    const statements = await statementsOf(world.table, october)
    const key = (await allKeys(world.table)).find(({ purpose, activeFrom }) => purpose === 'statement' && activeFrom)
    if (!key) throw new Error('no key')
    const withdrawn = { ...key, withdrawnAt: '2026-11-05T00:00:00Z' as Instant }
    const place = { pk: 'KEYS', sk: `KEY#statement#${String(key.sequence).padStart(6, '0')}` }
    await world.table.write(put(recordType('key', KeyRecord), place, withdrawn, { when: 'present' }))
    const keys = { publicKeysFor: (purpose: KeyPurpose) => trustedKeys(world, purpose) }
    const found = await verifyPeriod({ ...world, keys }, closingOf(october))
    const told = `${statements.length + 2} signatures by the key ${key.kid}, which was withdrawn on 2026-11-05T00:00:00Z`
    expect(found.differences).toEqual([expect.stringContaining(told)])
    expect(found.checked.signatures).toBe(0)

    const [one] = statements
    if (!one) throw new Error('no statement')
    const type = recordType('statement-token', StatementToken)
    const address = { pk: `STATEMENT#${one.id}`, sk: 'TOKEN' }
    const token = (await world.table.get(type, address))?.token ?? ''
    // Under the name of the withdrawn key, but not by it.
    const forged = `${token.slice(0, -44)}${'A'.repeat(43)}A`
    await world.table.write(put(type, address, { id: one.id, token: forged }))
    const { differences } = await verifyPeriod({ ...world, keys }, closingOf(october))
    expect(differences).toEqual([
      expect.stringContaining(`signature of statement ${one.id}`),
      expect.stringContaining(`${statements.length + 1} signatures by the key ${key.kid}`),
    ])
  })

  test('finds a stored line that was rewritten with every unsigned fingerprint of it', async () => {
    const world = await octoberWorld()
    await close(world, october)
    const [batch] = await Array.fromAsync(batchesBetween(world, { partner: 'youku', from: 1, upTo: 1 }))
    const address = { pk: `CHUNKS#youku#${batch?.id}`, sk: '000000' }
    const [type, pointerType] = [recordType('usage-chunk', Chunk), recordType('usage-batch', BatchPointer)]
    const chunk = await world.table.get(type, address)
    const pointerAddress = { pk: 'USAGE#youku', sk: `BATCH#${batch?.id}` }
    const pointer = await world.table.get(pointerType, pointerAddress)
    if (!chunk || !pointer) throw new Error('no batch')
    const lines = unpackLines(chunk.data).map(line =>
      Buffer.from(line).toString().replace('"quantity":2', '"quantity":3'),
    )
    const [packed] = packLines(lines.map(line => Buffer.from(line)))
    const data = packed?.data ?? chunk.data
    const fingerprint = fingerprintOf([{ ...chunk, data: new Uint8Array(data) }])
    await world.table.write(put(type, address, { ...chunk, data, fingerprint }))
    await world.table.write(put(pointerType, pointerAddress, { ...pointer, fingerprint }))
    const { differences } = await verifyPeriod(world, closingOf(october))
    expect(differences.join('\n')).toContain(`usage chunks of batch ${chunk.batch} of youku`)
  })

  test('names the first differences, and how many more there are', async () => {
    const world = await octoberWorld()
    await close(world, october)
    const record = await requestClose(world, closingOf(october))
    const type = recordType('close-output', z.object({ hash: z.string() }))
    for (let number = 0; number < 60; number++)
      await world.table.write(
        put(type, { pk: 'CLOSE#88vip#2026-10', sk: `SLIPPED#${number}` }, { hash: record.identity }),
      )
    const error = await verifyClose(world, record).catch((thrown: Error) => thrown)
    expect(error).toMatchObject({ name: 'Mismatch', message: expect.stringMatching(/, and 10 more$/) })
  })
})
