import { stringify } from 'csv-stringify/sync'
import type { Statement, StatementLine } from '../../schemas/settlement.ts'
import { majorAmount } from './amount.ts'

/** Stable machine names: programs read these columns. */
const columns = [
  'statement',
  'programme',
  'period',
  'debtor',
  'creditor',
  'currency',
  'row',
  'line_id',
  'contract',
  'line',
  'model',
  'benefit',
  'origin_period',
  'quantity',
  'amount_base_minor',
  'members',
  'amount_minor',
  'amount',
] as const

/** A decimal that the writer must not take for a formula because of its minus sign. */
class Decimal {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/**
 * A statement as CSV (RFC 4180) with a byte order mark, which spreadsheet programs need to read UTF-8: a row for each
 * line, one for a balance carried from before, one for the tax, and one for the total, which all the others add up to.
 * Text that a spreadsheet would run as a formula is quoted.
 */
export function statementCsv(statement: Statement): string {
  const { openingMinor, lines, taxMinor, totalMinor } = statement
  const rows = [
    ...(openingMinor === 0 ? [] : [rowOf(statement, 'opening', openingMinor)]),
    ...lines.map(line => ({ ...rowOf(statement, 'line', line.amountMinor), ...lineColumns(line) })),
    rowOf(statement, 'tax', taxMinor),
    rowOf(statement, 'total', totalMinor),
  ]
  return stringify(rows, {
    header: true,
    columns: [...columns],
    bom: true,
    record_delimiter: 'windows',
    escape_formulas: true,
    cast: {
      object: value => (value instanceof Decimal ? { value: value.text, escape_formulas: false } : String(value)),
    },
  })
}

function rowOf({ id, programme, period, debtor, creditor, currency }: Statement, row: string, amountMinor: number) {
  const amount = new Decimal(majorAmount(amountMinor, currency))
  return { statement: id, programme, period, debtor, creditor, currency, row, amount_minor: amountMinor, amount }
}

const lineColumns = (line: StatementLine) => ({
  line_id: line.id,
  contract: line.contract,
  line: line.line,
  model: line.model,
  benefit: line.benefit,
  origin_period: line.originPeriod,
  quantity: line.quantity,
  amount_base_minor: line.amountBaseMinor,
  members: line.members,
})
