import { stringify } from 'csv-stringify/sync'
import type { LineDisposition } from '../../schemas/disposition.ts'
import type { PeriodLine } from '../../schemas/usage-view.ts'
import type { DaySum } from './usage-days.ts'

/** Stable machine names: programs read these columns. Nothing but rows follows the header. */
const batchColumns = ['batch', 'line', 'id', 'disposition', 'final']
const dayColumns = ['day', 'programme', 'benefit', 'disposition', 'lines', 'quantity', 'currency', 'amount_minor']
const lineColumns = [
  'batch',
  'sequence',
  'line',
  'id',
  'programme',
  'benefit',
  'type',
  'occurred_at',
  'day',
  'disposition',
  'final',
  'quantity',
  'currency',
  'amount_minor',
]

/** Lines of a batch as CSV. */
export const batchCsv = (batch: string, lines: readonly LineDisposition[]): string =>
  csv(
    batchColumns,
    lines.map(({ line, id, disposition, final }) => [batch, line, id, disposition, final]),
  )

/** The daily summary as CSV; sums have all their digits. */
export const daysCsv = (days: readonly DaySum[]): string =>
  csv(
    dayColumns,
    days.map(({ day, programme, benefit, disposition, lines, quantity, currency, amountMinor }) => {
      const amount = currency === undefined ? undefined : amountMinor
      return [day, programme, benefit, disposition, lines, quantity, currency, amount]
    }),
  )

/** Lines of a period as CSV. */
export const linesCsv = (lines: readonly PeriodLine[]): string =>
  csv(
    lineColumns,
    lines.map(({ batch, sequence, line, id, programme, benefit, type, occurredAt, day, ...judged }) => {
      const { disposition, final, quantity, amount } = judged
      const reported = [batch, sequence, line, id, programme, benefit, type, occurredAt, day]
      return [...reported, disposition, final, quantity, amount?.currency, amount?.amountMinor]
    }),
  )

/**
 * CSV (RFC 4180) with a byte order mark, which spreadsheet programs need to read UTF-8. Text that one would run as a
 * formula is quoted; numbers are not, also negative ones.
 */
const csv = (columns: string[], rows: unknown[][]): string =>
  stringify([columns, ...rows], {
    bom: true,
    record_delimiter: 'windows',
    escape_formulas: true,
    cast: {
      number: value => ({ value: String(value), escape_formulas: false }),
      bigint: value => ({ value: String(value), escape_formulas: false }),
      boolean: value => String(value),
    },
  })

/** The next page is the same request with another cursor, told relative to this one (RFC 8288 §3.1). */
export function csvHeaders(url: string, { name, next }: { name: string; next?: string | undefined }) {
  const { pathname, searchParams } = new URL(url)
  if (next !== undefined) searchParams.set('cursor', next)
  return {
    'content-type': 'text/csv; charset=utf-8',
    'content-disposition': `attachment; filename="${name}.csv"`,
    ...(next !== undefined && { link: `<${pathname}?${searchParams}>; rel="next"` }),
  }
}
