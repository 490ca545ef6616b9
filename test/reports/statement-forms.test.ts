import { decodeJwt } from 'jose'
import { readSheet } from 'read-excel-file/node'
import { extractText, getDocumentProxy } from 'unpdf'
import { beforeAll, describe, expect, test } from 'vitest'
import { majorAmount } from '../../functions/reports/amount.ts'
import { statementCsv } from '../../functions/reports/statement-csv.ts'
import { pagesOf, shownAmount } from '../../functions/reports/statement-layout.ts'
import { statementPdf } from '../../functions/reports/statement-pdf.ts'
import { statementXlsx } from '../../functions/reports/statement-xlsx.ts'
import { periodJournal } from '../../functions/settlement/payments-journal.ts'
import { findStatementToken } from '../../functions/settlement/statements.ts'
import type { Period } from '../../schemas/primitives.ts'
import type { Statement, StatementLine } from '../../schemas/settlement.ts'
import {
  close,
  closingOf,
  newWorld,
  november,
  october,
  report,
  reportNovember,
  reportOctober,
  statementsOf,
} from '../settlement/world.ts'
import { parseCsv } from './parse-csv.ts'
import { parseJournal } from './parse-journal.ts'

const bytesOf = async (stream: ReadableStream<Uint8Array>) => Buffer.from(await new Response(stream).arrayBuffer())
const pdfOf = async (statement: Statement) => new Uint8Array(await bytesOf(await statementPdf(statement)))
/** The text of each page; unpdf takes the bytes for its own. */
async function pdfPages(bytes: Uint8Array): Promise<string[]> {
  const { text } = await extractText(await getDocumentProxy(bytes.slice()))
  return text
}

let world: Awaited<ReturnType<typeof newWorld>>
const statements: Statement[] = []

beforeAll(async () => {
  world = await newWorld()
  await reportOctober(world)
  world.moveTo('2026-11-01T00:00:00Z')
  await close(world, october)
  await reportNovember(world)
  world.moveTo('2026-11-12T00:00:00Z')
  await report(world, 'youku', [{ id: 'r3', entitlement: 2, at: '2026-11-11T04:00:00Z', reverses: 'y3' }])
  await report(world, 'eleme', [{ id: 'e9', entitlement: 4, at: '2026-10-30T04:00:00Z', amountMinor: 99_999 }])
  world.moveTo('2026-12-01T00:00:00Z')
  await close(world, november)
  for (const period of [october, november]) statements.push(...(await statementsOf(world.table, period)))
})

test('a name of thousands of letters and control characters is cut before it is measured', async () => {
  const [statement] = statements
  if (!statement) throw new Error('no statement')
  const name = (count: number) => `优酷\u0007\n${'𝒳字w'.repeat(count)}`
  const shown = async (debtor: string) =>
    (await pdfPages(new Uint8Array(await bytesOf(await statementPdf(statement, { debtor })))))[0]
  const long = await shown(name(3_000))
  // As long as it may be: what comes behind is not looked at.
  expect(long).toBe(await shown(name(300)))
  expect(long).toContain('优酷')
  expect(long).toContain('…')
})

/** The amounts of a statement that add up to its total, in their order. */
const parts = ({ openingMinor, lines, taxMinor }: Statement): number[] => [
  ...(openingMinor === 0 ? [] : [openingMinor]),
  ...lines.map(({ amountMinor }) => amountMinor),
  taxMinor,
]

/** With one that carries a credit from before. */
function shown(): Statement[] {
  const [first] = statements
  return first ? [...statements, { ...first, openingMinor: -7, totalMinor: first.totalMinor - 7 }] : []
}

