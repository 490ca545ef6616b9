import { createHash } from 'node:crypto'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { beforeEach, expect, test } from 'vitest'
import { genesisHash, hashOf } from '../../functions/kernel/canonical.ts'
import type { Table } from '../../functions/kernel/table.ts'
import { eachLine, findBatch, manifestOf, usageHead } from '../../functions/usage/read.ts'
import { type BatchRequest, receiveBatch } from '../../functions/usage/receive.ts'
import { findPointer } from '../../functions/usage/store.ts'
import { sweepBatch } from '../../functions/usage/sweep.ts'
import { freshTable } from '../support/table.ts'
import { dyingTable, eventFields, issuer, ndjson, receiveNeeds, unfinished } from './support.ts'

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
const texts = async () => (await Array.fromAsync(eachLine({ table }, { partner: 'eleme' }))).map(({ text }) => text)
test('a batch is stored as received, with a manifest and a receipt that jose verifies', async () => {
  const { needs, keys } = receiveNeeds(table)
  const body = ndjson(eventFields({ quantity: 3 }), '{"id": "x"}', eventFields({ id: 'e-2' }))
  const receipt = await receiveBatch(needs, batch(body))
  expect(receipt).toMatchObject({ sequence: 1, lines: 3, malformed: [{ line: 2, errors: expect.any(Array) }] })
  expect(await texts()).toEqual([JSON.stringify(eventFields({ quantity: 3 })), '{"id": "x"}', expect.any(String)])

  const manifest = await findBatch({ table }, { partner: 'eleme', id: receipt.id })
  const digest = createHash('sha256').update(body).digest('hex')
  expect(manifest).toMatchObject({ sequence: 1, digest, malformed: 1, quantity: 4, previousHash: genesisHash })
  const { hash, ...facts } = manifest ?? {}
  expect(hash).toBe(hashOf(facts))
  const { payload, protectedHeader } = await jwtVerify(
    receipt.receipt,
    createLocalJWKSet({ keys: await keys.publicKeysFor('statement') }),
    { issuer, audience: 'eleme', typ: 'usage-receipt+jwt', algorithms: ['ES256'] },
  )
  expect(protectedHeader.alg).toBe('ES256')
  expect(payload).toMatchObject({ bat: receipt.id, digest, lines: 3, malformed: 1, quantity: 4, seq: 1, hash })
  expect(payload['prev']).toBe(genesisHash)
})

test('the same bytes again are the same batch with the first answer', async () => {
  const { needs, clock } = receiveNeeds(table)
  const body = ndjson(eventFields(), 'x')
  const first = await receiveBatch(needs, batch(body))
  await receiveBatch(needs, batch(ndjson(eventFields({ id: 'e-2' }))))
  clock.at = '2026-10-04T00:00:00Z' as typeof clock.at
  expect(await receiveBatch(needs, batch(body))).toEqual(first)
  expect(await usageHead({ table }, 'eleme')).toMatchObject({ sequence: 2, lines: 3, quantity: 2 })
  // As JSON the same bytes are other lines, and for another partner another batch.
  const asJson = Buffer.from(JSON.stringify({ events: [eventFields()] }))
  const wrong = await receiveBatch(needs, batch(asJson))
  const right = await receiveBatch(needs, batch(asJson, { mediaType: 'application/json' }))
  expect([wrong.malformed.length, right.malformed.length, right.id === wrong.id]).toEqual([1, 0, false])
  expect((await receiveBatch(needs, batch(body, { partner: 'youku' }))).sequence).toBe(1)
})

test('a large batch comes back whole', async () => {
  const { needs } = receiveNeeds(table)
  const events = Array.from({ length: 10_000 }, (_, index) =>
    eventFields({ id: `e-${index}`, redemptionId: 'r'.repeat(99) }),
  )
  await receiveBatch(needs, batch(ndjson(...events)))
  expect(await texts()).toEqual(events.map(event => JSON.stringify(event)))
  expect((await manifestOf({ table }, { partner: 'eleme', sequence: 1 }))?.chunks).toBeGreaterThan(5)
})

