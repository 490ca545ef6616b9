import { spawnSync } from 'node:child_process'
import { beforeAll, describe, expect, test } from 'vitest'
import { journal } from '../../functions/reports/journal.ts'
import { balances, transfersOfPeriod } from '../../functions/settlement/balances.ts'
import type { Day } from '../../schemas/primitives.ts'
import { close, newWorld, november, october, reportNovember, reportOctober } from './world.ts'

/** The programs whose formats the journal has: each that is installed reads it, and none is needed to work here. */
const programs = ['hledger', 'ledger'].filter(name => spawnSync(name, ['--version']).status === 0)

const read = (program: string, text: string, command: string[]) => {
  const { status, stdout, stderr } = spawnSync(program, ['-f', '-', ...command], { input: text, encoding: 'utf8' })
  return { status, stdout, stderr }
}
const check = (program: string, text: string) =>
  read(program, text, program === 'hledger' ? ['check'] : ['balance', '--empty'])

/** `position:youku:CNY` → amount, as the program adds it up. */
function balancesBy(program: string, text: string): Map<string, bigint> {
  const command =
    program === 'hledger'
      ? ['balance', '--flat', '--no-total', '--empty', '--output-format', 'csv']
      : ['balance', '--flat', '--no-total', '--empty', '--balance-format', '"%(account)","%(display_total)"\n']
  const { stdout } = read(program, text, command)
  const rows = stdout.matchAll(/^"(position:[^"]+)","(-?\d+)(?: ([A-Z]+)MINOR)?"$/gm)
  return new Map(Array.from(rows, ([, account = '', amount = '0']) => [account, BigInt(amount)]))
}

let text: string
let held: Map<string, bigint>

beforeAll(async () => {
  const world = await newWorld()
  await reportOctober(world)
  world.moveTo('2026-11-01T00:00:00Z')
  await close(world, october)
  await reportNovember(world)
  world.moveTo('2026-12-02T00:00:00Z')
  await close(world, november)
  const parts: string[] = []
  for (const period of [october, november]) {
    const transfers = await transfersOfPeriod(world, { programme: '88vip', period })
    parts.push(journal(transfers, `${period}-28` as Day, `88vip ${period}`))
  }
  text = parts.join('\n')
  const own = await balances(world, '88vip')
  held = new Map(own.map(({ account, amountMinor }) => [account, BigInt(amountMinor)]))
})

const firstAmount = /(?<= {2})(\d+)(?= CNYMINOR)/

describe.skipIf(programs.length === 0)('the journal of two months, read by the programs it is for', () => {
  test.each(programs)('%s finds nothing wrong with it', program => {
    expect(text).toContain('CNYMINOR')
    expect(check(program, text)).toMatchObject({ status: 0, stderr: '' })
  })

  test.each(programs)('%s adds up the balances that the ledger holds', program => {
    const isMoved = ([, amount]: [string, bigint]) => amount !== 0n
    expect(held.size).toBeGreaterThan(3)
    expect([...balancesBy(program, text)].filter(isMoved).sort()).toEqual([...held].filter(isMoved).sort())
  })

  test.each(programs)('%s refuses one whose amount is a single minor unit off', program => {
    const tampered = text.replace(firstAmount, amount => String(Number(amount) + 1))
    expect(tampered).not.toBe(text)
    const { status, stderr } = check(program, tampered)
    expect(status).not.toBe(0)
    expect(stderr).toMatch(/balance/i)
  })

  test.each(programs)('%s refuses one of which a posting was lost', program => {
    const lines = text.split('\n')
    const posting = lines.findIndex(line => firstAmount.test(line))
    const { status } = check(program, lines.toSpliced(posting, 1).join('\n'))
    expect(status).not.toBe(0)
  })
})

// So that a run says which of its checks did not happen.
test.skipIf(programs.length > 0)('neither hledger nor ledger is installed: the journal was read by no program', ctx =>
  ctx.skip('install one of them, as CI does from Debian'),
)
