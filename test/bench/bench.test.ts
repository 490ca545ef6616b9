import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { interleaved, ratioOf, spreadOf } from './measure.ts'
import { isMet, pageWith, type Target, verdict } from './report.ts'

const main = join(import.meta.dirname, 'main.ts')
const run = (...args: string[]) => promisify(execFile)(process.execPath, ['--import', 'tsx', main, ...args])

describe('a quick run', () => {
  let folder: string
  let out: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bench-test-'))
    out = join(folder, 'page.md')
    await writeFile(
      out,
      '# Figures\n\nProse before.\n\n<!-- bench:verify begin (generated) -->\nold\n<!-- bench:verify end -->\n\nAfter.\n',
    )
    await run('--quick', '--only', 'verify,bundle', '--out', out)
  }, 60_000)
  afterAll(() => rm(folder, { recursive: true, force: true }))

  const rowsOf = (page: string) => page.split('\n').filter(line => line.startsWith('| '))

  it('measures every verifier and both bundles, and judges the verifiers', async () => {
    const page = await readFile(out, 'utf8')
    const measured = rowsOf(page).filter(line => /\(\d.*–.*\).* ×/.test(line))
    const names = measured.map(line => line.split('|')[1]?.trim())
    expect(names).toEqual([
      '`crypto.verify` alone',
      '`crypto.verify` alone, signature as DER',
      'partner kit, no cache',
      'fast-jwt, no cache',
      'jsonwebtoken',
      'aws-jwt-verify',
      'jose',
      'partner kit, cache on, new token',
      'fast-jwt, cache on, new token',
      'partner kit, known token',
      'fast-jwt, known token',
      '`functions/token.ts`',
      'bare Hono + DynamoDB client',
    ])
    expect(page).not.toMatch(/NaN|undefined|Infinity|– \(/)
    const judged = rowsOf(page).filter(line => /refused|taken/.test(line))
    expect(judged).toHaveLength(12)
    // The kit's is the first column, and it takes none of them.
    expect(judged.filter(line => line.split('|')[2]?.trim() !== 'refused')).toEqual([])
    expect(page.match(/^- [✓✗] /gm)).toHaveLength(4)
  })

  it('leaves the prose of the page alone, replaces its section and adds the one that was missing', async () => {
    const page = await readFile(out, 'utf8')
    expect(page).toMatch(/^# Figures\n\nProse before\.\n\n<!-- bench:verify begin/)
    expect(page).toContain('<!-- bench:verify end -->\n\nAfter.\n')
    expect(page).not.toContain('\nold\n')
    expect(page).toContain('<!-- bench:bundle begin')
    expect(page).toContain('A quick run')
  })
})

describe('arguments', () => {
  it('an unknown topic is refused by name', async () => {
    await expect(run('--only', 'speed')).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no topic speed'),
    })
  })
})

describe('figures', () => {
  it('the median of an even and of an odd number of rounds', () => {
    expect(spreadOf([4, 1, 3])).toEqual({ median: 3, low: 1, high: 4 })
    expect(spreadOf([4, 1, 3, 2]).median).toBe(2.5)
  })

  it('a ratio is taken within each round, so that a slow round does not count', () => {
    expect(ratioOf([10, 100, 20], [20, 200, 40])).toEqual({ median: 0.5, low: 0.5, high: 0.5 })
  })

  it('every contender runs once a round, another one first each time', async () => {
    const order: string[] = []
    await interleaved(['a', 'b', 'c'], 3, async name => order.push(name))
    expect(order.join('')).toBe('abcbcacab')
  })

  it('says by how much a target is met or missed', () => {
    const target: Target = { name: 'speed', measured: 0.81, limit: 0.9, bound: 'at least', unit: ' ×' }
    expect(isMet(target)).toBe(false)
    expect(verdict(target)).toBe('speed: 0.81 ×, target at least 0.9 ×: MISSED by 10 %')
    expect(isMet({ ...target, bound: 'at most' })).toBe(true)
  })

  it('a section is put between its own markers only', () => {
    const sections = new Map([['mint', 'new'] as const])
    const page = pageWith('a\n<!-- bench:mint begin (generated) -->\nold\n<!-- bench:mint end -->\nb', sections)
    expect(page).toBe('a\n<!-- bench:mint begin (generated) -->\nnew\n<!-- bench:mint end -->\nb')
    expect(pageWith(page, sections)).toBe(page)
  })
})
