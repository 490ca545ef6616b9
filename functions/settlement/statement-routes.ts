import { z } from '@hono/zod-openapi'
import { StatementId } from '../../schemas/ids.ts'
import { Period, Slug } from '../../schemas/primitives.ts'
import { Statement } from '../../schemas/settlement.ts'
import { StatementEvent } from '../../schemas/statement-event.ts'
import { Refusal } from '../kernel/refusal.ts'
import { callerOf, json, operation, problemAnswer, router } from '../kernel/validate.ts'
import { eventTable } from '../reports/event-table.ts'
import { statementCsv } from '../reports/statement-csv.ts'
import { statementPdf } from '../reports/statement-pdf.ts'
import { type StatementNames, statementXlsx } from '../reports/statement-xlsx.ts'
import { tableCsv, tableTypes, tableXlsx } from '../reports/table.ts'
import { eventsOfFile, type FileNeeds, lineEvents, lineOf } from './line-events.ts'
import { findStatement, findStatementToken, listStatements } from './statements.ts'

export type StatementNeeds = FileNeeds & {
  /** As people know the programme and the parties; without it, documents show their ids. */
  namesOf?: (statement: Statement) => Promise<StatementNames>
}

const tag = 'finance'
const scopes = ['finance:read', 'settlements:read'] as const
const limit = z.coerce.number().int().min(1).max(100).default(50)
const cursor = z.string().max(400).optional()
const StatementList = z.object({ items: z.array(Statement), next: z.string().optional() })
const EventList = z.object({ items: z.array(StatementEvent), next: z.string().optional() })

const forms = ['json', 'csv', 'xlsx', 'pdf', 'jwt'] as const
type Form = (typeof forms)[number]
const mediaTypes = {
  ...tableTypes,
  pdf: 'application/pdf',
  jwt: 'application/jwt',
} as const satisfies Partial<Record<Form, string>>
const binary = z.string().meta({ format: 'binary' })

export const statementRoutes = (needs: StatementNeeds) =>
  router().route('/', documentRoutes(needs)).route('/', eventRoutes(needs))

const documentRoutes = (needs: StatementNeeds) =>
  router()
    .openapi(
      operation({
        method: 'get',
        path: '/v1/statements',
        summary: 'Statements to which the caller is a party',
        tag,
        scopes: [...scopes],
        request: {
          query: z.object({ programme: Slug.optional(), period: Period.optional(), limit, cursor }),
        },
        responses: { 200: json(StatementList, 'By programme, period and id'), default: problemAnswer },
      }),
      async c => c.json(await listStatements(needs, { caller: callerOf(c), ...c.req.valid('query') }), 200),
    )
    .openapi(
      operation({
        method: 'get',
        path: '/v1/statements/{id}',
        summary: 'A statement; with the suffix .csv, .xlsx, .pdf or .jwt as table, document or signed token',
        tag,
        scopes: [...scopes],
        request: { params: z.object({ id: z.string().max(64) }) },
        responses: {
          200: {
            description: 'The statement in the form that the suffix names',
            content: {
              'application/json': { schema: Statement },
              'text/csv': { schema: z.string() },
              [mediaTypes.xlsx]: { schema: binary },
              [mediaTypes.pdf]: { schema: binary },
              [mediaTypes.jwt]: { schema: z.string() },
            },
          },
          default: problemAnswer,
        },
      }),
      async c => {
        const { id, form } = formOf(c.req.valid('param').id)
        const caller = callerOf(c)
        if (form === 'jwt')
          return c.body(await findStatementToken(needs, { caller, id }), 200, { 'content-type': mediaTypes.jwt })
        const statement = await findStatement(needs, { caller, id })
        if (form === 'json') return c.json(statement, 200)
        return c.body(await documentOf(needs, statement, form), 200, download(id, form))
      },
    )

const eventParams = z.object({ id: z.string().max(64), line: z.string().max(300) })
const eventsPath = '/v1/statements/{id}/lines/{line}/events' as const

