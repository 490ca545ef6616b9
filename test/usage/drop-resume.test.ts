import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { plusSeconds, systemNow } from '../../functions/kernel/clock.ts'
import { Conflict, type Write } from '../../functions/kernel/table.ts'
import { type DropNeeds, Unfinished } from '../../functions/usage/drop.ts'
import type { DropResult } from '../../schemas/drop.ts'
import { dropWorld, fileOf, linesOf, small } from './drop-support.ts'

const world = dropWorld()
const lines = linesOf(95)
const files = [
  ['plain', 'incoming/eleme/a.ndjson', (text: string) => Buffer.from(text)],
  ['gzip', 'incoming/eleme/a.ndjson.gz', (text: string) => gzipSync(text)],
] as const

/** A process that is dead from its n-th write on, be it to the table or to the bucket. */
function dyingAt({ table, bucket }: Pick<DropNeeds, 'table' | 'bucket'>, writes: number) {
  let made = 0
  const alive =
    <A extends unknown[], R>(act: (...given: A) => Promise<R>) =>
    (...given: A): Promise<R> =>
      ++made >= writes ? Promise.reject(new Error('killed')) : act(...given)
  return {
    table: { ...table, commit: alive(table.commit), write: alive(table.write) },
    bucket: { ...bucket, put: alive(bucket.put) },
  }
}

/** When a run that died no longer holds its file. */
const muchLater = () => plusSeconds(systemNow(), 121)

/** What a run says that nothing disturbed, but for when, and of which partner's file. */
const facts = ({ found, done, lines, quantity, malformed, batches, state }: DropResult) => ({
  ...{ found, done, lines, quantity, malformed, state },
  batches: batches.map(({ id: _id, receipt: _receipt, ...batch }) => batch),
})

describe.each(files)('a %s file', (form, key, packed) => {
  const body = packed(fileOf(lines))

  it('whose receiving dies between any two writes is taken by the next run, nothing twice and nothing lost', async () => {
    const short = lines.slice(0, 45)
    const body = packed(fileOf(short))
    const undisturbed = world.upload(key, body)
    await world.drop(undisturbed, { limits: small })
    const whole = facts(world.resultOf(undisturbed))
    const isPartner = async () => true
    let deaths = 0
    for (let died = true; died; ) {
      const partner = `p-${deaths + 1}`
      const file = world.upload(key.replace('eleme', partner), body)
      const dying = { ...dyingAt(world.needs(), deaths + 1), isPartner, limits: small }
      died = await world.drop(file, dying).then(
        () => false,
        error => {
          expect(error).toMatchObject({ message: 'killed' })
          return true
        },
      )
      if (died) deaths += 1
      await world.drop(file, { isPartner, limits: small, wallNow: muchLater })
      expect([deaths, facts(world.resultOf(file))]).toEqual([deaths, whole])
      expect([deaths, await world.stored(partner)]).toEqual([deaths, short])
    }
    // Five batches of three writes each at least, the note of the first reading, two on the way and the result.
    expect([form, deaths >= 19]).toEqual([form, true])
  })

  it('goes on where time ran short, run after run', async () => {
    const file = world.upload(key, body)
    const short = () => {
      let batches = 0
      return () => (batches++ < 4 ? 900_000 : 5_000)
    }
    for (const done of [40, 80]) {
      const run = world.drop(file, { limits: small, remainingMilliseconds: short() })
      await expect(run).rejects.toThrow(Unfinished)
      expect(world.resultOf(file)).toMatchObject({ state: 'receiving', done: { lines: done }, lines: done })
    }
    world.s3().calls.length = 0
    expect(await world.drop(file, { limits: small, remainingMilliseconds: short() })).toMatchObject({
      state: 'complete',
    })
    // One reading of the file, and not the one before: a plain file is read from where it goes on.
    const reads = world.s3().calls.filter(call => call.startsWith('GetObjectVersion'))
    expect(reads).toEqual([key.endsWith('gz') ? `GetObjectVersion ${key}` : expect.stringMatching(/bytes=\d+-$/)])
    expect(await world.stored()).toEqual(lines)
  })

  it('whose connection breaks is no broken file', async () => {
    const file = world.upload(key, body)
    world.s3().breakAfter(key, body.byteLength - 20)
    await expect(world.drop(file, { limits: small })).rejects.not.toThrow(Unfinished)
    expect(world.s3().keys('refused/')).toEqual([])
    expect(await world.drop(file, { limits: small })).toMatchObject({ state: 'complete' })
    expect(await world.stored()).toEqual(lines)
  })
})

