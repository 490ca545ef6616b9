import { readSheet } from 'read-excel-file/node'
import { describe, expect, test } from 'vitest'
import { type Column, tableCsv, tableXlsx } from '../../functions/reports/table.ts'
import { type Cell, workbook } from '../../functions/reports/workbook.ts'

type Row = { id: string; count?: number; amount?: string; at?: string }
const columns: Column<Row>[] = [
  { name: 'id', title: 'Identifier', kind: 'text', of: row => row.id },
  { name: 'count', title: 'Count', kind: 'integer', of: row => row.count },
  { name: 'amount', title: 'Amount', kind: 'amount', of: row => row.amount },
  { name: 'at', title: 'At', kind: 'instant', of: row => row.at },
]
const rows: Row[] = [
  { id: 'a', count: -3, amount: '-12.34', at: '2026-10-01T00:00:00Z' },
  { id: '青春"版",\r\n二', count: 0, amount: '0.05' },
]

const bytesOf = async (stream: ReadableStream<Uint8Array>) => Buffer.from(await new Response(stream).arrayBuffer())
const csvOf = async (of: Row[]) => (await bytesOf(tableCsv(columns, of))).toString()
const cellsOf = async (of: Iterable<Row> | AsyncIterable<Row>) =>
  readSheet(await bytesOf(await tableXlsx('Rows', columns, of)), 1, { trim: false })

const formulas = ['=1+1', '+1', '-1', '@A1', '\t=1', '=HYPERLINK("http://x","y")', '-12.5']

describe('CSV', () => {
  test('has a byte order mark, machine names, CRLF, and numbers as they are', async () => {
    expect(await csvOf(rows)).toBe(
      '\ufeffid,count,amount,at\r\na,-3,-12.34,2026-10-01T00:00:00Z\r\n"青春""版"",\r\n二",0,0.05,\r\n',
    )
  })

  test('of nothing is a header', async () => {
    expect(await csvOf([])).toBe('\ufeffid,count,amount,at\r\n')
  })

  test.each(formulas)('never lets %j run as a formula', async text => {
    for (const row of [{ id: text }, { id: 'x', at: text }]) {
      const csv = await csvOf([row])
      expect(csv).toContain(`'${text.replaceAll('"', '""')}`)
      expect(csv).not.toContain(`,${text}`)
      expect(csv).not.toContain(`\n${text}`)
    }
    // Also not from a column of numbers, unless it is one.
    if (!/^-[\d.]+$/.test(text)) expect(await csvOf([{ id: 'x', amount: text }])).not.toContain(`,${text}`)
  })
})

describe('XLSX', () => {
  test('has titles, numbers as numbers, and text that reads as it was written', async () => {
    expect(await cellsOf(rows)).toEqual([
      ['Identifier', 'Count', 'Amount', 'At'],
      ['a', -3, -12.34, '2026-10-01T00:00:00Z'],
      ['青春"版",\r\n二', 0, 0.05, null],
    ])
  })

  test.each([...formulas, '<x>&amp;</x>', ' spaced ', '2026-10-01', '00123', 'TRUE'])(
    'keeps %j as text',
    async text => {
      expect((await cellsOf([{ id: text }]))[1]?.[0]).toBe(text)
    },
  )

  test('is a file that programs open, whatever the text', async () => {
    const cells = await cellsOf([{ id: 'a\u0000b\u001f\ufffe\ud800' }, { id: 'x'.repeat(40_000) }])
    expect(cells[1]?.[0]).toBe('a\ufffdb\ufffd\ufffd\ufffd')
    expect(String(cells[2]?.[0])).toHaveLength(32_767)
  })

  test('keeps all digits of a number that a spreadsheet would cut off', async () => {
    const [, row] = await cellsOf([{ id: 'a', count: Number.MAX_SAFE_INTEGER, amount: '9999999999999.99' }])
    expect(row?.slice(1, 3)).toEqual([String(Number.MAX_SAFE_INTEGER), 9999999999999.99])
  })

  test('of the same rows is the same bytes', async () => {
    const [one, other] = await Promise.all([tableXlsx('Rows', columns, rows), tableXlsx('Rows', columns, rows)])
    expect((await bytesOf(one)).equals(await bytesOf(other))).toBe(true)
  })

  test('goes on in another sheet where one is full', async () => {
    const header: Cell[] = [{ text: 'N', style: 'head' }]
    const numbered = function* () {
      yield header
      for (let row = 1; row <= 5; row++) yield [{ number: String(row) } as Cell]
    }
    const sheet = (name: string) => ({ name, widths: [9], frozen: 1, header, rows: numbered() })
    const bytes = await bytesOf(await workbook([sheet('A/b'), sheet('B')], 3))
    expect(await readSheet(bytes, 1)).toEqual([['N'], [1], [2]])
    expect(await readSheet(bytes, 'A b 2')).toEqual([['N'], [3], [4]])
    expect(await readSheet(bytes, 3)).toEqual([['N'], [5]])
    expect(await readSheet(bytes, 'B')).toEqual([['N'], [1], [2]])
  })
})

describe.each([
  ['CSV', async (of: AsyncIterable<Row>) => tableCsv(columns, of)],
  ['XLSX', (of: AsyncIterable<Row>) => tableXlsx('Rows', columns, of)],
])('%s of rows that come in time', (_, table) => {
  test('reads no further than it is read, and stops the rows when it is cancelled', async () => {
    let [read, stopped] = [0, false]
    const endless = async function* () {
      try {
        for (;;) yield { id: `${crypto.randomUUID()}`, count: ++read }
      } finally {
        stopped = true
      }
    }
    const reader = (await table(endless())).getReader()
    await reader.read()
    expect(read).toBeLessThan(20_000)
    await reader.cancel()
    await expect.poll(() => stopped).toBe(true)
  })

  test('fails as the rows fail', async () => {
    const failing = async function* () {
      yield { id: 'a' }
      throw new Error('the table is gone')
    }
    await expect(bytesOf(await table(failing()))).rejects.toThrow('the table is gone')
  })
})
