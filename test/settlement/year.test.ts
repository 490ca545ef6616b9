import { DuckDBInstance } from '@duckdb/node-api'
import { beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { settlementNeeds } from '../../functions/gateway-needs.ts'
import { balances, transfersOfPeriod } from '../../functions/settlement/balances.ts'
import { viewPeriod } from '../../functions/settlement/periods.ts'
import { listStatements } from '../../functions/settlement/statements.ts'
import type { Period } from '../../schemas/primitives.ts'
import type { Statement } from '../../schemas/settlement.ts'
import { billing, monthOf, rating } from './year-rating.sql.ts'
import { lastContracts, partners, programmeNames, programmes } from './year-terms.ts'
import { dispositions, tables, terms, usage } from './year-usage.sql.ts'
import { entitlementsOf, livedYear, months, type YearWorld } from './year-world.ts'

/** `SETTLEMENT_SEED` lives another year. */
const { SETTLEMENT_SEED: seed } = z
  .object({ SETTLEMENT_SEED: z.coerce.number().int().default(20_260_101) })
  .parse(process.env)

let year: YearWorld
let statements: Statement[]
let query: Awaited<ReturnType<typeof oracle>>

type Value = string | number | bigint | undefined

async function oracle({ told }: YearWorld) {
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  await connection.run("SET TimeZone = 'UTC'")
  await connection.run(tables)
  const fill = async (table: string, rows: Value[][]) => {
    const places = rows[0]?.map((_, index) => `$${index + 1}`).join(', ')
    const insert = await connection.prepare(`INSERT INTO ${table} VALUES (${places})`)
    await connection.run('BEGIN')
    for (const row of rows) {
      for (const [index, value] of row.entries())
        if (value === undefined) insert.bindNull(index + 1)
        else if (typeof value === 'string') insert.bindVarchar(index + 1, value)
        else insert.bindBigInt(index + 1, BigInt(value))
      await insert.run()
    }
    await connection.run('COMMIT')
  }
  await fill(
    'raw',
    told.lines.map(({ partner, sequence, line, text, received }) => [partner, sequence, line, text, received]),
  )
  await fill(
    'receipt',
    told.receipts.map(({ partner, sequence, programme, openFrom }) => [partner, sequence, programme, openFrom]),
  )
  await fill(
    'decision',
    told.decisions.map(({ partner, sequence, line, outcome, at, amountMinor }) => [
      ...[partner, sequence, line, outcome, at, amountMinor],
    ]),
  )
  await fill(
    'programme',
    Object.values(programmes).map(({ id, timeZone }) => [id, timeZone]),
  )
  await fill(
    'month',
    months.map(month => [month]),
  )
  await fill(
    'document',
    lastContracts.map(document => [JSON.stringify(document)]),
  )
  for (const partner of partners) {
    const entitlements = await entitlementsOf(year, partner)
    await fill(
      'entitlement',
      entitlements.map(({ id, programme, benefit, subject, quota }) => [
        ...[id, programme, partner, benefit, subject, quota?.limit],
      ]),
    )
    await fill(
      'live',
      entitlements.flatMap(({ id, windows }) => windows.map(({ from, until }) => [id, from, until])),
    )
  }
  for (const text of [terms, dispositions, usage, rating, billing]) await connection.run(text)
  for (const [index, month] of months.entries()) await connection.run(monthOf(month, months[index + 1] ?? '2027-01'))
  return async <Row>(text: string) => (await connection.runAndReadAll(text)).getRowObjectsJson() as Row[]
}

async function allStatements({ services }: YearWorld): Promise<Statement[]> {
  const found = new Map<string, Statement>()
  for (const brand of ['alibaba', 'nordbank', ...partners])
    for (const programme of programmeNames)
      for (const period of months) {
        const { items, next } = await listStatements(services, { caller: { brand }, programme, period, limit: 100 })
        expect(next).toBeUndefined()
        for (const statement of items) found.set(statement.id, statement)
      }
  return [...found.values()]
}

beforeAll(async () => {
  console.log(`a year of settlement with SETTLEMENT_SEED=${seed}`)
  year = await livedYear(seed)
  statements = await allStatements(year)
  query = await oracle(year)
}, 900_000)

/** What only one of two lists has, so that a difference is read at once. */
const apart = (ours: string[], theirs: string[]) => ({
  ours: ours.filter(row => !theirs.includes(row)).sort(),
  duckdb: theirs.filter(row => !ours.includes(row)).sort(),
})
const textOf = (...values: unknown[]): string => values.map(value => value ?? '-').join(' ')

describe('a generated year against DuckDB', () => {
  test('is rich: every disposition, late and reversed uses of closed months, decisions of both kinds', async () => {
    const rows = await query<{ disposition: string; lines: string }>(
      `SELECT disposition, COUNT(*)::VARCHAR AS lines FROM (SELECT disposition FROM judged
       UNION ALL SELECT d FROM timed WHERE d = 'malformed') GROUP BY 1 ORDER BY 1`,
    )
    console.log(rows.map(({ disposition, lines }) => `${disposition} ${lines}`).join(', '))
    expect(rows.map(({ disposition }) => disposition)).toEqual(
      expect.arrayContaining(['currency-mismatch', 'duplicate', 'matched', 'no-contract', 'over-quota', 'too-late']),
    )
    const [late] = await query<{ later: string; back: string }>(
      `SELECT COUNT(*) FILTER (sign > 0)::VARCHAR AS later, COUNT(*) FILTER (sign < 0)::VARCHAR AS back
       FROM rated_use WHERE k > origin`,
    )
    expect(Number(late?.later)).toBeGreaterThan(50)
    expect(Number(late?.back)).toBeGreaterThan(50)
    expect(year.told.decisions.filter(({ outcome }) => outcome === 'accepted').length).toBeGreaterThan(10)
    expect(year.told.decisions.filter(({ outcome }) => outcome === 'adjusted').length).toBeGreaterThan(10)
    const models = new Set(statements.flatMap(({ lines }) => lines.map(({ model }) => model)))
    expect([...models].sort()).toEqual([
      ...['adjustment', 'flat', 'maximum-cut', 'minimum-top-up', 'per-active-member', 'per-entitled-member', 'per-use'],
      'revenue-share',
    ])
    expect(statements.some(({ openingMinor }) => openingMinor !== 0)).toBe(true)
  })

  test('gives each month of each programme the same dispositions', async () => {
    const rows = await query<{ programme: string; k: string; disposition: string; lines: string }>(
      `SELECT programme, accounted AS k, disposition, COUNT(*)::VARCHAR AS lines FROM judged
       WHERE accounted IN (SELECT id FROM month) GROUP BY ALL`,
    )
    const ours: string[] = []
    for (const programme of programmeNames)
      for (const period of months) {
        const view = await viewPeriod(settlementNeeds(year.services), { programme, period })
        for (const [name, lines] of Object.entries(view.dispositions)) ours.push(textOf(programme, period, name, lines))
      }
    const theirs = rows.map(({ programme, k, disposition, lines }) => textOf(programme, k, disposition, lines))
    expect(apart(ours, theirs)).toEqual({ ours: [], duckdb: [] })
  })

  test('bills every line to the minor unit', async () => {
    const rows = await query<Record<string, string>>(
      `SELECT c.programme, b.k, b.debtor, c.payee, c.currency, b.id, b.model, b.benefit, b.quantity::VARCHAR AS quantity,
         b.base::VARCHAR AS base, b.members::VARCHAR AS members, b.amount::VARCHAR AS amount
       FROM billed b JOIN contract c ON c.id = b.contract`,
    )
    const theirs = rows.map(row => textOf(...Object.values(row)))
    const ours = statements.flatMap(({ programme, period, debtor, creditor, currency, lines }) =>
      lines.map(({ id, model, benefit, quantity, amountBaseMinor, members, amountMinor }) =>
        textOf(
          ...[programme, period, debtor, creditor, currency, id, model, benefit],
          ...[quantity, amountBaseMinor, members, amountMinor],
        ),
      ),
    )
    expect(apart(ours, theirs)).toEqual({ ours: [], duckdb: [] })
    expect(ours.length).toBe(theirs.length)
    console.log(`${ours.length} lines of ${statements.length} statements`)
  })

  test('gives every statement the same opening, subtotal, tax and total', async () => {
    const theirs: string[] = []
    for (const month of months) {
      const rows = await query<Record<string, string>>(
        `SELECT programme, k, debtor, creditor, currency, opening::VARCHAR AS opening, subtotal::VARCHAR AS subtotal,
           tax::VARCHAR AS tax, (opening + subtotal + tax)::VARCHAR AS total FROM "statement ${month}"`,
      )
      theirs.push(...rows.map(row => textOf(...Object.values(row))))
    }
    const ours = statements.map(one =>
      textOf(
        ...[one.programme, one.period, one.debtor, one.creditor, one.currency],
        ...[one.openingMinor, one.subtotalMinor, one.taxMinor, one.totalMinor],
      ),
    )
    expect(apart(ours, theirs)).toEqual({ ours: [], duckdb: [] })
    expect(ours.length).toBe(theirs.length)
  })

  test.each(programmeNames)('the positions of %s are what its statements moved, and add up to zero', async name => {
    const rows = await query<{ account: string; amount: string }>(
      `SELECT account, SUM(amount)::VARCHAR AS amount FROM (
         SELECT programme, 'position:' || debtor || ':' || currency AS account, -(subtotal + tax) AS amount FROM due
         UNION ALL SELECT programme, 'position:' || creditor || ':' || currency, subtotal + tax FROM due)
       WHERE programme = '${name}' GROUP BY 1`,
    )
    const theirs = Object.fromEntries(rows.map(({ account, amount }) => [account, BigInt(amount)]))
    const held = await balances(year.services, name)
    const ours = Object.fromEntries(held.map(({ account, amountMinor }) => [account, BigInt(amountMinor)]))
    const isMoved = ([, amount]: [string, bigint]) => amount !== 0n
    expect(Object.entries(ours).filter(isMoved).sort()).toEqual(Object.entries(theirs).filter(isMoved).sort())
    const sums = new Map<string, bigint>()
    for (const period of months)
      for (const { debit, credit, amountMinor } of await transfersOfPeriod(year.services, {
        programme: name,
        period: period as Period,
      })) {
        sums.set(debit, (sums.get(debit) ?? 0n) - BigInt(amountMinor))
        sums.set(credit, (sums.get(credit) ?? 0n) + BigInt(amountMinor))
      }
    expect([...sums].filter(isMoved).sort()).toEqual(Object.entries(ours).filter(isMoved).sort())
    expect([...sums.values()].reduce((sum, amount) => sum + amount, 0n)).toBe(0n)
  })
})