it('two runs at once: one takes the file, the other gives way or finds it taken', async () => {
  const file = world.upload('incoming/eleme/a.ndjson', fileOf(lines))
  const runs = await Promise.allSettled([1, 2, 3].map(() => world.drop(file, { limits: small })))
  expect(runs.some(({ status }) => status === 'fulfilled')).toBe(true)
  for (const run of runs) if (run.status === 'rejected') expect(run.reason).toBeInstanceOf(Unfinished)
  expect(world.resultOf(file)).toMatchObject({ state: 'complete', lines: 95 })
  expect((await world.stored()).toSorted()).toEqual(lines.toSorted())
})

it('an event delivered again takes nothing from a living run, and all from a dead one', async () => {
  const file = world.upload('incoming/eleme/a.ndjson', fileOf(lines))
  const { bucket } = world.needs()
  let [again, notes] = [[] as unknown[], 0]
  const seen: DropNeeds['bucket'] = {
    ...bucket,
    async put(...given) {
      const tag = await bucket.put(...given)
      notes += 1
      if (notes === 2) again = [await world.drop(file, { limits: small }).catch(error => error)]
      return tag
    },
  }
  expect(await world.drop(file, { bucket: seen, limits: small })).toMatchObject({ state: 'complete', lines: 95 })
  expect(again).toEqual([expect.any(Unfinished)])
  expect(world.resultOf(file).heldUntil).toBeUndefined()

  const other = world.upload('incoming/youku/b.ndjson', fileOf(lines.slice(0, 50)))
  await expect(world.drop(other, { ...dyingAt(world.needs(), 9), limits: small })).rejects.toThrow('killed')
  await expect(world.drop(other, { limits: small })).rejects.toThrow(Unfinished)
  expect(await world.drop(other, { limits: small, wallNow: muchLater })).toMatchObject({ state: 'complete', lines: 50 })
})

it('a note that nobody can read is no reason to stop', async () => {
  const file = world.upload('incoming/eleme/a.ndjson', fileOf(lines))
  world.s3().upload(`receipts/eleme/a.ndjson.${file.version}.json`, '{"state":')
  expect(await world.drop(file, { limits: small })).toMatchObject({ state: 'complete' })
})

it('many files at once wait for their chain', async () => {
  const uploads = Array.from({ length: 8 }, (_, part) =>
    world.upload(`incoming/eleme/part-${part}.ndjson`, fileOf(lines.slice(part * 12, part * 12 + 12))),
  )
  await Promise.all(uploads.map(file => world.drop(file, { limits: small })))
  expect((await world.stored()).toSorted()).toEqual(lines.toSorted())
})

it('a batch that loses to rivals ten times is sent again after a pause, while there is time', async () => {
  const file = world.upload('incoming/eleme/a.ndjson', fileOf(lines.slice(0, 5)))
  const { table } = world.needs()
  let [lost, pauses] = [0, 0]
  const crowded = {
    ...table,
    commit: (writes: Write[]) => (lost++ < 14 ? Promise.reject(new Conflict([1])) : table.commit(writes)),
  }
  const pause = async () => {
    pauses += 1
  }
  const late = { table: crowded, pause, remainingMilliseconds: () => (lost < 10 ? 900_000 : 5_000) }
  await expect(world.drop(file, late)).rejects.toThrow(Unfinished)
  expect([lost, pauses]).toEqual([10, 0])
  lost = 0
  expect(await world.drop(file, { table: crowded, pause })).toMatchObject({ state: 'complete', lines: 5 })
  expect(pauses).toBe(1)
})

it('a file that is gone before all of it was stored says what stays', async () => {
  const file = world.upload('incoming/eleme/a.ndjson', fileOf(lines))
  let batches = 0
  const remainingMilliseconds = () => (batches++ < 3 ? 900_000 : 5_000)
  await expect(world.drop(file, { limits: small, remainingMilliseconds })).rejects.toThrow(Unfinished)
  world.s3().remove(file.key)
  expect(await world.drop(file, { limits: small })).toEqual(world.refusalOf(file))
  const { code, batches: stored } = world.refusalOf(file)
  expect([code, stored.map(({ lastLine }) => lastLine)]).toEqual(['file-gone', [10, 20, 30]])
})
