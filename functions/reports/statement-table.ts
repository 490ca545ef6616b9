import type { Statement, StatementLine } from '../../schemas/settlement.ts'
import { majorAmount } from './amount.ts'
import type { Column } from './table.ts'

/** A row of a statement: a line, or one of the amounts that make the total with the lines. */
export type StatementRow = {
  statement: Statement
  row: 'opening' | 'line' | 'tax' | 'total'
  amountMinor: number
  line?: StatementLine
}

/** A row for each line, one for a balance carried from before, one for the tax, and one for the total of all others. */
export function* statementRows(statement: Statement): Generator<StatementRow> {
  const { openingMinor, lines, taxMinor, totalMinor } = statement
  if (openingMinor !== 0) yield { statement, row: 'opening', amountMinor: openingMinor }
  for (const line of lines) yield { statement, row: 'line', amountMinor: line.amountMinor, line }
  yield { statement, row: 'tax', amountMinor: taxMinor }
  yield { statement, row: 'total', amountMinor: totalMinor }
}

type Kind = Column<StatementRow>['kind']
type Of = Column<StatementRow>['of']
const column = (name: string, title: string, kind: Kind, of: Of): Column<StatementRow> => ({ name, title, kind, of })

/** What is the same in every row of a statement. */
const statementColumns = [
  column('statement', 'Statement', 'text', row => row.statement.id),
  column('programme', 'Programme', 'text', row => row.statement.programme),
  column('period', 'Period', 'text', row => row.statement.period),
  column('debtor', 'Debtor', 'text', row => row.statement.debtor),
  column('creditor', 'Creditor', 'text', row => row.statement.creditor),
  column('currency', 'Currency', 'text', row => row.statement.currency),
]

const currency = ({ statement }: StatementRow) => statement.currency

/** What differs from row to row. */
export const lineColumns = [
  column('row', 'Row', 'text', ({ row }) => row),
  column('line_id', 'Line id', 'text', ({ line }) => line?.id),
  column('contract', 'Contract', 'text', ({ line }) => line?.contract),
  column('line', 'Line', 'text', ({ line }) => line?.line),
  column('model', 'Model', 'text', ({ line }) => line?.model),
  column('benefit', 'Benefit', 'text', ({ line }) => line?.benefit),
  column('origin_period', 'Origin period', 'text', ({ line }) => line?.originPeriod),
  column('quantity', 'Quantity', 'integer', ({ line }) => line?.quantity),
  column('amount_base_minor', 'Amount base (minor units)', 'integer', ({ line }) => line?.amountBaseMinor),
  column('members', 'Members', 'integer', ({ line }) => line?.members),
  column('amount_minor', 'Amount (minor units)', 'integer', ({ amountMinor }) => amountMinor),
  column('amount', 'Amount', 'amount', row => majorAmount(row.amountMinor, currency(row))),
]

export const statementTable = [...statementColumns, ...lineColumns]
