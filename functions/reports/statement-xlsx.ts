import type { Statement } from '../../schemas/settlement.ts'
import { majorAmount } from './amount.ts'
import { lineColumns, statementRows } from './statement-table.ts'
import { amountStyle, columnWidths, headerCells, rowCells } from './table.ts'
import { type Cell, workbook } from './workbook.ts'

/** Of the statement's parties and programme, where they are known. */
export type StatementNames = Partial<Record<'programme' | 'debtor' | 'creditor', string>>

/** A statement as a workbook: a sheet with what it says as a whole, and one with its rows as in CSV. */
export function statementXlsx(statement: Statement, names: StatementNames = {}): Promise<ReadableStream<Uint8Array>> {
  const header = headerCells(lineColumns)
  const rows = function* (): Generator<Cell[]> {
    yield header
    for (const row of statementRows(statement)) yield rowCells(lineColumns, row)
  }
  return workbook([
    { name: 'Statement', widths: [28, 72], frozen: 0, header: [], rows: facts(statement, names) },
    { name: 'Lines', widths: columnWidths(lineColumns), frozen: 1, header, rows: rows() },
  ])
}

function facts(statement: Statement, names: StatementNames): Cell[][] {
  const { id, programme, period, debtor, creditor, currency, hash, previousHash } = statement
  const fact = (title: string, text: string): Cell[] => [
    { text: title, style: 'head' },
    { text, style: 'text' },
  ]
  const named = (slug: string, name: string | undefined) => (name === undefined ? slug : `${name} (${slug})`)
  const amount = (title: string, amountMinor: number): Cell[] => {
    const number = majorAmount(amountMinor, currency)
    return [
      { text: title, style: 'head' },
      { number, style: amountStyle(number) },
    ]
  }
  return [
    [{ text: 'Settlement statement · 结算单', style: 'title' }],
    fact('Statement · 单号', id),
    fact('Programme · 项目', named(programme, names.programme)),
    fact('Period · 账期', period),
    fact('Debtor · 付款方', named(debtor, names.debtor)),
    fact('Creditor · 收款方', named(creditor, names.creditor)),
    fact('Currency · 币种', currency),
    amount('Carried from before · 上期结转', statement.openingMinor),
    amount('Subtotal · 小计', statement.subtotalMinor),
    amount('Tax · 税额', statement.taxMinor),
    amount('Total · 合计', statement.totalMinor),
    fact('SHA-256 · 摘要', hash),
    fact('SHA-256 of the statement before · 上一份摘要', previousHash),
  ]
}
