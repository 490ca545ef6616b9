import { type Amounts, folderOf, partners } from './close-world.ts'
import { askSql, judged, statements } from './reconcile-sql.ts'

/**
 * The same statements by DuckDB, with all its threads, from the same files. All prices are whole hundredths of a minor
 * unit, so that whole numbers are exact; none is negative, so that half of a hundred added rounds half away from zero.
 */
export async function statementsBySql(folder: string, batchLines: number): Promise<Amounts> {
  const amounts: Amounts = {}
  for (const partner of partners) {
    const [row] = (await askSql([...statements(folderOf(folder, partner), batchLines), settling(partner)])) as Record<
      string,
      string
    >[]
    const of = (name: string): number => Number(row?.[name])
    amounts[partner] = {
      lines: ['coupons', 'members', 'entitled', 'sales', 'base'].map(of),
      subtotal: of('subtotal'),
      tax: of('tax'),
      total: of('subtotal') + of('tax'),
    }
  }
  return amounts
}

const rounded = (hundredths: string): string => `((${hundredths}) + 50) // 100`

const settling = (partner: string): string => `
WITH ${judged}, matched AS (
  SELECT benefit, subject, judged.quantity, amount."amountMinor" AS base
  FROM judged JOIN alone USING (place) WHERE disposition = 'matched'
), used AS (
  SELECT coalesce(sum(quantity) FILTER (benefit = '${partner}-5off'), 0)::BIGINT AS uses,
    count(DISTINCT subject) FILTER (benefit = '${partner}-vip') AS active,
    coalesce(sum(base) FILTER (benefit = '${partner}-vip'), 0)::BIGINT AS base
  FROM matched
), entitled AS (
  SELECT count(DISTINCT subject) AS members FROM entitlement
  WHERE benefit = '${partner}-vip' AND len(list_filter(windows, lambda w:
    w."from" < TIMESTAMP '2026-10-31 16:00:00' AND (w.until IS NULL OR w.until > TIMESTAMP '2026-09-30 16:00:00'))) > 0
), lines AS (
  SELECT ${rounded('least(uses, 50000) * 525 + greatest(uses - 50000, 0) * 315')} AS coupons,
    active * 40 AS members, ${rounded('entitled.members * 150')} AS entitled, ${rounded('base * 8')} AS sales, 100000 AS base
  FROM used, entitled
)
SELECT *, coupons + members + entitled + sales + base AS subtotal,
  ${rounded('(coupons + members + entitled + sales + base) * 6')} AS tax FROM lines`
