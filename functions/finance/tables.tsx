import { Refusal } from '../kernel/refusal.ts'
import type { Language } from '../portal/language.ts'
import type { Part } from '../portal/views/part.ts'
import type { Answer } from '../portal/visit.ts'
import { majorAmount } from '../reports/amount.ts'
import { type Column, type TableForm, tableCsv, tableTypes, tableXlsx } from '../reports/table.ts'
import { changeIn, moneyIn, numberIn, percentIn } from './formats.ts'
import { DataTable } from './views/pieces.tsx'

/** A column of a file, and how a page shows it. */
export type SheetColumn<Row> = Column<Row> & { shown?: (row: Row) => Part; heads?: boolean }

/** One table for the page and for the files of it, so that they cannot differ. */
export type Sheet = {
  isEmpty: boolean
  table: () => Part
  csv: () => ReadableStream<Uint8Array>
  xlsx: () => Promise<ReadableStream<Uint8Array>>
}

type SheetProps<Row> = {
  caption: string
  language: Language
  columns: readonly SheetColumn<Row>[]
  rows: readonly Row[]
}

export function sheetOf<Row>({ caption, language, columns, rows }: SheetProps<Row>): Sheet {
  const shown = columns.map(column => ({
    title: column.title,
    numeric: column.kind === 'integer' || column.kind === 'amount',
    ...(column.heads && { heads: true }),
    of: column.shown ?? ((row: Row) => plain(language, column.of(row))),
  }))
  return {
    isEmpty: rows.length === 0,
    table: () => <DataTable caption={caption} captionHidden columns={shown} rows={rows} />,
    csv: () => tableCsv(columns, rows),
    xlsx: () => tableXlsx(caption, columns, rows),
  }
}

const plain = (language: Language, value: string | number | undefined): Part =>
  typeof value === 'number' ? numberIn(language, value) : (value ?? '–')

type Amounts<Row> = {
  name: string
  title: string
  language: Language
  currency: (row: Row) => string
  /** Undefined where there is none to tell. */
  of: (row: Row) => number | undefined
  /** A difference, with its sign. */
  isChange?: boolean
}

/** An amount: exact decimals of major units in the file, with its currency on the page. */
export function amountColumn<Row>({ name, title, language, currency, of, isChange }: Amounts<Row>): SheetColumn<Row> {
  const format = isChange ? changeIn : moneyIn
  return {
    name,
    title,
    kind: 'amount',
    of: row => {
      const amountMinor = of(row)
      return amountMinor === undefined ? undefined : majorAmount(amountMinor, currency(row))
    },
    shown: row => {
      const amountMinor = of(row)
      return amountMinor === undefined ? '–' : format(language, { amountMinor, currency: currency(row) })
    },
  }
}

type Shares<Row> = {
  name: string
  title: string
  language: Language
  /** In per mille. */
  of: (row: Row) => number | undefined
  isChange?: boolean
}

/** A percentage with one digit after the point: `12.5` in the file, `12.5%` on the page. */
export function percentColumn<Row>({ name, title, language, of, isChange }: Shares<Row>): SheetColumn<Row> {
  return {
    name,
    title,
    kind: 'amount',
    of: row => {
      const perMille = of(row)
      return perMille === undefined ? undefined : (perMille / 10).toFixed(1)
    },
    shown: row => {
      const perMille = of(row)
      return perMille === undefined ? '–' : percentIn(language, perMille, isChange)
    },
  }
}

/** `amounts.xlsx` as its name and form. @throws Refusal not-found for any other form */
export function fileOf(file: string): { name: string; form: TableForm } {
  const [, name, form] = /^([a-z]{1,20})\.(csv|xlsx)$/.exec(file) ?? []
  if (name === undefined || (form !== 'csv' && form !== 'xlsx')) throw new Refusal('not-found')
  return { name, form }
}

/** The table as a file to keep; `name` is without its suffix. */
export async function sheetDownload(sheet: Sheet, name: string, form: TableForm): Promise<Answer> {
  const body = form === 'csv' ? sheet.csv() : await sheet.xlsx()
  return { download: { name: `${name}.${form}`, type: tableTypes[form], body } }
}
