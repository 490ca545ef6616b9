import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestIssuer } from '../../sdk/testing/index.ts'
import { type BuiltKit, builtKit, compile, root } from './built-kit.ts'

const run = promisify(execFile)
let built: BuiltKit
let examples: string[]

beforeAll(async () => {
  built = await builtKit()
  const readme = await readFile(join(root, 'sdk/README.md'), 'utf8')
  examples = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code ?? '')
  // The examples import the kit by its name, from the package as a partner installs it.
  await writeFile(join(built.project, 'package.json'), '{ "type": "module" }')
  const tsconfig = { extends: '../../../tsconfig.json', include: ['example-*.ts'] }
  await writeFile(join(built.project, 'tsconfig.json'), JSON.stringify(tsconfig))
  for (const [index, code] of examples.entries()) await writeFile(join(built.project, `example-${index}.ts`), code)
}, 120_000)
afterAll(() => built[Symbol.asyncDispose]())

test('the first example has five lines', () => {
  expect(examples[0]?.trim().split('\n')).toHaveLength(5)
})

test('every example compiles', { timeout: 60_000 }, async () => {
  expect(examples).toHaveLength(11)
  await compile(built.project)
})

const runExample = (index: number, env: Record<string, string> = {}) =>
  run(process.execPath, [`example-${index}.ts`], { cwd: built.project, env: { ...process.env, ...env } })

test('the first one unlocks a benefit, and refuses what was changed or revoked', { timeout: 60_000 }, async () => {
  const issuer = createTestIssuer({ audience: 'youku' })
  const { close } = await issuer.listen(0)
  try {
    const example = (token: string) => runExample(0, { TESSERA_ISSUER: issuer.issuer, TOKEN: token })
    const token = issuer.mint()
    expect((await example(token)).stdout).toBe('unlocked\n')
    const end = Math.floor(Date.now() / 1000) + 900
    const gifts = issuer.mint({ ent: [{ id: 'ent_1', bid: 'youku-gifts', st: 'active', vu: end }] })
    expect((await example(gifts)).stdout).toBe('locked\n')
    await expect(example(`${token}\n`)).rejects.toThrow('token-whitespace')
    const revoked = issuer.mint({ status: { status_list: { idx: 7, uri: issuer.listUri() } } })
    expect((await example(revoked)).stdout).toBe('unlocked\n')
    issuer.setStatus({ index: 7 }, 'invalid')
    await expect(example(revoked)).rejects.toThrow('token-revoked')
  } finally {
    await close()
  }
})

test('the one with a test issuer runs without a network', { timeout: 60_000 }, async () => {
  const index = examples.findIndex(code => code.includes('createTestIssuer'))
  expect((await runExample(index)).stdout).toBe('true\n')
})

const delivery = (example: number) => `
import { createTestIssuer } from '@tessera/partner-kit/testing'
const { fetch, sign } = createTestIssuer({ issuer: 'https://tessera.example', audience: 'youku' })
globalThis.fetch = fetch
const { receiver } = await import('./example-${example}.ts')
const applied = []
let fails = true
const inbox = {
  has: async tokenId => applied.includes(tokenId),
  async applyOnce({ tokenId }) {
    if (fails) throw new Error('database away')
    if (applied.includes(tokenId)) return false
    applied.push(tokenId)
    return true
  },
}
const receive = receiver(inbox)
const push = body => receive(new Request('https://youku.example', { method: 'POST', body })).then(
  ({ status }) => status,
  error => error.message,
)
const [first, second] = [sign('event', { jti: 'evt_1' }), sign('event', { jti: 'evt_2' })]
const failed = await push(first)
fails = false
const again = [await push(first), await push(first)]
const atOnce = await Promise.all([push(second), push(second)])
console.log(JSON.stringify({ failed, again, atOnce, forged: await push(first + 'A'), applied }))
`

test('the one with events loses none whose effect failed, and applies each once', { timeout: 60_000 }, async () => {
  const example = examples.findIndex(code => code.includes('createEventVerifier'))
  await writeFile(join(built.project, 'delivery.mjs'), delivery(example))
  const { stdout } = await run(process.execPath, ['delivery.mjs'], { cwd: built.project })
  expect(JSON.parse(stdout)).toEqual({
    failed: 'database away',
    again: [202, 202],
    atOnce: [202, 202],
    forged: 400,
    applied: ['evt_1', 'evt_2'],
  })
})

test('the page names every code of a refusal, and no other', async () => {
  const source = await readFile(join(root, 'sdk/refused.ts'), 'utf8')
  const codes = [...source.matchAll(/^ {2}'([a-z0-9-]+)':/gm)].map(([, code]) => code)
  expect(codes.length).toBeGreaterThan(60)
  const readme = await readFile(join(root, 'sdk/README.md'), 'utf8')
  const [, table = ''] = /^## Refusals\n(.*?)^## /ms.exec(readme) ?? []
  const rows = table.split('\n').filter(line => line.startsWith('| ') && !line.startsWith('| group'))
  const named = rows.flatMap(row => [...(row.split('|')[2] ?? '').matchAll(/`([a-z0-9-]+)`/g)].map(([, code]) => code))
  expect(named.toSorted()).toEqual(codes.toSorted())
})