const eventRoutes = (needs: StatementNeeds) =>
  router()
    .openapi(
      operation({
        method: 'get',
        path: eventsPath,
        summary: 'The events behind a line of a statement; none where a line does not come of events',
        tag,
        scopes: [...scopes],
        request: { params: eventParams, query: z.object({ limit, cursor }) },
        responses: {
          200: json(EventList, 'By partner, batch and line, then what people decided'),
          default: problemAnswer,
        },
      }),
      async c => {
        const of = await askedLine(needs, callerOf(c), c.req.valid('param'))
        return c.json(await lineEvents(needs, of, c.req.valid('query')), 200)
      },
    )
    .openapi(
      operation({
        method: 'get',
        path: `${eventsPath}.csv`,
        summary: 'All events behind a line as CSV',
        tag,
        scopes: [...scopes],
        request: { params: eventParams },
        responses: {
          200: { description: 'All of them', content: { 'text/csv': { schema: z.string() } } },
          default: problemAnswer,
        },
      }),
      async c => {
        const of = await askedLine(needs, callerOf(c), c.req.valid('param'))
        const table = tableCsv(eventTable, await eventsOfFile(needs, of))
        const headers = download(`${of.statement.id}-${fileNameOf(of.line.id)}`, 'csv')
        return takesGzip(c.req.header('accept-encoding'))
          ? c.body(gzipped(table), 200, { ...headers, 'content-encoding': 'gzip', vary: 'accept-encoding' })
          : c.body(table, 200, { ...headers, vary: 'accept-encoding' })
      },
    )
    .openapi(
      operation({
        method: 'get',
        path: `${eventsPath}.xlsx`,
        summary: 'All events behind a line as a workbook',
        tag,
        scopes: [...scopes],
        request: { params: eventParams },
        responses: {
          200: { description: 'All of them', content: { [mediaTypes.xlsx]: { schema: binary } } },
          default: problemAnswer,
        },
      }),
      async c => {
        const of = await askedLine(needs, callerOf(c), c.req.valid('param'))
        const body = await tableXlsx('Events', eventTable, await eventsOfFile(needs, of))
        return c.body(body, 200, download(`${of.statement.id}-${fileNameOf(of.line.id)}`, 'xlsx'))
      },
    )

async function askedLine(needs: StatementNeeds, caller: { brand: string }, { id, line }: { id: string; line: string }) {
  const statement = await findStatement(needs, { caller, id })
  return { statement, line: lineOf(statement, line) }
}

/** Whether a client takes a compressed answer (RFC 9110 §12.5.3): it names gzip, and not with the weight 0. */
const takesGzip = (accepted = ''): boolean =>
  accepted.split(',').some(coding => /^\s*(?:gzip|\*)\s*(?:;\s*q=(?!0(?:\.0*)?\s*$).*)?$/i.test(coding))

/** A stream of bytes compressed on its way. */
const gzipped = (bytes: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> =>
  bytes.pipeThrough<Uint8Array>(new CompressionStream('gzip') as ReadableWritablePair<Uint8Array, Uint8Array>)

async function documentOf(needs: StatementNeeds, statement: Statement, form: 'csv' | 'xlsx' | 'pdf') {
  if (form === 'csv') return statementCsv(statement)
  const names = await needs.namesOf?.(statement)
  return form === 'xlsx' ? statementXlsx(statement, names) : statementPdf(statement, names)
}

const download = (name: string, form: keyof typeof mediaTypes) => ({
  'content-type': mediaTypes[form],
  'content-disposition': `attachment; filename="${name}.${form}"`,
})

/** Ids of lines are slugs and a month with colons between them, which not every file system takes. */
const fileNameOf = (line: string): string => line.replace(/[^A-Za-z0-9-]/g, '-')

/** The id of a path parameter and the form its suffix asks for. @throws Refusal statement-not-found */
function formOf(parameter: string): { id: string; form: Form } {
  const [id = '', suffix = 'json', ...rest] = parameter.split('.')
  const form = forms.find(one => one === suffix)
  if (!StatementId.safeParse(id).success || rest.length > 0 || !form) throw new Refusal('statement-not-found')
  return { id, form }
}
