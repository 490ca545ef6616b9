import { writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { events, ndjson } from './send-process.ts'
import { answerLost, type SendWorld, sendWorld } from './send-world.ts'

let world: SendWorld
beforeAll(async () => {
  world = await sendWorld()
})
afterAll(() => world[Symbol.asyncDispose]())

/** mulberry32: a small generator that a printed seed repeats. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

test('killed at any moment, the same command goes on: every line once, in order', { timeout: 180_000 }, async () => {
  const seed = Number(process.env['SEND_SEED'] ?? Math.floor(Math.random() * 1e9))
  console.log(`SEND_SEED=${seed} npx vitest run --project parts test/sdk/send-kill.test.ts`)
  const random = seeded(seed)
  const path = world.path('killed.ndjson')
  const count = 6_000
  await writeFile(path, events(count))
  const args = ['send', path, '--max-events', '200', '--json']
  for (let kills = 0; kills < 8; kills += 1) {
    const until = world.seen.length + Math.floor(random() * 4)
    if (random() < 0.3) world.faults.push(answerLost)
    const { child, ended } = world.start(...args)
    let isOver = false
    const over = ended.then(ran => {
      isOver = true
      return ran
    })
    while (!isOver && world.seen.length < until) await delay(2)
    await delay(random() * 60)
    child.kill('SIGKILL')
    const ran = await over
    expect([null, 0], `seed ${seed}: ${ran.stderr}`).toContain(ran.code)
  }
  world.faults.splice(0)
  const ran = await world.run(...args)
  expect(ran, `seed ${seed}`).toMatchObject({ code: 0 })
  const stored = (await world.stored()).map(({ event }) => event?.id)
  expect(stored, `seed ${seed}`).toEqual(Array.from({ length: count }, (_, index) => `use-${index + 1}`))
  const receipts = await ndjson(`${path}.receipts.ndjson`)
  expect(receipts.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 30 }, (_, index) => index + 1))
  expect(JSON.parse(ran.stdout)).toMatchObject({ lines: count, batches: 30, gaps: 0, quantity: count })
})
