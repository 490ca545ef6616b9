import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { claims, mint, serveJwks } from './issuer.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
let folder: string

beforeAll(async () => {
  const readme = await readFile(join(root, 'sdk/README.md'), 'utf8')
  const example = /^```ts\n(.*?)^```$/ms.exec(readme)?.[1] ?? ''
  await mkdir(join(root, 'test-results'), { recursive: true })
  folder = await mkdtemp(join(root, 'test-results/partner-kit-'))
  // A partner imports the kit by its name, so the example must resolve it through node_modules.
  await mkdir(join(folder, 'node_modules/@tessera'), { recursive: true })
  await symlink(join(root, 'sdk'), join(folder, 'node_modules/@tessera/partner-kit'))
  await writeFile(join(folder, 'example.ts'), example)
  await writeFile(join(folder, 'tsconfig.json'), '{ "extends": "../../tsconfig.json", "include": ["example.ts"] }')
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
})
afterAll(() => rm(folder, { recursive: true }))

test('the example has five lines', async () => {
  const example = await readFile(join(folder, 'example.ts'), 'utf8')
  expect(example.trim().split('\n')).toHaveLength(5)
})

test('the example compiles', { timeout: 60_000 }, async () => {
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  await run(process.execPath, [tsc, '-p', folder]).catch(error => expect.fail(`${error.stdout}${error.stderr}`))
})

test('the example unlocks a benefit with a genuine token and refuses a changed one', { timeout: 60_000 }, async () => {
  await using server = await serveJwks()
  const now = Math.floor(Date.now() / 1000)
  const live = (benefit: string) => {
    const ent = [{ id: 'ent_1', bid: benefit, st: 'active', vu: now + 900 }]
    return mint({ ...claims(server.url), iat: now, nbf: now, exp: now + 900, ent })
  }
  const example = (token: string) => {
    const env = { ...process.env, TESSERA_ISSUER: server.url, TOKEN: token }
    return run(process.execPath, ['example.ts'], { cwd: folder, env })
  }
  expect((await example(live('youku-vip'))).stdout).toBe('unlocked\n')
  expect((await example(live('youku-gifts'))).stdout).toBe('locked\n')
  await expect(example(`${live('youku-vip')}\n`)).rejects.toThrow('token-whitespace')
})
