import type { Statement } from '../../schemas/settlement.ts'
import { tokenTypes } from '../../schemas/token.ts'
import type { AnyItem, Table } from '../kernel/table.ts'
import { findToken, listParties, publishedItems, statementItems } from './statement-store.ts'
import type { ClosingPeriod } from './store.ts'
import { itemDifferences, readable } from './verify-found.ts'
import type { ReadSigned } from './verify-signed.ts'

type Needs = { table: Table; readSigned: ReadSigned }
type Checked = { signatures: number; differences: string[] }

/** Each statement with its pages, parties and signature, and what the brands are shown of the period. */
export async function verifyStatements(
  { table, readSigned }: Needs,
  closing: ClosingPeriod,
  statements: readonly Statement[],
): Promise<Checked> {
  const checked: Checked = { signatures: 0, differences: [] }
  for (const statement of statements) {
    const name = `statement ${statement.id}`
    const token = await readable(`signature of ${name}`, () => findToken(table, statement.id))
    const signed = 'value' in token ? token.value : undefined
    const claims = signed === undefined ? undefined : await readSigned(signed, tokenTypes.statement)
    if (claims && isSignatureOf(claims, statement)) checked.signatures += 1
    else checked.differences.push(`signature of ${name}`)
    const nameOf = ({ sk }: AnyItem) =>
      sk === 'HEAD' ? name : sk === 'TOKEN' ? `signature of ${name}` : `${name} (${sk})`
    const items = await statementItems(table, statement.id)
    checked.differences.push(...itemDifferences(items, publishedItems(statement, signed ?? ''), nameOf))
  }
  checked.differences.push(...(await listingDifferences(table, closing, statements)))
  return { ...checked, differences: [...new Set(checked.differences)] }
}

function isSignatureOf(claims: Record<string, unknown>, statement: Statement): boolean {
  const { id, hash, programme, period, debtor, creditor } = statement
  const { aud, sub, iss, iat } = claims
  const isFor = Array.isArray(aud) && aud.join(' ') === `${debtor} ${creditor}`
  const isAbout = claims['programme'] === programme && claims['period'] === period
  return sub === id && claims['hash'] === hash && isFor && isAbout && typeof iss === 'string' && typeof iat === 'number'
}

/** What the index shows each party must be its statements: it lags behind the table by moments. */
async function listingDifferences(
  table: Table,
  { programme, period }: ClosingPeriod,
  statements: readonly Statement[],
  attempts = 3,
): Promise<string[]> {
  const brands = new Set(statements.flatMap(({ debtor, creditor }) => [debtor, creditor]))
  const differences: string[] = []
  for (const brand of brands) {
    const listed = await readable(`statements that ${brand} is shown`, () =>
      shownTo(table, brand, { programme, period }),
    )
    if ('broken' in listed) {
      differences.push(listed.broken)
      continue
    }
    const own = statements
      .filter(({ debtor, creditor }) => [debtor, creditor].includes(brand))
      .map(({ id }) => id as string)
    for (const id of new Set([...own, ...listed.value]))
      if (own.includes(id) !== listed.value.includes(id)) differences.push(`statement ${id} in the list of ${brand}`)
  }
  return differences.length > 0 && attempts > 1
    ? listingDifferences(table, { programme, period }, statements, attempts - 1)
    : differences
}

async function shownTo(table: Table, brand: string, closing: ClosingPeriod): Promise<string[]> {
  const ids: string[] = []
  let after: string | undefined
  for (let more = true; more; ) {
    const page = await listParties(table, brand, closing, { limit: 500, after })
    ids.push(...page.items.map(({ id }) => id as string))
    const last = page.items.at(-1)
    after = last && `${last.programme}#${last.period}#${last.id}`
    more = page.more && last !== undefined
  }
  return ids
}