test('many callers at once make one unbroken chain', async () => {
  const { needs } = receiveNeeds(table)
  const bodies = Array.from({ length: 10 }, (_, index) => ndjson(eventFields({ id: `e-${index}` })))
  const receipts = await Promise.all([...bodies, ...bodies].map(body => receiveBatch(needs, batch(body))))
  expect(receipts.slice(10)).toEqual(receipts.slice(0, 10))
  expect(
    receipts
      .slice(0, 10)
      .map(({ sequence }) => sequence)
      .sort((a, b) => a - b),
  ).toEqual(Array.from({ length: 10 }, (_, index) => index + 1))
  let previous = genesisHash
  for (let sequence = 1; sequence <= 10; sequence++) {
    const manifest = await manifestOf({ table }, { partner: 'eleme', sequence })
    expect(manifest?.previousHash).toBe(previous)
    previous = manifest?.hash ?? ''
  }
  expect(await usageHead({ table }, 'eleme')).toMatchObject({ sequence: 10, hash: previous, lines: 10, quantity: 10 })
  expect(new Set(await texts()).size).toBe(10)
})

test('killed before the commit, a batch does not exist, and sending it again stores it once', async () => {
  const { needs } = receiveNeeds(table)
  const body = ndjson(eventFields())
  let writes = 0
  for (const fails of [() => true, () => ++writes > 1, (kind: string) => kind === 'commit']) {
    await expect(receiveBatch({ ...needs, table: dyingTable(table, fails) }, batch(body))).rejects.toThrow('killed')
    expect(await usageHead({ table }, 'eleme')).toBeUndefined()
    expect(await texts()).toEqual([])
  }
  const { id } = await receiveBatch(needs, batch(body))
  expect(await findBatch({ table }, { partner: 'eleme', id })).toMatchObject({ sequence: 1 })
  expect(await texts()).toHaveLength(1)
})

test('a commit whose answer was lost is found again', async () => {
  const { needs } = receiveNeeds(table)
  const lossy: Table = {
    ...table,
    commit: async writes => {
      await table.commit(writes)
      throw new Error('connection reset')
    },
  }
  await expect(receiveBatch({ ...needs, table: lossy }, batch(ndjson(eventFields())))).rejects.toThrow('reset')
  expect(await receiveBatch(needs, batch(ndjson(eventFields())))).toMatchObject({ sequence: 1 })
  expect(await texts()).toHaveLength(1)
})

test('a rival that commits the same bytes after the pointer was read does not make them a second batch', async () => {
  const { needs } = receiveNeeds(table)
  const first = await receiveBatch(needs, batch(ndjson(eventFields())))
  let reads = 0
  const stale: Table = {
    ...table,
    get: async (type, key) => (key.sk.startsWith('BATCH#') && reads++ === 0 ? undefined : table.get(type, key)),
  }
  expect(await receiveBatch({ ...needs, table: stale }, batch(ndjson(eventFields())))).toEqual(first)
  expect(reads).toBe(2)
  expect(await findPointer(table, 'eleme', first.id)).toMatchObject({ state: 'committed', sequence: 1 })
})

test('a sweep clears away what never committed, and leaves what a retry committed', async () => {
  const { needs } = receiveNeeds(table)
  const body = ndjson(eventFields())
  let id = ''
  const dead = {
    ...dyingTable(table, kind => kind === 'commit'),
    get: (async (type, key) => {
      if (key.sk.startsWith('BATCH#')) id = key.sk.slice('BATCH#'.length)
      return table.get(type, key)
    }) as Table['get'],
  }
  await expect(receiveBatch({ ...needs, table: dead }, batch(body))).rejects.toThrow('killed')

  // The pointer is still there (its time is not over): nobody may sweep.
  expect(await sweepBatch({ table }, unfinished(id))).toBe(false)
  await table.write(name => ({ Delete: { TableName: name, Key: { pk: 'USAGE#eleme', sk: `BATCH#${id}` } } }))
  expect(await sweepBatch({ table }, unfinished(id))).toBe(true)
  expect(await findPointer(table, 'eleme', id)).toBeUndefined()
  await expect(receiveBatch(needs, batch(body))).resolves.toMatchObject({ id, sequence: 1 })

  // The record of the expiry is delivered once more, after the retry.
  expect(await sweepBatch({ table }, unfinished(id))).toBe(false)
  expect(await texts()).toHaveLength(1)
})

