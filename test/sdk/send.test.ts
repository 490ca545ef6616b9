import { readFile, writeFile } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createSignatureVerifier, USAGE_RECEIPT_TYP } from '../../sdk/index.ts'
import { events, line, ndjson } from './send-process.ts'
import { type SendWorld, sendWorld } from './send-world.ts'

let world: SendWorld
beforeAll(async () => {
  world = await sendWorld()
})
afterAll(() => world[Symbol.asyncDispose]())

test('25,000 lines arrive in three batches, all once and in order, with receipts that chain', {
  timeout: 120_000,
}, async () => {
  const path = world.path('october.ndjson')
  await writeFile(path, events(25_000))
  const ran = await world.run('send', path, '--json')
  expect(ran).toMatchObject({ code: 0 })
  const stored = await world.stored()
  expect(stored.map(({ event }) => event?.id)).toEqual(Array.from({ length: 25_000 }, (_, index) => `use-${index + 1}`))

  const receipts = await ndjson(`${path}.receipts.ndjson`)
  const verifier = createSignatureVerifier({ issuer: world.issuer, audience: 'youku', typ: USAGE_RECEIPT_TYP })
  const claims = await Promise.all(receipts.map(({ receipt }) => verifier.verify(String(receipt))))
  expect(receipts.map(({ fromLine, toLine }) => [fromLine, toLine])).toEqual([
    [1, 10_000],
    [10_001, 20_000],
    [20_001, 25_000],
  ])
  expect(claims.map(({ prev }) => prev)).toEqual(['0'.repeat(64), claims[0]?.['hash'], claims[1]?.['hash']])
  const head = await world.head()
  expect(JSON.parse(ran.stdout)).toMatchObject({
    isComplete: true,
    lines: 25_000,
    batches: 3,
    quantity: 25_000,
    malformed: 0,
    chain: { first: { sequence: 0 }, last: { sequence: 3, hash: head?.hash } },
  })
  // It is delivered: the same command again sends nothing and says the same.
  const sent = world.seen.length
  const again = await world.run('send', path, '--json')
  expect(again.code).toBe(0)
  expect(world.seen.length).toBe(sent)
  expect(await ndjson(`${path}.receipts.ndjson`)).toEqual(receipts)
})

test('malformed lines are told by their number in the file, in every batch, and end with 1', {
  timeout: 60_000,
}, async () => {
  const before = (await world.stored()).length
  const path = world.path('windows.ndjson.gz')
  const secretive = 'account-of-lin'
  const lines = [
    `\uFEFF${line('w-1')}`,
    '',
    'no JSON',
    line('w-2', { quantity: 3 }),
    '  ',
    line('w-3', { [secretive]: 1 }),
    line('w-4', { quantity: 0 }),
    '',
    `\uFEFF${line('w-5')}`,
    `{"id":"${'x'.repeat(70_000)}"}`,
    `{"id":"${'y'.repeat(200_000)}"}`,
    line('w-6'),
  ]
  await writeFile(path, gzipSync(lines.join('\r\n')))
  const ran = await world.run('send', path, '--max-events', '3', '--max-bytes', '100000')
  expect(ran).toMatchObject({ code: 1 })
  expect(ran.stdout).toContain('4, and 1 longer than a batch, not sent')
  expect(ran.stdout).toContain('line 7: /quantity ')
  const found = await ndjson(`${path}.malformed.ndjson`)
  expect(found.map(({ line: number, sent }) => [number, sent])).toEqual([
    [3, true],
    [6, true],
    [7, true],
    [10, true],
    [11, false],
  ])
  const stored = (await world.stored()).slice(before)
  expect(stored.map(({ event }) => event?.id)).toEqual([
    'w-1',
    undefined,
    'w-2',
    undefined,
    undefined,
    'w-5',
    undefined,
    'w-6',
  ])
  expect(world.seen.at(-1)?.headers['content-encoding']).toBe('gzip')
  const summary = JSON.parse(
    (await world.run('send', path, '--max-events', '3', '--max-bytes', '100000', '--json')).stdout,
  )
  expect(summary).toMatchObject({ lines: 8, malformed: 4, skipped: 1, quantity: 6, run: { lines: 0 } })
  expect(ran.stdout + ran.stderr).not.toContain('xxxx')
  for (const secret of ['youku-secret', 'eyJ']) expect(ran.stdout + ran.stderr).not.toContain(secret)
})

test('standard input, compressed or not, with several batches under way', { timeout: 60_000 }, async () => {
  const before = (await world.stored()).length
  const state = world.path('piped.tessera')
  const { child, ended } = world.start(
    'send',
    '-',
    '--state',
    state,
    '--concurrency',
    '4',
    '--max-events',
    '100',
    '--no-gzip',
  )
  child.stdin.end(gzipSync(events(1_000, 'piped')))
  expect(await ended).toMatchObject({ code: 0 })
  expect(world.seen.at(-1)?.headers['content-encoding']).toBeUndefined()
  const ids = (await world.stored()).slice(before).map(({ event }) => event?.id)
  expect(ids.toSorted()).toEqual(Array.from({ length: 1_000 }, (_, index) => `piped-${index + 1}`).toSorted())
  const receipts = await ndjson(world.path('piped.receipts.ndjson'))
  expect(receipts.map(({ fromLine }) => fromLine)).toEqual(Array.from({ length: 10 }, (_, index) => index * 100 + 1))
  const kept = JSON.parse(await readFile(state, 'utf8'))
  expect(kept).toMatchObject({ isComplete: true, done: { batches: 10, line: 1_000 } })
  expect(kept.chain.last).toMatchObject({ hash: (await world.head())?.hash })
})

test('an empty file is delivered', { timeout: 30_000 }, async () => {
  const path = world.path('empty.ndjson')
  await writeFile(path, '\n\n')
  const ran = await world.run('send', path, '--json')
  expect(ran).toMatchObject({ code: 0 })
  expect(JSON.parse(ran.stdout)).toMatchObject({ isComplete: true, lines: 0, batches: 0 })
})
