import { DuckDBInstance } from '@duckdb/node-api'
import { beforeAll, describe, expect, it } from 'vitest'
import { settlementNeeds } from '../../functions/gateway-needs.ts'
import { clientSecret, partners, programme } from '../../functions/local/demo.ts'
import { requestClose, runClose } from '../../functions/settlement/close.ts'
import type { Period } from '../../schemas/primitives.ts'
import type { Statement } from '../../schemas/settlement.ts'
import { entitlementsAt, generatedLines, livedMonth, receivedAt } from './generated-month.ts'

/**
 * 100,000 events in batches of 1,000 through the HTTP route, closed, and computed again by DuckDB from the same lines
 * with nothing of ours but the entitlements' windows: dispositions and every amount must agree to the minor unit.
 */
const perPartner = 25_000
const batch = 1_000
const period = '2026-10' as Period

type World = Awaited<ReturnType<typeof livedMonth>>
let world: World
let statements: Statement[]
let dispositions: Record<string, number>
let sql: Awaited<ReturnType<typeof database>>

async function tokenFor(app: World['app'], client: string): Promise<string> {
  const response = await app.request('/oauth/token', {
    method: 'POST',
    headers: { authorization: `Basic ${btoa(`${client}:${clientSecret(client)}`)}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  })
  return ((await response.json()) as { access_token: string }).access_token
}

async function database() {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  await connection.run("SET TimeZone = 'UTC'")
  await connection.run('CREATE TABLE raw (partner VARCHAR, sequence INTEGER, line INTEGER, text VARCHAR)')
  await connection.run(
    'CREATE TABLE entitlement (id VARCHAR, partner VARCHAR, benefit VARCHAR, subject VARCHAR, live_from TIMESTAMPTZ, live_until TIMESTAMPTZ, quota INTEGER)',
  )
  return connection
}

beforeAll(async () => {
  world = await livedMonth(60)
  sql = await database()
  world.clock.moveTo(receivedAt)
  for (const [index, { id: partner }] of partners.entries()) {
    const entitlements = await entitlementsAt(world.services, partner)
    const rows = await sql.createAppender('entitlement')
    for (const { id, benefit, subject, windows, quota } of entitlements)
      for (const { from, until } of windows) {
        for (const text of [id, partner, benefit, subject]) rows.appendVarchar(text)
        rows.appendVarchar(from)
        if (until) rows.appendVarchar(until)
        else rows.appendNull()
        if (quota) rows.appendInteger(quota.limit)
        else rows.appendNull()
        rows.endRow()
      }
    rows.closeSync()
    await report(partner, generatedLines(partner, entitlements, perPartner, index + 1))
  }
  const closing = { programme: programme.id, period }
  const needs = settlementNeeds(world.services)
  await requestClose(needs, closing)
  await runClose(needs, closing)
  const path = `/v1/statements?programme=${programme.id}&period=${period}`
  // What a third brand funds is between it and the payee: the programme's brand does not see it.
  const ours = await read<{ items: Statement[] }>('alibaba', path)
  const theirs = await read<{ items: Statement[] }>('fliggy', path)
  statements = [...ours.items, ...theirs.items.filter(({ debtor }) => debtor === 'fliggy')]
  const view = `/v1/programmes/${programme.id}/periods/${period}`
  dispositions = (await read<{ dispositions: Record<string, number> }>('alibaba', view)).dispositions
  await sql.run(classification)
}, 300_000)

async function read<Answer>(client: string, path: string): Promise<Answer> {
  const authorization = `Bearer ${await tokenFor(world.app, client)}`
  return (await world.app.request(path, { headers: { authorization } })).json() as Promise<Answer>
}

async function report(partner: string, lines: string[]): Promise<void> {
  const authorization = `Bearer ${await tokenFor(world.app, partner)}`
  const raw = await sql.createAppender('raw')
  for (let start = 0; start < lines.length; start += batch) {
    const part = lines.slice(start, start + batch)
    const response = await world.app.request('/v1/usage-batches', {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/x-ndjson' },
      body: part.join('\n'),
    })
    expect(response.status).toBe(202)
    const { sequence } = (await response.json()) as { sequence: number }
    for (const [index, text] of part.entries()) {
      raw.appendVarchar(partner)
      raw.appendInteger(sequence)
      raw.appendInteger(index + 1)
      raw.appendVarchar(text)
      raw.endRow()
    }
  }
  raw.closeSync()
}

/** domain.md "Dispositions", once more in SQL. All uses of an allowance here have the quantity 1. */
const classification = `
CREATE TABLE classified AS
WITH parsed AS (
  SELECT *, TRY_CAST(text AS JSON) AS j, TIMESTAMPTZ '${receivedAt}' AS received FROM raw
), fields AS (
  SELECT partner, sequence, line, text, received,
    j IS NULL OR (j->>'$.quantitty') IS NOT NULL AS malformed,
    (j->>'$.id') AS id, (j->>'$.entitlementId') AS entitlement, (j->>'$.benefit') AS benefit, (j->>'$.subject') AS subject,
    TRY_CAST((j->>'$.occurredAt') AS TIMESTAMPTZ) AS moment,
    COALESCE(CAST((j->>'$.quantity') AS BIGINT), 1) AS quantity,
    CAST((j->>'$.amount.amountMinor') AS BIGINT) AS amount, (j->>'$.amount.currency') AS currency
  FROM parsed
), timely AS (
  SELECT *, CASE WHEN malformed THEN 'malformed' WHEN moment > received + INTERVAL 1 HOUR THEN 'future'
                 WHEN moment < received - INTERVAL 60 DAY THEN 'too-late' END AS d1 FROM fields
), ranked AS (
  SELECT *, first_value(text) OVER w AS first_text, row_number() OVER w AS nth FROM timely WHERE d1 IS NULL
  WINDOW w AS (PARTITION BY partner, id ORDER BY sequence, line)
), known AS (
  SELECT r.*, e.subject AS right_subject, e.benefit AS right_benefit, e.live_from, e.live_until, e.quota,
    CASE WHEN nth > 1 THEN CASE WHEN text = first_text THEN 'duplicate' ELSE 'conflict' END
         WHEN e.id IS NULL THEN 'unknown-entitlement'
         WHEN r.subject <> e.subject OR r.benefit <> e.benefit THEN 'wrong-subject'
         WHEN moment < e.live_from OR moment >= COALESCE(e.live_until, TIMESTAMPTZ '9999-01-01') THEN 'outside-entitlement' END AS d2
  FROM ranked r LEFT JOIN entitlement e ON e.id = r.entitlement AND e.partner = r.partner
), metered AS (
  SELECT *, row_number() OVER (PARTITION BY entitlement, strftime(moment + INTERVAL 8 HOUR, '%Y-%m') ORDER BY moment, id) AS use_number
  FROM known WHERE d2 IS NULL
)
SELECT partner, entitlement, right_benefit AS benefit, subject, moment, quantity, amount,
  CASE WHEN quota IS NOT NULL AND use_number > quota THEN 'over-quota'
       WHEN currency IS NOT NULL AND currency <> 'CNY' THEN 'currency-mismatch' ELSE 'matched' END AS disposition
FROM metered
UNION ALL SELECT partner, entitlement, right_benefit, subject, moment, quantity, amount, d2 FROM known WHERE d2 IS NOT NULL
UNION ALL
SELECT t.partner, t.entitlement, e.benefit, t.subject, t.moment, t.quantity, t.amount, d1
FROM timely t LEFT JOIN entitlement e ON e.id = t.entitlement AND e.partner = t.partner WHERE d1 IS NOT NULL
`
/** Events of the programme that are accounted in October: lines of no programme are the partner's own. */
const inPeriod = `disposition NOT IN ('malformed', 'unknown-entitlement')
  AND (moment < TIMESTAMPTZ '2026-10-31T16:00:00Z')`

async function query<Row>(text: string): Promise<Row[]> {
  return (await sql.runAndReadAll(text)).getRowObjectsJson() as Row[]
}

const amountsOf = (creditor: string, debtor = 'alibaba') => {
  const found = statements.find(statement => statement.creditor === creditor && statement.debtor === debtor)
  if (!found) throw new Error(`no statement ${debtor} → ${creditor}`)
  return { lines: Object.fromEntries(found.lines.map(({ line, amountMinor }) => [line, amountMinor])), found }
}
const halfUp = (numerator: bigint, denominator: bigint): number =>
  Number((2n * numerator + denominator) / (2n * denominator))
const total = async (partner: string) => {
  const [row] = await query<{ quantity: string; amount: string; members: string }>(
    `SELECT SUM(quantity)::VARCHAR quantity, SUM(amount)::VARCHAR amount, COUNT(DISTINCT subject)::VARCHAR members
     FROM classified WHERE partner = '${partner}' AND disposition = 'matched' AND ${inPeriod}`,
  )
  return { quantity: BigInt(row?.quantity ?? 0), amount: BigInt(row?.amount ?? 0), members: BigInt(row?.members ?? 0) }
}

describe('a generated month of 100,000 events against DuckDB', () => {
  it('has every line of every partner, and each kind of fault', async () => {
    const [row] = await query<{ lines: string; kinds: string }>(
      'SELECT COUNT(*)::VARCHAR lines, COUNT(DISTINCT disposition)::VARCHAR kinds FROM classified',
    )
    expect(row).toEqual({ lines: String(perPartner * partners.length), kinds: '11' })
  })

  it('gives each event the same disposition', async () => {
    const rows = await query<{ disposition: string; events: string }>(
      `SELECT disposition, COUNT(*)::VARCHAR events FROM classified WHERE ${inPeriod} GROUP BY 1`,
    )
    expect(dispositions).toEqual(
      Object.fromEntries(rows.map(({ disposition, events }) => [disposition, Number(events)])),
    )
  })

  it('rates graduated tiers and active members, and cuts at the maximum', async () => {
    const { quantity, members } = await total('youku')
    const { lines, found } = amountsOf('youku')
    // 0.0125 and 0.0071 a use in units of 1/100 fen: 1.25 fen and 0.71 fen.
    const views = halfUp(
      125n * (quantity < 10_000n ? quantity : 10_000n) + 71n * (quantity > 10_000n ? quantity - 10_000n : 0n),
      100n,
    )
    const active = Number(members * 650n)
    const cut = Math.min(0, 90_000 - views - active)
    expect(lines).toEqual({ active, views, ...(cut < 0 && { 'maximum-cut': cut }) })
    expect(found.taxMinor).toBe(halfUp(BigInt(found.subtotalMinor) * 6n, 100n))
    expect(found.totalMinor).toBe(found.subtotalMinor + found.taxMinor)
  })

  it('rates a flat fee and plain uses, and tops up to the minimum', async () => {
    const { quantity } = await total('xiami')
    const { lines, found } = amountsOf('xiami')
    const plays = halfUp(quantity * 43n, 100n)
    const lacking = Math.max(0, 25_000 - 9_995 - plays)
    expect(lines).toEqual({ platform: 9_995, plays, ...(lacking > 0 && { 'minimum-top-up': lacking }) })
    expect(found.taxMinor).toBe(halfUp(BigInt(found.subtotalMinor) * 333n, 10_000n))
  })

  it('shares revenue and splits a funded line by largest remainder', async () => {
    const { quantity, amount } = await total('eleme')
    const coupon = quantity * 477n
    // Shares in thousandths: 333 alibaba, 400 eleme (the payee, not owed), 267 fliggy.
    const parts = [333n, 400n, 267n].map((share, index) => ({
      index,
      floor: (coupon * share) / 1000n,
      rest: (coupon * share) % 1000n,
    }))
    const left = Number(coupon - parts.reduce((sum, part) => sum + part.floor, 0n))
    const topped = new Set(
      parts
        .toSorted((a, b) => (a.rest === b.rest ? a.index - b.index : a.rest > b.rest ? -1 : 1))
        .slice(0, left)
        .map(part => part.index),
    )
    const [alibaba = 0, , fliggy = 0] = parts.map(({ index, floor }) => Number(floor) + (topped.has(index) ? 1 : 0))
    expect(amountsOf('eleme').lines).toEqual({ share: halfUp(amount * 825n, 10_000n), coupon: alibaba })
    expect(amountsOf('eleme', 'fliggy').lines).toEqual({ coupon: fliggy })
  })

  it('rates volume tiers at the step that is reached', async () => {
    const { quantity } = await total('fliggy')
    expect(amountsOf('fliggy').lines).toEqual({ stays: halfUp(quantity * (quantity <= 500n ? 3_000n : 2_405n), 100n) })
  })
})
