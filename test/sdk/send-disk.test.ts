import { spawn } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clientSecret } from '../../functions/local/demo.ts'
import { root } from './built-kit.ts'
import { events, ndjson } from './send-process.ts'
import { type SendWorld, sendWorld } from './send-world.ts'

let world: SendWorld
beforeAll(async () => {
  world = await sendWorld()
})
afterAll(() => world[Symbol.asyncDispose]())

/** The command where no file may grow beyond so many KB, which the system tells as it tells of a full disk. */
function limited(kilobytes: number, ...args: string[]): Promise<{ code: number | null; text: string }> {
  const script = join(root, 'sdk/send/main.ts')
  const child = spawn('bash', ['-c', `ulimit -f ${kilobytes}; exec "$@"`, 'bash', process.execPath, script, ...args], {
    env: {
      PATH: process.env['PATH'] ?? '',
      NODE_NO_WARNINGS: '1',
      TESSERA_ISSUER: world.issuer,
      TESSERA_CLIENT: 'youku',
      TESSERA_CLIENT_SECRET: clientSecret('youku'),
    },
  })
  child.stdin.end()
  const chunks: Buffer[] = []
  child.stdout.on('data', chunk => chunks.push(chunk))
  child.stderr.on('data', chunk => chunks.push(chunk))
  return new Promise(ended => child.on('close', code => ended({ code, text: Buffer.concat(chunks).toString() })))
}

test('where the disk is full the command stops, and goes on without half a receipt', { timeout: 90_000 }, async () => {
  const path = world.path('disk.ndjson')
  await writeFile(path, events(2_000, 'disk'))
  const ran = await limited(8, 'send', path, '--max-events', '100', '--quiet')
  expect(ran).toMatchObject({ code: 3, text: expect.stringContaining('there is no room on the disk') })
  const kept = await ndjson(`${path}.receipts.ndjson`)
  expect(kept.length).toBeGreaterThan(2)
  expect((await world.run('send', path, '--max-events', '100')).code).toBe(0)
  const receipts = await ndjson(`${path}.receipts.ndjson`)
  expect(receipts.map(({ fromLine }) => fromLine)).toEqual(Array.from({ length: 20 }, (_, index) => index * 100 + 1))
  expect(receipts.slice(0, kept.length)).toEqual(kept)
  expect(await world.stored()).toHaveLength(2_000)
})

test('a padded gzip is never taken for delivered', { timeout: 60_000 }, async () => {
  const before = (await world.stored()).length
  const path = world.path('padded.ndjson.gz')
  const [first, second] = [gzipSync(events(100, 'first')), gzipSync(events(100, 'second'))]
  await writeFile(path, Buffer.concat([first, Buffer.alloc(8), second]))
  const ran = await world.run('send', path, '--max-events', '10')
  expect(ran.code).toBe(3)
  expect(ran.stderr).toContain('more behind the end of its gzip')
  expect(JSON.parse(await readFile(`${path}.send-state.json`, 'utf8').catch(() => '{}'))).not.toMatchObject({
    isComplete: true,
  })
  // Mended, it is delivered whole.
  await writeFile(path, Buffer.concat([first, second]))
  expect((await world.run('send', path, '--max-events', '10', '--restart')).code).toBe(0)
  expect((await world.stored()).length - before).toBe(200)
})
