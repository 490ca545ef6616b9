import type { Statement } from '../../schemas/settlement.ts'
import { hashOf } from '../kernel/canonical.ts'
import { Refusal } from '../kernel/refusal.ts'
import { lineOf } from '../settlement/line-events.ts'
import { findAnyStatement, findStatementToken } from '../settlement/statements.ts'
import { callerFor, type Desk, type StaffPage, type StaffVisit } from './desk.ts'
import { lineEventsDownload, lineEventsPage } from './statement-events.ts'
import { statementDownload } from './statement-forms.ts'
import { brandNames, programmeName } from './statement-names.ts'
import { explain, statementBefore } from './statement-terms.ts'
import { statementView } from './views/statement.tsx'
import { statementLineView } from './views/statement-line.tsx'

/** A statement as a document; with a suffix the same in the form that it names. */
export const showStatement: StaffPage = async (desk, visit) => {
  const [id = '', form, ...rest] = (visit.parameters['id'] ?? '').split('.')
  if (rest.length > 0) throw new Refusal('statement-not-found')
  const statement = await findAnyStatement(desk, id)
  if (form !== undefined) return statementDownload(desk, statement, form)
  const frame = await desk.settlement.programmeOf(statement.programme)
  return {
    view: statementView(visit, {
      statement,
      programme: await programmeName(desk, visit, frame.id),
      nameOf: await brandNames(desk, visit, [statement.debtor, statement.creditor], frame.brand),
      isIntact: isIntact(statement),
      signingKey: await signingKeyOf(desk, visit, statement),
      before: await statementBefore(desk, statement),
    }),
  }
}

const isIntact = ({ hash, ...unhashed }: Statement): boolean => hashOf(unhashed) === hash

/** The key that signed it, by the token's own header; undefined where there is no signature. */
async function signingKeyOf({ table }: Desk, visit: StaffVisit, { id, debtor }: Statement) {
  const token = await findStatementToken({ table }, { caller: callerFor(visit, debtor), id }).catch(() => undefined)
  const header = token?.split('.')[0]
  if (!header) return undefined
  const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString()) as { kid?: unknown }
  return typeof kid === 'string' ? kid : undefined
}

/** A line: how its amount comes about, and the events behind it, a page at a time. */
export const showLine: StaffPage = async (desk, visit) => {
  const { statement, line } = await askedLine(desk, visit)
  const { timeZone, brand } = await desk.settlement.programmeOf(statement.programme)
  const explanation = await explain(desk, statement, line)
  const funding = explanation?.computation.kind === 'priced' ? (explanation.computation.funding ?? []) : []
  return {
    view: statementLineView(visit, {
      statement,
      line,
      explanation,
      timeZone,
      programme: await programmeName(desk, visit, statement.programme),
      nameOf: await brandNames(
        desk,
        visit,
        [statement.debtor, statement.creditor, ...funding.map(funder => funder.brand)],
        brand,
      ),
      events: await lineEventsPage(desk, visit, { statement, line }),
    }),
  }
}

/** The events behind a line, all of them, as `events.csv` or `events.xlsx`. */
export const downloadLine: StaffPage = async (desk, visit) => {
  const { statement, line } = await askedLine(desk, visit)
  return lineEventsDownload(desk, { statement, line }, visit.parameters['file'] ?? '')
}

async function askedLine(desk: Desk, { parameters }: StaffVisit) {
  const statement = await findAnyStatement(desk, parameters['id'] ?? '')
  return { statement, line: lineOf(statement, parameters['line'] ?? '') }
}
