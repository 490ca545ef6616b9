import type { Statement } from '../../schemas/settlement.ts'
import { statementRows, statementTable } from './statement-table.ts'
import { tableCsv } from './table.ts'

/** A statement as CSV: every row says whose it is, so that many statements make one table. */
export const statementCsv = (statement: Statement): ReadableStream<Uint8Array> =>
  tableCsv(statementTable, statementRows(statement))
