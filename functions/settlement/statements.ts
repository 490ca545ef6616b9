import type { Caller } from '../../schemas/client.ts'
import { StatementId } from '../../schemas/ids.ts'
import { Period, Slug } from '../../schemas/primitives.ts'
import type { Statement } from '../../schemas/settlement.ts'
import { notACursor, Refusal } from '../kernel/refusal.ts'
import type { Table } from '../kernel/table.ts'
import { findStatements, findToken, listParties, partyKey, type StatementFilter } from './statement-store.ts'

type Needs = { table: Table }
type Reader = Pick<Caller, 'brand'>
type Listing = StatementFilter & { caller: Reader; limit: number; cursor?: string | undefined }

/**
 * Statements to which the caller's brand is a party, by programme, period and id.
 * @throws Refusal invalid-request for a cursor that no page gave
 */
export async function listStatements(
  { table }: Needs,
  { caller, programme, period, limit, cursor }: Listing,
): Promise<{ items: Statement[]; next?: string }> {
  const wanted: string[] = []
  let after = cursor === undefined ? undefined : decodeCursor(cursor)
  let more = true
  // Without a programme, the pages also hold other periods: read on until the page is full.
  while (more && wanted.length < limit) {
    const paging = { limit: limit - wanted.length, after }
    const page = await listParties(table, caller.brand, { programme, period }, paging)
    wanted.push(...page.items.filter(item => period === undefined || item.period === period).map(({ id }) => id))
    const last = page.items.at(-1)
    if (last) after = partyKey(last)
    more = page.more
  }
  const items = await findStatements(table, wanted)
  return { items, ...(more && after !== undefined && { next: Buffer.from(after).toString('base64url') }) }
}

function decodeCursor(cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString()
  const [programme, period, id, ...rest] = text.split('#')
  const known =
    Slug.safeParse(programme).success && Period.safeParse(period).success && StatementId.safeParse(id).success
  if (!known || rest.length > 0) throw notACursor()
  return text
}

/** @throws Refusal statement-not-found, also for brands that are no party to it */
export async function findStatement(
  { table }: Needs,
  { caller, id }: { caller: Reader; id: string },
): Promise<Statement> {
  const [statement] = StatementId.safeParse(id).success ? await findStatements(table, [id]) : []
  if (!statement || ![statement.debtor, statement.creditor].includes(caller.brand))
    throw new Refusal('statement-not-found')
  return statement
}

/** For the operator's staff, who see every statement of the deployment. @throws Refusal statement-not-found */
export async function findAnyStatement({ table }: Needs, id: string): Promise<Statement> {
  const [statement] = StatementId.safeParse(id).success ? await findStatements(table, [id]) : []
  if (!statement) throw new Refusal('statement-not-found')
  return statement
}

/** The statement's signature as a compact JWS. @throws Refusal statement-not-found */
export async function findStatementToken(
  { table }: Needs,
  { caller, id }: { caller: Reader; id: string },
): Promise<string> {
  const statement = await findStatement({ table }, { caller, id })
  const token = await findToken(table, statement.id)
  if (!token) throw new Error(`statement ${id} is published without its signature`)
  return token
}
