import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { majorAmount } from '../../functions/reports/amount.ts'
import { journal } from '../../functions/reports/journal.ts'
import { statementCsv } from '../../functions/reports/statement-csv.ts'
import type { Day } from '../../schemas/primitives.ts'
import type { Statement, Transfer } from '../../schemas/settlement.ts'
import { parseJournal } from './parse-journal.ts'

test.each([
  [5, 'CNY', '0.05'],
  [-5, 'CNY', '-0.05'],
  [-12345, 'CNY', '-123.45'],
  [0, 'CNY', '0.00'],
  [1234, 'KWD', '1.234'],
  [-1234, 'JPY', '-1234'],
])('%i minor units of %s are %s', (amountMinor, currency, text) => {
  expect(majorAmount(amountMinor, currency)).toBe(text)
})

const statement = {
  id: 'stm_00000000000000000000000000',
  programme: '88vip',
  period: '2026-10',
  debtor: 'alibaba',
  creditor: 'youku',
  currency: 'CNY',
  openingMinor: 0,
  lines: [
    {
      id: 'c:views:2026-10',
      contract: 'c',
      line: 'views',
      model: 'per-use',
      benefit: 'vip',
      originPeriod: '2026-10',
      quantity: 3,
      amountMinor: 150,
    },
    {
      id: 'c:views:2026-09',
      contract: 'c',
      line: 'views',
      model: 'per-use',
      benefit: 'vip',
      originPeriod: '2026-09',
      quantity: -1,
      amountMinor: -50,
    },
  ],
  subtotalMinor: 100,
  taxMinor: 6,
  totalMinor: 106,
  previousHash: '0'.repeat(64),
  hash: '0'.repeat(64),
} as unknown as Statement

describe('CSV', () => {
  const csvOf = async (of: Statement) => Buffer.from(await new Response(statementCsv(of)).arrayBuffer()).toString()
  const rows = (csv: string) =>
    csv
      .slice(1)
      .trimEnd()
      .split('\r\n')
      .map(row => row.split(','))

  test('has a byte order mark, a row for each line, tax and total, in minor and major units', async () => {
    const csv = await csvOf(statement)
    expect(csv.charCodeAt(0)).toBe(0xfeff)
    const [header = [], ...body] = rows(csv)
    const column = (name: string) => body.map(row => row[header.indexOf(name)])
    expect(column('row')).toEqual(['line', 'line', 'tax', 'total'])
    expect(column('amount_minor')).toEqual(['150', '-50', '6', '106'])
    expect(column('amount')).toEqual(['1.50', '-0.50', '0.06', '1.06'])
    expect(column('quantity')).toEqual(['3', '-1', '', ''])
    expect(column('origin_period')).toEqual(['2026-10', '2026-09', '', ''])
  })

  test('shows a carried balance as a row of its own, so that the rows add up to the total', async () => {
    const [header = [], ...body] = rows(await csvOf({ ...statement, openingMinor: -7, totalMinor: 99 }))
    const amounts = body.map(row => Number(row[header.indexOf('amount_minor')]))
    expect(body.map(row => row[header.indexOf('row')])).toEqual(['opening', 'line', 'line', 'tax', 'total'])
    expect(amounts.slice(0, -1).reduce((sum, amount) => sum + amount, 0)).toBe(amounts.at(-1))
  })

  test.each(['=1+1', '+1', '-1', '@A1', '\t=1', '=HYPERLINK("http://x","y")'])(
    'never lets %j run as a formula',
    async text => {
      const [line] = statement.lines
      const csv = await csvOf({ ...statement, lines: [{ ...line, line: text } as Statement['lines'][number]] })
      expect(csv).toContain(`'${text.replaceAll('"', '""')}`)
      expect(csv).not.toContain(`,${text}`)
    },
  )
})

describe('the journal', () => {
  const transfers = fc.array(
    fc.record({
      statement: fc.constant('stm_00000000000000000000000000'),
      line: fc.constantFrom('c:views:2026-10', 'tax'),
      debit: fc.constantFrom('position:alibaba:CNY', 'position:youku:CNY'),
      credit: fc.constantFrom('position:eleme:CNY', 'position:fliggy:CNY'),
      amountMinor: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
      currency: fc.constantFrom('CNY', 'JPY'),
    }),
  )

  test('balances in every entry, in whole minor units', () => {
    fc.assert(
      fc.property(transfers, items => {
        const entries = parseJournal(journal(items as Transfer[], '2026-10-31' as Day, '88vip 2026-10'))
        expect(entries.length).toBe(items.length)
        for (const { date, postings } of entries) {
          expect(date).toBe('2026-10-31')
          expect(postings.reduce((sum, posting) => sum + posting.amount, 0n)).toBe(0n)
          expect(new Set(postings.map(posting => posting.commodity)).size).toBe(1)
        }
      }),
    )
  })

  test('of nothing is a journal too', () => {
    expect(parseJournal(journal([], '2026-10-31' as Day, '88vip 2026-10'))).toEqual([])
  })
})
