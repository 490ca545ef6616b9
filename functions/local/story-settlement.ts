import { clockOf, expectEqual, moveClock, NotAsExpected, type Stage } from './story-client.ts'

type Line = { id: string; line: string; model: string; quantity: number; amountMinor: number }
type Statement = {
  id: string
  creditor: string
  lines: Line[]
  subtotalMinor: number
  taxMinor: number
  totalMinor: number
  hash: string
}
const hours = 3_600_000

/**
 * What domain.md gives for the story's usage, by hand:
 * - eleme matched 3 uses of 33.33 net of the reversal: share 0.0825 × 9999 = 824.9175 → 825; coupons 3 reach the second
 *   volume step: 3 × 4.50 = 1350, of which the payee bears 40 % → 810 owed; flat 1200; tax 6 % of 2835 = 170.1 → 170.
 * - youku: one active member 650; 10 × 0.05 + 15 × 0.03 = 0.95 → 95; minimum 2000 → top-up 1255; tax 120.
 */
const expected = {
  eleme: { amounts: { share: 825, coupon: 810, platform: 1200 }, taxMinor: 170, totalMinor: 3005 },
  youku: { amounts: { active: 650, views: 95, 'minimum-top-up': 1255 }, taxMinor: 120, totalMinor: 2120 },
} as const

export async function checkSettlement(stage: Stage, write: (text: string) => void): Promise<void> {
  const { brand, eleme, gateway, programme, narrate } = stage
  const period = monthOf(await clockOf(gateway))
  const path = `/v1/programmes/${programme}/periods/${period}`
  await narrate.step('a month that is not over cannot be closed', async () => {
    const refused = await brand.post(`${path}/close`, {}, 409)
    expectEqual('code', (refused.body as { code: string }).code, 'period-not-over')
  })
  await moveClock(gateway, afterMonth(period))
  const preview = await narrate.step('finance previews the month', async () => {
    const { body } = await brand.post(`${path}/preview`, {})
    return (body as { statements: Statement[] }).statements
  })
  await narrate.step('finance closes the month', async () => {
    await brand.post(`${path}/close`, {}, 202)
    await published(stage, path)
    await brand.post(`${path}/close`, {}, 202)
  })
  const statements = await narrate.step('the statements are as the contracts say', async () => {
    const { body } = await brand.get(`/v1/statements?programme=${programme}&period=${period}`)
    const { items } = body as { items: Statement[] }
    expectEqual(
      'statements against the preview',
      items.map(({ hash }) => hash).toSorted(),
      preview.map(({ hash }) => hash).toSorted(),
    )
    for (const statement of items) checkStatement(statement)
    return items
  })
  await narrate.step('a partner reads its own statement and nobody else’s, as JSON and CSV', async () => {
    const own = statements.find(({ creditor }) => creditor === 'eleme')
    const other = statements.find(({ creditor }) => creditor === 'youku')
    if (!own || !other) throw new NotAsExpected('there is no statement for eleme and youku')
    expectEqual('statement', (await eleme.get(`/v1/statements/${own.id}`)).body, own)
    await eleme.get(`/v1/statements/${other.id}`, 404)
    const csv = (await eleme.get(`/v1/statements/${own.id}.csv`)).text
    if (!csv.includes(`total`) || !csv.includes(String(own.totalMinor)))
      throw new NotAsExpected(`the CSV lacks the total:\n${csv}`)
  })
  const journal = await narrate.step('the journal sums to zero', async () => {
    const { text } = await brand.get(`${path}/journal`)
    const amounts = [...text.matchAll(/^\s+position:\S+\s+(-?\d+)\s+CNY/gm)].map(([, amount]) => BigInt(amount ?? 0))
    expectEqual('postings in the journal', amounts.length, 16)
    expectEqual('sum of the journal', String(amounts.reduce((sum, amount) => sum + amount, 0n)), '0')
    return text
  })
  write(`\n${statements.map(printed).join('\n')}\n${journal}`)
}

function checkStatement({ creditor, lines, taxMinor, totalMinor }: Statement): void {
  const wanted = expected[creditor as keyof typeof expected]
  if (!wanted) throw new NotAsExpected(`nobody owes ${creditor} anything`)
  const amounts = Object.fromEntries(lines.map(({ line, amountMinor }) => [line, amountMinor]))
  expectEqual(`amounts owed to ${creditor}`, { amounts, taxMinor, totalMinor }, wanted)
}

async function published({ brand }: Stage, path: string): Promise<void> {
  for (let attempt = 0; attempt < 150; attempt++) {
    const { state } = (await brand.get(path)).body as { state: string }
    if (state === 'published') return
    await new Promise(resolve => setTimeout(resolve, 200))
  }
  throw new NotAsExpected('the period was not published within 30 s')
}

const monthOf = (now: string): string => new Date(Date.parse(now) + 8 * hours).toISOString().slice(0, 7)

/** An hour into the next month, in Shanghai. */
function afterMonth(period: string): Date {
  const [year = 0, month = 0] = period.split('-').map(Number)
  return new Date(Date.UTC(year, month, 1) - 7 * hours)
}

function printed({ id, creditor, lines, subtotalMinor, taxMinor, totalMinor }: Statement): string {
  const row = (what: string, quantity: string, minor: number) =>
    `  ${what.padEnd(44)}${quantity.padStart(8)}${(minor / 100).toFixed(2).padStart(14)}`
  return [
    `Statement ${id}: alibaba owes ${creditor} (CNY)`,
    ...lines.map(line => row(`${line.line} (${line.model})`, String(line.quantity), line.amountMinor)),
    row('subtotal', '', subtotalMinor),
    row('tax', '', taxMinor),
    row('total', '', totalMinor),
    '',
  ].join('\n')
}
