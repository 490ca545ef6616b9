import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { describe, expect, it } from 'vitest'

/** The rules of the house as tests: imports point one way, and only the named modules know the outside world. */
const root = join(import.meta.dirname, '..')
const sources = (folder: string): string[] =>
  readdirSync(join(root, folder)).flatMap(name => {
    const path = join(folder, name)
    if (statSync(join(root, path)).isDirectory()) return sources(path)
    return /\.tsx?$/.test(name) ? [path] : []
  })

type Import = { from: string; to: string; typeOnly: boolean }
const importsOf = (file: string): Import[] =>
  [
    ...readFileSync(join(root, file), 'utf8').matchAll(
      /^(?:import|export)\s+(type\s)?[^;'"]*?from\s+'([^']+)'|^import\s+'([^']+)'/gm,
    ),
  ].map(([, type, from, bare]) => {
    const name = from ?? bare ?? ''
    const to = name.startsWith('.') ? normalize(join(dirname(file), name)) : name
    return { from: file, to, typeOnly: type !== undefined }
  })

const files = ['functions', 'schemas', 'sdk', 'infra'].flatMap(sources)
const imports = files.flatMap(importsOf)
const within = (folder: string) => (path: string) => path.startsWith(`${folder}/`)
const domainOf = (path: string) => (/^functions\/([a-z-]+)\//.exec(path) ?? [])[1]
const offenders = (rule: (candidate: Import) => boolean) =>
  imports.filter(rule).map(({ from, to }) => `${from} → ${to}`)

describe('imports point one way', () => {
  it('finds the sources at all', () => {
    expect(files.length).toBeGreaterThan(80)
    expect(imports.length).toBeGreaterThan(300)
  })

  it('schemas import zod and each other only', () => {
    expect(offenders(({ from, to }) => within('schemas')(from) && !within('schemas')(to) && to !== 'zod')).toEqual([])
  })

  it('infra imports schemas and the CDK only', () => {
    const allowed = (to: string) =>
      within('infra')(to) || within('schemas')(to) || /^(aws-cdk-lib|constructs|cdk-nag|node:|zod)/.test(to)
    expect(offenders(({ from, to }) => within('infra')(from) && !allowed(to))).toEqual([])
  })

  it('sdk imports nothing from functions or schemas', () => {
    const foreign = (to: string) => within('functions')(to) || within('schemas')(to)
    expect(offenders(({ from, to }) => within('sdk')(from) && foreign(to))).toEqual([])
  })

  it('the kernel imports no domain', () => {
    const foreign = (to: string) => to.startsWith('functions/') && !within('functions/kernel')(to)
    expect(offenders(({ from, to }) => within('functions/kernel')(from) && foreign(to))).toEqual([])
  })

  it('a store is imported within its own domain only', () => {
    const foreign = ({ from, to }: Import) => /\/(store|[a-z]+-store)\.ts$/.test(to) && domainOf(from) !== domainOf(to)
    expect(offenders(foreign)).toEqual([])
  })

  it('routes and the gateway are imported by compositions only', () => {
    const composed = ({ from, to }: Import) =>
      /functions\/.*[/-]routes\.tsx?$|functions\/gateway(-[a-z]+)?\.ts$/.test(to) &&
      domainOf(from) !== undefined &&
      domainOf(from) !== 'local'
    expect(offenders(composed)).toEqual([])
  })

  it('what is deployed imports nothing of npm start', () => {
    const deployed = (from: string) => within('functions')(from) && !within('functions/local')(from)
    expect(offenders(({ from, to }) => deployed(from) && within('functions/local')(to))).toEqual([])
  })
})

describe('only the named modules know the outside', () => {
  const isEntry = (path: string) => /^functions\/[a-z-]+\.ts$/.test(path)

  it('Hono', () => {
    const may = (from: string) =>
      isEntry(from) ||
      /[/-]routes\.tsx?$|^functions\/kernel\/(problem|validate|idempotency)\.ts$|^functions\/portal\/pages\.tsx$|^functions\/local\//.test(
        from,
      )
    // Views render with hono/jsx, which is a template language and no router.
    const isHono = ({ to, typeOnly }: Import) =>
      /^(hono|@hono)(\/|$)/.test(to) && !to.startsWith('hono/jsx') && !(typeOnly && to === 'hono/jsx')
    expect(offenders(edge => within('functions')(edge.from) && isHono(edge) && !may(edge.from))).toEqual([])
  })

  it('the AWS SDK', () => {
    const may = (from: string) =>
      [
        'functions/kernel/table.ts',
        'functions/kernel/requests.ts',
        'functions/tokens/kms-vault.ts',
        'functions/usage/drop-bucket.ts',
        'functions/settlement/machine.ts',
      ].includes(from) || within('functions/local')(from)
    expect(offenders(({ from, to }) => to.startsWith('@aws-sdk/') && !may(from))).toEqual([])
  })

  it('process.env: entries, the compositions of npm start, and a command of the kit', () => {
    const reads = (text: string) =>
      text.includes('process.env') || /import \{[^}]*\benv\b[^}]*\} from 'node:process'/.test(text)
    const readers = files.filter(file => reads(readFileSync(join(root, file), 'utf8')))
    const commands = ['functions/local/main.ts', 'functions/local/story.ts', 'sdk/send/main.ts']
    const may = (file: string) => isEntry(file) || commands.includes(file)
    expect(readers.filter(file => !may(file) && !within('infra')(file))).toEqual([])
  })
})

describe('size and style', () => {
  it('the kernel has 12 files at most', () => {
    expect(sources('functions/kernel').length).toBeLessThanOrEqual(12)
  })

  it('no file passes 250 lines', () => {
    // All texts of a language in one file: they are data, and translators compare file with file.
    const isData = (file: string) => /^functions\/portal\/(messages\/[A-Za-z-]+|stylesheet)\.ts$/.test(file)
    const long = files.filter(file => !isData(file) && readFileSync(join(root, file), 'utf8').split('\n').length > 260)
    expect(long).toEqual([])
  })

  it('no drawer for odds and ends', () => {
    expect(files.filter(file => /(^|\/)(utils?|helpers?|common|services)(\/|\.)/.test(relative('.', file)))).toEqual([])
  })

  it('nothing is left to do in a comment', () => {
    const marked = files.filter(file => /\b(TODO|FIXME|XXX)\b(?!')/.test(readFileSync(join(root, file), 'utf8')))
    expect(marked).toEqual([])
  })

  it('an entry point has ten lines or fewer', () => {
    for (const entry of ['api', 'token', 'authorize', 'changes', 'timers', 'settle', 'close', 'drop'])
      expect(
        readFileSync(join(root, `functions/${entry}.ts`), 'utf8')
          .trim()
          .split('\n').length,
      ).toBeLessThanOrEqual(10)
  })
})