test.each(['the next sweep', 'the next try'])('a sweep that died is taken over by %s', async by => {
  const { needs } = receiveNeeds(table)
  const body = ndjson(eventFields())
  const { id } = await receiveBatch({ ...receiveNeeds((await freshTable()).table).needs }, batch(body))
  await expect(sweepBatch({ table: dyingTable(table, kind => kind === 'commit') }, unfinished(id))).rejects.toThrow(
    'killed',
  )
  expect(await findPointer(table, 'eleme', id)).toMatchObject({ state: 'sweeping' })
  if (by === 'the next sweep') expect(await sweepBatch({ table }, unfinished(id))).toBe(true)
  expect(await receiveBatch(needs, batch(body))).toMatchObject({ id, sequence: 1 })
  expect(await texts()).toHaveLength(1)
})

test('a sweep that still runs when its batch is sent again deletes nothing of it', async () => {
  const { needs } = receiveNeeds(table)
  const body = ndjson(eventFields())
  const { id } = await receiveBatch(receiveNeeds((await freshTable()).table).needs, batch(body))
  const slow: Table = {
    ...table,
    commit: async writes => {
      await receiveBatch(needs, batch(body))
      return table.commit(writes)
    },
  }
  expect(await sweepBatch({ table: slow }, unfinished(id))).toBe(false)
  expect(await findBatch({ table }, { partner: 'eleme', id })).toMatchObject({ sequence: 1 })
  expect(await texts()).toHaveLength(1)
})

test('a sweep that was overtaken by another one and a retry deletes nothing more', async () => {
  const { needs } = receiveNeeds(table)
  const body = ndjson(eventFields())
  const { id } = await receiveBatch(receiveNeeds((await freshTable()).table).needs, batch(body))
  const slow: Table = {
    ...table,
    commit: async writes => {
      expect(await sweepBatch({ table }, unfinished(id))).toBe(true)
      await receiveBatch(needs, batch(body))
      return table.commit(writes)
    },
  }
  expect(await sweepBatch({ table: slow }, unfinished(id))).toBe(false)
  expect(await texts()).toHaveLength(1)
})

test('chunks that were swept between announcing and committing are written again', async () => {
  const { needs } = receiveNeeds(table)
  let swept = false
  const racing: Table = {
    ...table,
    commit: async writes => {
      if (!swept) {
        swept = true
        const [{ id } = { id: '' }] = await pointers()
        await table.write(name => ({ Delete: { TableName: name, Key: { pk: 'USAGE#eleme', sk: `BATCH#${id}` } } }))
        await sweepBatch({ table }, unfinished(id))
      }
      return table.commit(writes)
    },
  }
  const pointers = async () => {
    const { id } = await receiveBatch(receiveNeeds((await freshTable()).table).needs, batch(ndjson(eventFields())))
    return [{ id }]
  }
  expect(await receiveBatch({ ...needs, table: racing }, batch(ndjson(eventFields())))).toMatchObject({ sequence: 1 })
  expect(swept).toBe(true)
  expect(await texts()).toHaveLength(1)
})

test('a batch of nothing but wrong lines is answered within what a Lambda may answer', async () => {
  const { needs } = receiveNeeds(table)
  const wrong = JSON.stringify({ ['unknown "field" '.repeat(20)]: 1, b: 2, c: 3 })
  const lines = Array.from({ length: 10_000 }, () => wrong)
  const answer = await receiveBatch(needs, batch(ndjson(...lines)))
  expect(answer.malformed).toHaveLength(10_000)
  expect(answer.malformed.every(({ errors }) => errors.length === 1)).toBe(true)
  expect(Buffer.byteLength(JSON.stringify(JSON.stringify(answer)))).toBeLessThan(6_000_000)
})
