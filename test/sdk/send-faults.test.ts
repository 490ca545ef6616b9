import { utimes, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clientSecret } from '../../functions/local/demo.ts'
import { command, events, ndjson } from './send-process.ts'
import { answered, answerLost, type SendWorld, sendWorld, silence } from './send-world.ts'

let world: SendWorld
beforeAll(async () => {
  world = await sendWorld()
})
afterAll(() => world[Symbol.asyncDispose]())

async function fileOf(name: string, count: number): Promise<string> {
  const path = world.path(`${name}.ndjson`)
  await writeFile(path, events(count, name))
  return path
}

/** Ids of a file's events as they are stored, in the order of the chain. */
const storedOf = async (name: string) =>
  (await world.stored()).map(({ event }) => event?.id ?? '').filter(id => id.startsWith(`${name}-`))
const idsOf = (name: string, count: number) => Array.from({ length: count }, (_, index) => `${name}-${index + 1}`)
const small = ['--max-events', '100'] as const

test('busy, unavailable, lost answers and silence: everything arrives once', { timeout: 90_000 }, async () => {
  const path = await fileOf('rough', 500)
  const ok = undefined
  const faults = [
    answered(503),
    answerLost,
    ok,
    answered(429, { 'retry-after': '1' }),
    answerLost,
    silence,
    ok,
    answered(502),
  ]
  world.faults.push(...faults.map(fault => fault ?? pass))
  const ran = await world.run('send', path, ...small, '--timeout', '2', '--attempts', '5', '--json')
  expect(ran).toMatchObject({ code: 0 })
  expect(ran.stderr).toContain('the same batch again in')
  expect(await storedOf('rough')).toEqual(idsOf('rough', 500))
  expect(JSON.parse(ran.stdout)).toMatchObject({ batches: 5, gaps: 0, chain: { last: { sequence: 5 } } })
})
const pass: typeof answerLost = async (send, response) => {
  const answer = await send()
  response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text())
}

test('what never gets an answer ends with 3, and the same command goes on', { timeout: 60_000 }, async () => {
  const path = await fileOf('stuck', 300)
  world.faults.push(pass, answered(503), answered(503))
  const ran = await world.run('send', path, ...small, '--attempts', '2', '--json')
  expect(ran.code).toBe(3)
  expect(ran.stderr).toContain('Run the same command again to go on')
  expect(JSON.parse(ran.stdout)).toMatchObject({ isComplete: false, lines: 100, error: { name: 'UsageUndelivered' } })
  const again = await world.run('send', path, ...small, '--json')
  expect(again.code).toBe(0)
  expect(again.stderr).toContain('going on after line 100')
  expect(JSON.parse(again.stdout)).toMatchObject({ lines: 300, run: { lines: 200 } })
  expect(await storedOf('stuck')).toEqual(idsOf('stuck', 300))
  expect(await ndjson(`${path}.receipts.ndjson`)).toHaveLength(3)
})

test('Ctrl-C ends with 130 within the exchange, and loses nothing', { timeout: 60_000 }, async () => {
  const path = await fileOf('halted', 300)
  const sent = world.seen.length
  world.faults.push(pass, silence)
  const { child, ended } = world.start('send', path, ...small)
  while (world.seen.length < sent + 2) await new Promise(soon => setTimeout(soon, 10))
  child.kill('SIGINT')
  const ran = await ended
  expect(ran.code).toBe(130)
  expect(ran.stdout).toContain('not everything is delivered')
  expect((await world.run('send', path, ...small)).code).toBe(0)
  expect(await storedOf('halted')).toEqual(idsOf('halted', 300))
})

