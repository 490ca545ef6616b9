import type { Statement } from '../../schemas/settlement.ts'
import { tokenTypes } from '../../schemas/token.ts'
import { hashOf } from '../kernel/canonical.ts'
import { Refusal } from '../kernel/refusal.ts'
import { lineOf } from '../settlement/line-events.ts'
import { findAnyStatement, findStatementToken } from '../settlement/statements.ts'
import { signedReader } from '../settlement/verify-signed.ts'
import { callerFor, type Desk, type StaffPage, type StaffVisit } from './desk.ts'
import { lineEventsDownload, lineEventsPage } from './statement-events.ts'
import { statementDownload } from './statement-forms.ts'
import { benefitNames, brandNames, programmeName } from './statement-names.ts'
import { explain, statementBefore } from './statement-terms.ts'
import { type Signature, statementView } from './views/statement.tsx'
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
      signature: await signatureOf(desk, visit, statement),
      before: await statementBefore(desk, statement),
    }),
  }
}

const isIntact = ({ hash, ...unhashed }: Statement): boolean => hashOf(unhashed) === hash

/** What its token proves: that a key which the gateway stands by signed this very hash, or why it proves nothing. */
async function signatureOf({ table, settlement }: Desk, visit: StaffVisit, statement: Statement): Promise<Signature> {
  const { id, debtor, hash } = statement
  const token = await findStatementToken({ table }, { caller: callerFor(visit, debtor), id }).catch(unlessRefused)
  if (!token) return { state: 'missing' }
  const reader = await signedReader({ table, keys: settlement.keys })
  const claims = await reader.read(token, tokenTypes.statement)
  if (claims?.['sub'] !== id || claims['hash'] !== hash) return { state: 'broken' }
  if (reader.withdrawn().length > 0) return { state: 'withdrawn' }
  // Verified, so its header can be read.
  const { kid } = JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as { kid?: unknown }
  return { state: 'good', key: String(kid) }
}

function unlessRefused(error: unknown): undefined {
  if (!(error instanceof Refusal)) throw error
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
      benefitOf: await benefitNames(desk, visit, statement.programme),
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
