import type * as z from 'zod'
import type { Statement } from '../../schemas/settlement.ts'
import { StatementPage, StatementParty, StatementRecord, StatementToken } from '../../schemas/settlement.ts'
import { canonicalJson } from '../kernel/canonical.ts'
import {
  type AnyItem,
  anyItem,
  Conflict,
  itemOf,
  passOverConflict,
  put,
  recordType,
  type Table,
  type Write,
} from '../kernel/table.ts'
import { createOnce, Mismatch } from './store.ts'

const statement = recordType('statement', StatementRecord)
const statementPage = recordType('statement-page', StatementPage)
const party = recordType('statement-party', StatementParty)
const token = recordType('statement-token', StatementToken)

const partition = (id: string) => `STATEMENT#${id}`
const headKey = (id: string) => ({ pk: partition(id), sk: 'HEAD' })
const tokenKey = (id: string) => ({ pk: partition(id), sk: 'TOKEN' })

/** Lines in one item: far below the item limit, whatever the names are long. */
const linesOfPage = 500

export const findToken = async (table: Table, id: string): Promise<string | undefined> =>
  (await table.get(token, tokenKey(id)))?.token

/** Keeps the first signature: ECDSA gives another one each time, and one statement has one. */
export const storeToken = (table: Table, id: string, signed: string): Promise<void> =>
  table.write(put(token, tokenKey(id), { id, token: signed }, { when: 'absent' })).catch(passOverConflict)

/** Publishes a statement to its parties, whole or not at all; again changes nothing. @throws Mismatch */
export async function publishStatement(table: Table, published: Statement): Promise<void> {
  const { id } = published
  const { pages, writes } = publication(published)
  for (const page of pages) await createOnce(table, statementPage, pageKey(id, page.page), page)
  try {
    await table.commit(writes)
  } catch (error) {
    if (!(error instanceof Conflict)) throw error
    const [there] = await findStatements(table, [id])
    // No statement there means that a rival was in the way only: the caller's retry will find out.
    if (!there) throw error
    if (canonicalJson(there) !== canonicalJson(published)) throw new Mismatch(`statement ${id}`)
  }
}

/** The pages beyond the first one, and what publishes a statement with them. */
function publication(published: Statement): { pages: z.infer<typeof StatementPage>[]; writes: Write[] } {
  const { id, programme, period, debtor, creditor, lines } = published
  const count = Math.max(1, Math.ceil(lines.length / linesOfPage))
  const pages = Array.from({ length: count - 1 }, (_, index) => ({
    statement: id,
    page: index + 2,
    lines: lines.slice((index + 1) * linesOfPage, (index + 2) * linesOfPage),
  }))
  const reference = (brand: string) =>
    put(
      party,
      {
        pk: partition(id),
        sk: `PARTY#${brand}`,
        gsi1pk: `STATEMENTS#${brand}`,
        gsi1sk: partyKey({ id, brand, programme, period }),
      },
      { id, brand, programme, period },
    )
  const head = { ...published, lines: lines.slice(0, linesOfPage), pages: count }
  return {
    pages,
    writes: [put(statement, headKey(id), head, { when: 'absent' }), reference(debtor), reference(creditor)],
  }
}

/** What lies of a statement, for who verifies it. */
export const statementItems = (table: Table, id: string): Promise<AnyItem[]> =>
  table.all(anyItem, { partition: partition(id) })

/** The items of a published statement, with its signature. */
export function publishedItems(published: Statement, signed: string): AnyItem[] {
  const { pages, writes } = publication(published)
  return [
    ...writes.map(itemOf),
    ...pages.map(page => itemOf(put(statementPage, pageKey(page.statement, page.page), page))),
    itemOf(put(token, tokenKey(published.id), { id: published.id, token: signed })),
  ]
}

const pageKey = (id: string, page: number) => ({ pk: partition(id), sk: `LINES#${String(page).padStart(6, '0')}` })

/** In the order of the ids; those that are not published are left out. */
export async function findStatements(table: Table, ids: string[]): Promise<Statement[]> {
  const records = new Map(
    (await table.getMany(statement, ids.map(headKey))).map(record => [record.id as string, record]),
  )
  const found: Statement[] = []
  for (const id of ids) {
    const record = records.get(id)
    if (!record) continue
    const { pages, ...first } = record
    if (pages === 1) found.push(first)
    else {
      const more = await table.all(statementPage, { partition: partition(id), startsWith: 'LINES#' })
      found.push({ ...first, lines: [...first.lines, ...more.flatMap(page => page.lines)] })
    }
  }
  return found
}

export type StatementFilter = { programme?: string | undefined; period?: string | undefined }

/** References to a brand's statements, by programme and period, after the one with this sort key. */
export async function listParties(
  table: Table,
  brand: string,
  { programme, period }: StatementFilter,
  { limit, after }: { limit: number; after?: string | undefined },
): Promise<{ items: StatementParty[]; more: boolean }> {
  const prefix = programme === undefined ? '' : period === undefined ? `${programme}#` : `${programme}#${period}#`
  const page = await table.query(party, {
    partition: `STATEMENTS#${brand}`,
    index: 'gsi1',
    // '#' sorts after the end of a key and '~' after every character of one.
    from: after !== undefined && after > prefix ? `${after}#` : prefix || '0',
    to: `${prefix}~`,
    limit,
  })
  return { items: page.items, more: page.next !== undefined }
}

export const partyKey = ({ programme, period, id }: StatementParty): string => `${programme}#${period}#${id}`