test('a refused caller ends at once, with advice and without the secret', { timeout: 60_000 }, async () => {
  const path = await fileOf('refused', 10)
  const asked = async (env: Record<string, string>, ...more: string[]) => {
    const known = {
      TESSERA_ISSUER: world.issuer,
      TESSERA_CLIENT: 'youku',
      TESSERA_CLIENT_SECRET: clientSecret('youku'),
    }
    const ran = await command(['send', path, ...more], { ...known, ...env })
    expect(ran.stderr).not.toContain(clientSecret('youku'))
    return `${ran.code} ${ran.stderr}`
  }
  const sent = world.seen.length
  expect(await asked({ TESSERA_CLIENT_SECRET: 'wrong-secret' })).toMatch(/^3 .*does not know this client/)
  // The brand's own client has no scope for it.
  const brand = { TESSERA_CLIENT: 'alibaba', TESSERA_CLIENT_SECRET: clientSecret('alibaba') }
  expect(await asked(brand)).toMatch(/^3 .*may not report usage/)
  expect(world.seen.length).toBe(sent)
  world.faults.push(answered(403))
  expect(await asked({})).toMatch(/^3 .*after 1 attempts: caller-refused/)
  // The receipt of a stored batch is made out to youku.
  expect(await asked({}, '--audience', 'eleme', '--attempts', '1')).toMatch(/^3 .*made out to another partner/)
  const file = world.path('secret')
  await writeFile(file, `${clientSecret('youku')}\n`)
  expect(await asked({ TESSERA_CLIENT_SECRET: '' }, '--secret-file', file)).toMatch(/^0 /)
  expect(await storedOf('refused')).toEqual(idsOf('refused', 10))
})

test('another file, other limits or another partner do not go on where one was begun', {
  timeout: 90_000,
}, async () => {
  const path = await fileOf('changed', 300)
  const modified = new Date('2026-11-01T00:00:00Z')
  await utimes(path, modified, modified)
  world.faults.push(pass, answered(503))
  expect((await world.run('send', path, ...small, '--attempts', '1')).code).toBe(3)
  const sent = world.seen.length
  const refused = async (...more: string[]) => {
    const ran = await world.run('send', path, ...more)
    expect(ran.code).toBe(2)
    return ran.stderr
  }
  expect(await refused('--max-events', '50')).toContain('Go on with --max-events 100 --max-bytes 4500000')
  expect(await refused(...small, '--audience', 'eleme')).toContain('Go on with --audience youku')
  await writeFile(path, events(301, 'changed'))
  expect(await refused(...small)).toContain('The file has changed since')
  // Of the same size and time, but of other content where it was sent already.
  await writeFile(path, events(300, 'chanGed'))
  await utimes(path, modified, modified)
  expect(await refused(...small)).toContain('The content is not what was sent before')
  expect(world.seen.length).toBe(sent)

  await writeFile(path, events(300, 'changed'))
  expect((await world.run('send', path, ...small, '--restart')).code).toBe(0)
  expect(await storedOf('changed')).toEqual(idsOf('changed', 300))
  // The first batch was stored once and got the same receipt twice; no receipt is ever thrown away.
  const receipts = await ndjson(`${path}.receipts.ndjson`)
  expect(receipts).toHaveLength(4)
  expect(receipts[0]).toEqual(receipts[1])
})

test('batches of another file in between are told as a gap of the chain', { timeout: 60_000 }, async () => {
  const [path, other] = [await fileOf('parted', 200), await fileOf('other', 50)]
  world.faults.push(pass, answered(503))
  expect((await world.run('send', path, ...small, '--attempts', '1')).code).toBe(3)
  expect((await world.run('send', other)).code).toBe(0)
  const ran = await world.run('send', path, ...small)
  expect(ran.code).toBe(0)
  expect(ran.stdout).toContain('batches of other senders lie between (gaps: 1)')
})

test('two runs at once: one of them gives way, and every line is there once', { timeout: 60_000 }, async () => {
  const path = await fileOf('rivals', 2_000)
  const rivals = await Promise.all([1, 2].map(() => world.run('send', path, ...small, '--json')))
  const codes = rivals.map(({ code }) => code).toSorted()
  expect(codes[1]).toBe(3)
  expect((await world.run('send', path, ...small)).code).toBe(0)
  expect(await storedOf('rivals')).toEqual(idsOf('rivals', 2_000))
})

test('the gateway’s log has no secret and nothing of an event', () => {
  const text = world.logged.join('\n')
  expect(text).toContain('/v1/usage-batches')
  for (const secret of ['sub_0000', 'ent_0000', clientSecret('youku')]) expect(text).not.toContain(secret)
})
