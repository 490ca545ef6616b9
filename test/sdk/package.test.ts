import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type BuiltKit, builtKit, compile, npm } from './built-kit.ts'

const run = promisify(execFile)
let built: BuiltKit
beforeAll(async () => {
  built = await builtKit()
}, 120_000)
afterAll(() => built[Symbol.asyncDispose]())

interface Manifest {
  readonly name: string
  readonly exports: Readonly<Record<string, { readonly types: string; readonly default: string }>>
}
const manifest = async (): Promise<Manifest> => JSON.parse(await readFile(join(built.kit, 'package.json'), 'utf8'))

test('publint finds nothing', { timeout: 60_000 }, async () => {
  const { messages, pkg } = await publint({ pkgDir: built.kit, strict: true })
  expect(messages.map(message => formatMessage(message, pkg ?? {}))).toEqual([])
})

test('the package is what is built, the page, the licence, and nothing else', { timeout: 60_000 }, async () => {
  const [packed] = JSON.parse(await npm(built.kit, 'pack', '--dry-run', '--json')) as { files: { path: string }[] }[]
  const paths = packed?.files.map(({ path }) => path) ?? []
  const beside = paths.filter(path => !path.startsWith('dist/'))
  expect(beside.sort()).toEqual(['LICENSE', 'README.md', 'package.json'])
  const emitted = paths.filter(path => path.startsWith('dist/'))
  expect(
    emitted.filter(path => !/^dist\/(?:middleware\/|testing\/|send\/)?[a-z-]+(?:\.d\.ts|\.js)$/.test(path)),
  ).toEqual([])
  expect(emitted.filter(path => path.endsWith('.js')).length * 2).toBe(emitted.length)
  for (const { types, default: code } of Object.values((await manifest()).exports)) {
    expect(paths).toEqual(expect.arrayContaining([types.slice(2), code.slice(2)]))
  }
})

test('it depends on Node alone', async () => {
  const described = await manifest()
  const fields = Object.keys(described)
  expect(fields.filter(name => /dependencies|scripts|private/i.test(name))).toEqual([])
  const dist = join(built.project, 'node_modules/@tessera/partner-kit/dist')
  const files = (await readdir(dist, { recursive: true })).filter(name => /\.(js|d\.ts)$/.test(name))
  expect(files.length).toBeGreaterThan(40)
  for (const file of files) {
    const source = await readFile(join(dist, file), 'utf8')
    const imported = [...source.matchAll(/^(?:import|export) [^;]*?from '([^']+)'|import\('([^']+)'\)/gm)]
    const foreign = imported.map(([, from, called]) => from ?? called ?? '').filter(name => !/^(node:|\.)/.test(name))
    // The snippet that `tessera-mint` prints imports the package itself.
    expect(
      foreign.filter(imported => imported !== described.name),
      file,
    ).toEqual([])
  }
})

test('plain Node imports every export', { timeout: 60_000 }, async () => {
  const { name, exports } = await manifest()
  const names = Object.keys(exports).map(path => name + path.slice(1))
  expect(names).toHaveLength(5)
  const script = `for (const name of ${JSON.stringify(names)}) console.log(Object.keys(await import(name)).join(' '))`
  await writeFile(join(built.project, 'every-export.mjs'), script)
  const { stdout, stderr } = await run(process.execPath, ['every-export.mjs'], { cwd: built.project })
  expect(stderr).toBe('')
  const [main, hono, express, fastify, testing] = stdout.trimEnd().split('\n')
  for (const value of ['createVerifier', 'createSignatureVerifier', 'createEventVerifier', 'createUsageReporter'])
    expect(main?.split(' ')).toContain(value)
  expect([hono, express, fastify]).toEqual(['entitlements', 'entitlements', 'entitlements'])
  expect(testing?.split(' ')).toContain('createTestIssuer')
})

test('npx finds each command by the package’s name, and it speaks of itself by that', {
  timeout: 120_000,
}, async () => {
  const partner = join(built.kit, '../partner')
  await mkdir(partner)
  await writeFile(join(partner, 'package.json'), '{ "private": true }')
  await npm(partner, 'install', '--no-audit', '--no-fund', await built.tarball())
  const { name } = await manifest()
  const npx = (...args: string[]) => npm(partner, 'exec', '--', name, ...args)
  expect(await npx('valid')).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/)
  for (const said of [await npx(), await npx('--help')]) {
    expect(said).toContain(`npx ${name} --serve`)
    expect(said).not.toContain('npm run')
  }
  const wrong = await npx('revokd').catch(error => error.stderr)
  expect(wrong).toContain(`Help: npx ${name} --help`)
  const readme = await readFile(join(built.kit, 'README.md'), 'utf8')
  // A name without a scope is anybody's to register, so the package is named before the command.
  const called = [...readme.matchAll(/npx (?:--package=)?(\S+?)[`\s]/g)].map(([, called]) => called)
  expect(new Set(called)).toEqual(new Set([name]))
  const usage = (...args: string[]) => npm(partner, 'exec', `--package=${name}`, '--', 'tessera-usage', ...args)
  expect(await usage('--version')).toMatch(/^\d+\.\d+\.\d+\n$/)
  expect(await usage('--help')).toContain(`npx --package=${name} tessera-usage send FILE`)
})

const consumer = `
import { createEventVerifier, createUsageReporter, createVerifier, TokenRefused } from '@tessera/partner-kit'
import type { RefusalCode, UsageEvent, VerifiedEntitlements } from '@tessera/partner-kit'
import { entitlements as express } from '@tessera/partner-kit/express'
import { entitlements as fastify } from '@tessera/partner-kit/fastify'
import { entitlements as hono } from '@tessera/partner-kit/hono'
import * as testing from '@tessera/partner-kit/testing'

const options = { issuer: 'https://tessera.example', audience: 'youku' }
const verifier = createVerifier(options)
export const entitled: Promise<VerifiedEntitlements> = verifier.verify('')
export const events: Promise<{ readonly tokenId: string }> = createEventVerifier(options).verify('')
export const guards = [hono({ verifier }), express({ verifier }), fastify({ verifier, benefit: 'youku-vip' })]
export const code = (error: unknown): RefusalCode | undefined => (error instanceof TokenRefused ? error.code : undefined)
export const reporter = createUsageReporter({ ...options, credentials: { token: async () => '' } })
export const report = (event: UsageEvent): void => reporter.report(event)
export const tested: object = testing
// @ts-expect-error the types are there: an audience is required
createVerifier({ issuer: 'https://tessera.example' })
// @ts-expect-error and an unknown field of an event is an error before it runs
reporter.report({ id: '1', entitlementId: '', benefit: '', subject: '', occurredAt: '', quanttiy: 2 })
`

test('a strict consumer compiles, the kit’s own types checked with it', { timeout: 60_000 }, async () => {
  await writeFile(join(built.project, 'consumer.ts'), consumer)
  const compilerOptions = {
    ...{ module: 'nodenext', target: 'es2023', lib: ['es2023'], types: ['node'] },
    ...{ strict: true, noEmit: true, skipLibCheck: false, exactOptionalPropertyTypes: true },
  }
  await writeFile(join(built.project, 'package.json'), '{ "type": "module" }')
  await writeFile(join(built.project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['consumer.ts'] }))
  await compile(built.project)
})