describe('the statements of two months, with late and reversed events', () => {
  test('have lines of earlier months and credits, and add up', () => {
    expect(statements).toHaveLength(8)
    const lines = statements.flatMap(statement => statement.lines)
    expect(lines.some(({ originPeriod, amountMinor }) => originPeriod === october && amountMinor < 0)).toBe(true)
    for (const statement of shown()) {
      const all = parts(statement).reduce((sum, amount) => sum + amount, 0)
      expect(all).toBe(statement.totalMinor)
    }
  })

  test('have the same lines and totals in CSV', async () => {
    for (const statement of shown()) {
      const rows = parseCsv((await bytesOf(statementCsv(statement))).toString())
      expect(rows.map(row => Number(row['amount_minor']))).toEqual([...parts(statement), statement.totalMinor])
      expect(rows.map(row => row['amount'])).toEqual(
        [...parts(statement), statement.totalMinor].map(amount => majorAmount(amount, statement.currency)),
      )
      const lines = rows.filter(row => row['row'] === 'line')
      expect(lines.map(row => [row['line_id'], Number(row['quantity'])])).toEqual(
        statement.lines.map(line => [line.id, line.quantity]),
      )
    }
  })

  test('have the same lines and totals in XLSX, as numbers', async () => {
    for (const statement of shown()) {
      const bytes = await bytesOf(await statementXlsx(statement))
      const facts = await readSheet(bytes, 'Statement')
      const [header = [], ...rows] = await readSheet(bytes, 'Lines')
      const column = (title: string) => rows.map(row => row[header.indexOf(title)])
      expect(column('Amount (minor units)')).toEqual([...parts(statement), statement.totalMinor])
      const major = [...parts(statement), statement.totalMinor].map(amount => Number(majorAmount(amount, 'CNY')))
      expect(column('Amount')).toEqual(major)
      const ids = column('Line id').filter(id => id !== null)
      expect(ids).toEqual(statement.lines.map(({ id }) => id))
      const fact = (title: string) => facts.find(([name]) => String(name).startsWith(title))?.[1]
      expect(fact('Total')).toBe(Number(majorAmount(statement.totalMinor, 'CNY')))
      expect([fact('SHA-256 ·'), fact('Debtor')]).toEqual([statement.hash, statement.debtor])
    }
  })

  test('have the same lines and totals in PDF', async () => {
    for (const statement of shown()) {
      const text = (await pdfPages(await pdfOf(statement))).join('\n')
      for (const said of [statement.id, statement.hash, statement.previousHash, '结算单', '付款方', 'Page · 页 1 / 1'])
        expect(text).toContain(said)
      for (const { contract, line, amountMinor } of statement.lines) {
        expect(text).toContain(`${contract} : ${line}`)
        expect(text).toContain(shownAmount(amountMinor, statement.currency))
      }
      const { openingMinor, subtotalMinor, taxMinor, totalMinor } = statement
      const [, sums = ''] = text.split('Subtotal · 小计')
      for (const amount of [subtotalMinor, taxMinor, totalMinor])
        expect(sums).toContain(shownAmount(amount, statement.currency))
      expect(text).toContain(shownAmount(openingMinor, statement.currency))
    }
  })

  test('have in the token the hash of what the other forms say', async () => {
    for (const { id, hash, programme, period, debtor } of statements) {
      const token = await findStatementToken(world, { caller: { brand: debtor }, id })
      expect(decodeJwt(token)).toMatchObject({ sub: id, hash, programme, period })
    }
  })

  test('are posted to the journal: without what is carried, to the minor unit', async () => {
    const posted = new Map<string, bigint>()
    for (const period of [october, november] as Period[])
      for (const { description, postings } of parseJournal(await periodJournal(world, closingOf(period)))) {
        const statement = statements.find(({ id }) => description.includes(id))
        const credit = postings.find(({ account }) => account.startsWith(`position:${statement?.creditor}:`))
        if (statement && credit) posted.set(statement.id, (posted.get(statement.id) ?? 0n) + credit.amount)
      }
    for (const { id, subtotalMinor, taxMinor } of statements)
      expect(posted.get(id) ?? 0n).toBe(BigInt(subtotalMinor + taxMinor))
  })
})

describe('PDF', () => {
  const long = (lines: number): Statement => {
    const [first] = statements
    const [line] = first?.lines ?? []
    if (!first || !line) throw new Error('no statement')
    const more = (at: number): StatementLine => ({ ...line, line: `line-${at}`, amountMinor: at })
    return { ...first, lines: Array.from({ length: lines }, (_, at) => more(at)) }
  }

  test.each([0, 1, 7, 8, 9, 16, 17, 18, 60, 200])(
    'of %i lines shows each once, under a header on every page',
    async count => {
      const statement = long(count)
      const pages = pagesOf(statement)
      expect(pages.flatMap(({ rows }) => rows)).toHaveLength(count)
      expect(pages.map(({ isLast }) => isLast)).toEqual(pages.map((_, at) => at === pages.length - 1))
      const texts = await pdfPages(await pdfOf(statement))
      expect(texts).toHaveLength(pages.length)
      for (const [at, text] of texts.entries()) {
        expect(text).toContain(`Page · 页 ${at + 1} / ${pages.length}`)
        if (pages[at]?.rows.length) expect(text).toContain('Quantity · 数量')
        for (const { what } of pages[at]?.rows ?? []) expect(text).toContain(what)
      }
      expect(texts.at(-1)).toContain('Total · 合计 (CNY)')
    },
  )

  test('and XLSX of a statement are always the same bytes', async () => {
    const statement = long(30)
    expect(await pdfOf(statement)).toEqual(await pdfOf(statement))
    const [one, other] = await Promise.all([statementXlsx(statement), statementXlsx(statement)])
    expect((await bytesOf(one)).equals(await bytesOf(other))).toBe(true)
  })

  test('holds the letters that it shows and not the whole font', async () => {
    expect((await pdfOf(long(60))).length).toBeLessThan(100_000)
  })
})
