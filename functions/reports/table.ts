import { pipeline, Readable } from 'node:stream'
import { stringify } from 'csv-stringify'
import { type Cell, type CellStyle, workbook } from './workbook.ts'

/** A column of a table that people or programs keep. */
export type Column<Row> = {
  /** Stable machine name: programs read the column by it. */
  name: string
  /** As on screen. */
  title: string
  /** An `amount` is the decimal text of major units, an `instant` and a `day` are ISO 8601. */
  kind: 'text' | 'integer' | 'amount' | 'instant' | 'day'
  of(row: Row): string | number | undefined
}
type Rows<Row> = Iterable<Row> | AsyncIterable<Row>

/** Only this is written as a number: whatever else a column of numbers gives is text. */
const decimal = /^-?\d+(\.\d+)?$/
const widths = { text: 24, integer: 14, amount: 16, instant: 26, day: 12 }

/**
 * A table as CSV (RFC 4180), written while it is read: with a byte order mark, which spreadsheet programs need to read
 * UTF-8, and a header of machine names. Text that one would run as a formula gets an apostrophe before it; numbers do
 * not, also negative ones.
 */
export function tableCsv<Row>(columns: readonly Column<Row>[], rows: Rows<Row>): ReadableStream<Uint8Array> {
  const numeric = columns.map(isNumeric)
  const csv = stringify({
    bom: true,
    header: true,
    columns: columns.map(({ name }) => name),
    record_delimiter: 'windows',
    quote_record_delimiter: true,
    escape_formulas: true,
    cast: {
      string: (value, { index, header }) => {
        const isNumber = !header && numeric[index] === true && decimal.test(value)
        return isNumber ? { value, escape_formulas: false } : value
      },
      number: value => ({ value: String(value), escape_formulas: false }),
    },
  })
  async function* records() {
    for await (const row of rows) yield columns.map(column => column.of(row))
  }
  // What fails in the rows fails the stream, and who stops reading it stops the rows.
  pipeline(Readable.from(records()), csv, () => undefined)
  return Readable.toWeb(csv) as ReadableStream<Uint8Array>
}

/**
 * A table as a workbook (XLSX), written while it is read: a header of titles; integers and amounts are numbers, unless
 * they have more digits than spreadsheet programs keep; text is never a formula.
 */
export function tableXlsx<Row>(
  sheet: string,
  columns: readonly Column<Row>[],
  rows: Rows<Row>,
): Promise<ReadableStream<Uint8Array>> {
  const header = headerCells(columns)
  async function* all() {
    yield header
    for await (const row of rows) yield rowCells(columns, row)
  }
  return workbook([{ name: sheet, widths: columnWidths(columns), frozen: 1, header, rows: all() }])
}

/** Media types of the forms in which a table is kept. */
export const tableTypes = {
  csv: 'text/csv; charset=utf-8',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
} as const
export type TableForm = keyof typeof tableTypes

/** A table as a file to keep; `sheet` names the one of a workbook. */
export async function tableFile<Row>(
  form: TableForm,
  sheet: string,
  columns: readonly Column<Row>[],
  rows: Iterable<Row> | AsyncIterable<Row>,
): Promise<{ type: string; body: ReadableStream<Uint8Array> }> {
  const body = form === 'csv' ? tableCsv(columns, rows) : await tableXlsx(sheet, columns, rows)
  return { type: tableTypes[form], body }
}

/** The cells of a table, for a sheet that holds more than the table. */
export const headerCells = <Row>(columns: readonly Column<Row>[]): Cell[] =>
  columns.map(({ title }): Cell => ({ text: title, style: 'head' }))

export const rowCells = <Row>(columns: readonly Column<Row>[], row: Row): Cell[] =>
  columns.map((column): Cell => {
    const value = column.of(row)
    if (value === undefined) return undefined
    const text = String(value)
    if (!isNumeric(column) || !decimal.test(text)) return { text, style: 'text' }
    return { number: text, style: column.kind === 'amount' ? amountStyle(text) : 'integer' }
  })

export const columnWidths = <Row>(columns: readonly Column<Row>[]): number[] =>
  columns.map(({ kind, title }) => Math.max(widths[kind], title.length + 2))

const isNumeric = <Row>({ kind }: Column<Row>): boolean => kind === 'integer' || kind === 'amount'

/** As many decimals are shown as the amount has. */
export function amountStyle(amount: string): CellStyle {
  const digits = amount.split('.')[1]?.length ?? 0
  if (digits === 0) return 'amount0'
  return digits <= 2 ? 'amount2' : digits === 3 ? 'amount3' : 'amount4'
}
