import { DuckDBInstance } from '@duckdb/node-api'
import type { Counts } from './reconcile-count.ts'
import { filesIn } from './reconcile-files.ts'

/**
 * The same counts by DuckDB with all its threads, from the same files. It is given every help: rows keep the order of
 * the file, so that a row's number is its place; only ids that come twice are ranked, and only metered uses. The chain
 * is read as text, of which the JSON functions make columns: that is as fast as the JSON reader, which with
 * `ignore_errors` gives nulls for sound lines too.
 */
export async function countBySql(folder: string, batchLines: number): Promise<Counts> {
  const rows = (await askSql([...statements(folder, batchLines), counting])) as {
    disposition: string
    lines: string
    quantity: string
  }[]
  return {
    lines: Object.fromEntries(rows.map(({ disposition, lines }) => [disposition, Number(lines)])),
    matchedQuantity: Number(rows.find(({ disposition }) => disposition === 'matched')?.quantity ?? 0),
  }
}

/** Runs statements in a database of their own. @returns the rows of the last one */
export async function askSql(all: readonly string[]): Promise<unknown[]> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  try {
    for (const statement of all.slice(0, -1)) await connection.run(statement)
    return (await connection.runAndReadAll(all.at(-1) ?? '')).getRowObjectsJson()
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

/** The tables of a chain up to step 8: `batch`, `entitlement`, `raw`, `alone`, `known`. */
export function statements(folder: string, batchLines: number): string[] {
  const files = filesIn(folder)
  const read = (path: string, columns: string) =>
    `read_json('${quoted(path)}', format = 'newline_delimited', columns = {${columns}})`
  return [
    `CREATE TABLE batch AS SELECT * FROM ${read(files.batches, `sequence: 'BIGINT', "receivedAt": 'TIMESTAMP'`)}`,
    `CREATE TABLE entitlement AS SELECT id, benefit, subject, windows, quota."limit" AS most
     FROM ${read(files.entitlements, entitlementColumns)}`,
    `CREATE TABLE raw AS SELECT unnest(from_json(CASE WHEN json_valid(text) THEN text END, '${event}'))
     FROM read_csv('${quoted(files.chain)}', columns = {text: 'VARCHAR'}, delim = e'\\x01', quote = '', escape = '',
       header = false, auto_detect = false)`,
    alone(batchLines),
    known,
  ]
}

const quoted = (text: string): string => text.replaceAll("'", "''")

const entitlementColumns = `id: 'VARCHAR', benefit: 'VARCHAR', subject: 'VARCHAR',
  windows: 'STRUCT("from" TIMESTAMP, until TIMESTAMP)[]', quota: 'STRUCT("limit" BIGINT)'`
const event = JSON.stringify({
  id: 'VARCHAR',
  entitlementId: 'VARCHAR',
  benefit: 'VARCHAR',
  subject: 'VARCHAR',
  occurredAt: 'TIMESTAMP',
  quantity: 'BIGINT',
  quantitty: 'VARCHAR',
  tokenId: 'VARCHAR',
  amount: { amountMinor: 'BIGINT', currency: 'VARCHAR' },
})

/** Steps 1 to 3 of the dispositions (domain.md). */
const alone = (batchLines: number): string => `
CREATE TABLE alone AS
SELECT raw.rowid AS place, raw.*,
  CASE WHEN id IS NULL OR quantitty IS NOT NULL THEN 'malformed'
       WHEN "occurredAt" > "receivedAt" + INTERVAL 5 MINUTE THEN 'future'
       WHEN "occurredAt" < "receivedAt" - INTERVAL 60 DAY THEN 'too-late' END AS by_itself
FROM raw JOIN batch ON sequence = raw.rowid // ${batchLines} + 1`

/** Steps 4 to 8. */
const known = `
CREATE TABLE known AS
WITH repeated AS (
  SELECT id FROM alone WHERE by_itself IS NULL GROUP BY id HAVING count(*) > 1
), ranked AS (
  SELECT place, row_number() OVER (PARTITION BY id ORDER BY place) AS of_id, row_number() OVER (
    PARTITION BY id, "entitlementId", benefit, subject, "occurredAt", quantity, "tokenId", amount ORDER BY place
  ) AS of_content
  FROM alone SEMI JOIN repeated USING (id) WHERE by_itself IS NULL
)
SELECT a.place, a.id, a."entitlementId", a."occurredAt", a.quantity, a.amount.currency AS currency, e.most,
  CASE WHEN by_itself IS NOT NULL THEN by_itself
       WHEN of_content > 1 THEN 'duplicate'
       WHEN of_id > 1 THEN 'conflict'
       WHEN e.id IS NULL THEN 'unknown-entitlement'
       WHEN a.subject <> e.subject OR a.benefit <> e.benefit THEN 'wrong-subject'
       WHEN len(list_filter(windows, lambda w: w."from" <= "occurredAt"
         AND (w.until IS NULL OR "occurredAt" < w.until))) = 0 THEN 'outside-entitlement' END AS found
FROM alone a LEFT JOIN ranked USING (place) LEFT JOIN entitlement e ON e.id = a."entitlementId"`

/** Steps 9 to 12. A metered use takes one; the programme's time zone is eight hours ahead all the year. */
export const judged = `metered AS (
  SELECT place, most, row_number() OVER (
    PARTITION BY "entitlementId", date_trunc('month', "occurredAt" + INTERVAL 8 HOUR) ORDER BY "occurredAt", id
  ) AS nth
  FROM known WHERE found IS NULL AND most IS NOT NULL
), beyond AS (
  SELECT place FROM metered WHERE nth > most
), judged AS (
  SELECT place, coalesce(quantity, 1) AS quantity, CASE
    WHEN found IS NOT NULL THEN found
    WHEN beyond.place IS NOT NULL THEN 'over-quota'
    WHEN "occurredAt" + INTERVAL 8 HOUR < TIMESTAMP '2026-10-01' THEN 'no-contract'
    WHEN currency <> 'CNY' THEN 'currency-mismatch'
    ELSE 'matched' END AS disposition
  FROM known LEFT JOIN beyond USING (place)
)`

const counting = `
WITH ${judged}
SELECT disposition, count(*) AS lines, sum(quantity) AS quantity FROM judged GROUP BY 1`
