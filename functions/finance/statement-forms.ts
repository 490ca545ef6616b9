import type { Statement } from '../../schemas/settlement.ts'
import { Refusal } from '../kernel/refusal.ts'
import type { Answer } from '../portal/visit.ts'
import { statementCsv } from '../reports/statement-csv.ts'
import { statementPdf } from '../reports/statement-pdf.ts'
import { statementXlsx } from '../reports/statement-xlsx.ts'
import { tableTypes } from '../reports/table.ts'
import { findStatementToken } from '../settlement/statements.ts'
import type { Desk } from './desk.ts'

type File = Extract<Answer, { download: unknown }>['download']

/** Type and body of each form, the same as the API's. */
const forms: Record<string, (desk: Desk, statement: Statement) => Promise<Pick<File, 'type' | 'body'>>> = {
  csv: async (_desk, statement) => ({ type: tableTypes.csv, body: statementCsv(statement) }),
  xlsx: async ({ namesOf }, statement) => ({
    type: tableTypes.xlsx,
    body: await statementXlsx(statement, await namesOf(statement)),
  }),
  pdf: async ({ namesOf }, statement) => ({
    type: 'application/pdf',
    body: await statementPdf(statement, await namesOf(statement)),
  }),
  json: async (_desk, statement) => ({ type: 'application/json', body: JSON.stringify(statement) }),
  jwt: async ({ table }, { id, debtor }) => ({
    type: 'application/jwt',
    body: await findStatementToken({ table }, { caller: { brand: debtor }, id }),
  }),
}

/** A statement as a file. @throws Refusal statement-not-found for a form that there is not */
export async function statementDownload(desk: Desk, statement: Statement, form: string): Promise<Answer> {
  const make = Object.hasOwn(forms, form) ? forms[form] : undefined
  if (!make) throw new Refusal('statement-not-found')
  return { download: { name: `${statement.id}.${form}`, ...(await make(desk, statement)) } }
}
