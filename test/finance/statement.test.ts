import { readSheet } from 'read-excel-file/node'
import { beforeAll, describe, expect, test } from 'vitest'
import { moneyIn } from '../../functions/finance/formats.ts'
import { moneyEn } from '../../functions/finance/messages/money-en.ts'
import { genesisHash } from '../../functions/kernel/canonical.ts'
import { put, recordType } from '../../functions/kernel/table.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { type Statement, StatementToken } from '../../schemas/settlement.ts'
import { close, codeOf, type MoneyWorld, moneyWorld, statementsOf, visitorOf } from './money-world.ts'

let world: MoneyWorld
let all: Statement[]
const of = (creditor: string, period = '2026-10'): Statement => {
  const found = all.find(one => one.creditor === creditor && one.period === period)
  if (!found) throw new Error(`no statement for ${creditor} in ${period}`)
  return found
}
beforeAll(async () => {
  world = await moneyWorld()
  world.clock.moveTo('2026-11-02T00:00:00Z' as Instant)
  await close(world)
  // Late, of October: a delta line of November, and back below the minimum's top-up.
  world.clock.moveTo('2026-11-20T00:00:00Z' as Instant)
  await lateUses()
  world.clock.moveTo('2026-12-02T00:00:00Z' as Instant)
  await close(world, '2026-11')
  all = await statementsOf(world)
}, 120_000)

async function lateUses() {
  const later = world.links.map(link => ({ ...link }))
  const events = later
    .filter(({ partner }) => partner === 'fliggy')
    .map(({ entitlement, benefit, subject }, member) => ({
      id: `late-${member}`,
      entitlementId: entitlement,
      benefit,
      subject,
      occurredAt: '2026-10-25T04:00:00Z',
    }))
  const sent = await world.call('fliggy', 'POST', '/v1/usage-batches', { events })
  expect(sent.status).toBe(202)
}

const tokenType = recordType('statement-token', StatementToken)
/** In the place of the statement's signature. */
const putToken = ({ id }: Statement, token: string): Promise<void> =>
  world.services.table.write(put(tokenType, { pk: `STATEMENT#${id}`, sk: 'TOKEN' }, { id, token }))

const money = (amountMinor: number) => moneyIn('en', { amountMinor, currency: 'CNY' })
const pathOf = ({ id }: Statement, below = '') => `/finance/statements/${id}${below}`
const linePath = (statement: Statement, id: string) => pathOf(statement, `/lines/${encodeURIComponent(id)}`)

describe('a statement on its page', () => {
  test('shows what the API says: parties, every line, sums, hash and signature', async () => {
    const finance = await visitorOf(world, ['operator'])
    for (const statement of all) {
      const page = await finance.get(pathOf(statement))
      expect(page.status).toBe(200)
      for (const line of statement.lines) {
        expect(page.body).toContain(`href="${linePath(statement, line.id)}"`)
        expect(page.text).toContain(money(line.amountMinor))
      }
      for (const amount of [statement.subtotalMinor, statement.taxMinor, statement.totalMinor])
        expect(page.text).toContain(money(amount))
      expect(page.text).toContain(statement.hash)
      expect(page.text).toContain(moneyEn.statement.hashHolds)
      expect(page.text).toContain(moneyEn.statement.signed)
    }
  })

  test('is proven only by a signature of its own hash', async () => {
    const finance = await visitorOf(world, ['finance'])
    const [mine, other] = [of('youku'), of('eleme')]
    const tokenOf = async ({ id }: Statement) => (await world.call('alibaba', 'GET', `/v1/statements/${id}.jwt`)).text()
    const [right, foreign] = [await tokenOf(mine), await tokenOf(other)]
    for (const token of [foreign, 'no.token', '%%%.e30.x', `${right}A`]) {
      await putToken(mine, token)
      const page = await finance.get(pathOf(mine))
      expect([token, page.status]).toEqual([token, 200])
      expect(page.text).toContain(moneyEn.statement.unproven)
      expect(page.body).toContain('role="alert"')
      expect(page.text).toContain(moneyEn.statement.noSignature.broken)
    }
    await putToken(mine, right)
    expect((await finance.get(pathOf(mine))).body).not.toContain('role="alert"')
  })

  test('leads to the statement before, and says of the first that it is the first', async () => {
    const finance = await visitorOf(world, ['finance'])
    const [first, second] = [of('youku'), of('youku', '2026-11')]
    expect([first.previousHash, second.previousHash]).toEqual([genesisHash, first.hash])
    expect((await finance.get(pathOf(first))).text).toContain(moneyEn.statement.first)
    const page = await finance.get(pathOf(second))
    expect(page.body).toContain(`href="${pathOf(first)}"`)
    expect(page.text).toContain(first.hash)
  })

  test('comes in every form, byte for byte that of the API', async () => {
    const finance = await visitorOf(world, ['finance'])
    const statement = of('eleme')
    for (const [form, type] of [
      ['csv', 'text/csv; charset=utf-8'],
      ['jwt', 'application/jwt'],
      ['json', 'application/json'],
      ['xlsx', 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'],
      ['pdf', 'application/pdf'],
    ] as const) {
      const answer = await finance.bytes(pathOf(statement, `.${form}`))
      expect([form, answer.status, answer.headers.get('content-type')]).toEqual([form, 200, type])
      expect(answer.headers.get('content-disposition')).toBe(`attachment; filename="${statement.id}.${form}"`)
      const bytes = Buffer.from(await answer.arrayBuffer())
      if (form === 'pdf') expect(bytes.subarray(0, 5).toString()).toBe('%PDF-')
      else if (form === 'xlsx') expect(bytes.subarray(0, 2).toString()).toBe('PK')
      else {
        const suffix = form === 'json' ? '' : `.${form}`
        const api = await world.call('alibaba', 'GET', `/v1/statements/${statement.id}${suffix}`)
        expect(bytes.toString()).toBe(Buffer.from(await api.arrayBuffer()).toString())
      }
    }
  })

  test('is not found under other names, in other forms, or by members', async () => {
    const finance = await visitorOf(world, ['finance'])
    const { id } = of('eleme')
    for (const address of [
      '/finance/statements/stm_00000000000000000000000000',
      '/finance/statements/nonsense',
      `/finance/statements/${id}.exe`,
      `/finance/statements/${id}.constructor`,
      `/finance/statements/${id}.csv.csv`,
    ]) {
      const page = await finance.get(address)
      expect([address, page.status, codeOf(page)]).toEqual([address, 404, 'statement-not-found'])
    }
    const member = await visitorOf(world, [])
    expect(codeOf(await member.get(pathOf(of('eleme'))))).toBe('staff-only')
    expect(codeOf(await member.get(pathOf(of('eleme'), '.csv')))).toBe('staff-only')
  })
})

describe('a line explains itself', () => {
  const text = async (statement: Statement, line: string) => {
    const found = statement.lines.find(one => one.line === line)
    if (!found) throw new Error(`no line ${line}: ${statement.lines.map(one => one.line)}`)
    const finance = await visitorOf(world, ['finance'])
    const page = await finance.get(linePath(statement, found.id))
    expect(page.status).toBe(200)
    expect(page.text).toContain(`${moneyEn.line.result}: ${money(found.amountMinor)}`)
    return page.text
  }

  test('graduated tiers, step by step', async () => {
    const shown = await text(of('youku'), 'views')
    expect(shown).toContain('100 × 0.05 + 50 × 0.03 = 6.5 CNY')
    expect(shown).toContain(moneyEn.line.tiers.graduated)
  })

  test('members, and the top-up to the minimum', async () => {
    expect(await text(of('youku'), 'active')).toContain('3 × 6.5 = 19.5 CNY')
    const shown = await text(of('youku'), 'minimum-top-up')
    expect(shown).toContain(moneyEn.line.limits.minimum(money(2600), money(20_000)))
  })

  test('a share of sales, with its one rounding', async () => {
    const shown = await text(of('eleme'), 'share')
    expect(shown).toContain('199.98 × 0.08 = 15.9984 CNY')
    expect(shown).toContain(`${moneyEn.line.rounded}: ${money(1600)}`)
  })

  test('a coupon that two bear', async () => {
    const shown = await text(of('eleme'), 'coupon')
    expect(shown).toContain('6 × 5 = 30 CNY')
    expect(shown).toMatch(/60%: CN¥18\.00/)
    expect(shown).toMatch(/40% itself \(CN¥12\.00\)/)
  })

  test('a fixed fee', async () => {
    expect(await text(of('xiami'), 'platform')).toContain('1 × 88 = 88 CNY')
  })

  test('a late line: the month whole again, less what was billed', async () => {
    const statement = of('fliggy', '2026-11')
    const late = statement.lines.find(({ originPeriod }) => originPeriod === '2026-10')
    expect(late).toMatchObject({ line: 'stays', quantity: 3 })
    const finance = await visitorOf(world, ['finance'])
    const page = await finance.get(linePath(statement, late?.id ?? ''))
    // 27 stays before and 30 now: all at the second step's price.
    expect(page.text).toContain('30 × 2.4 = 72 CNY')
    expect(page.text).toContain(moneyEn.line.tiers.volume)
    expect(page.text).toContain(moneyEn.line.beforehand(money(6_480)))
    expect(page.text).toContain(`${moneyEn.line.result}: ${money(720)}`)
  })

  test('every line of every statement is explained, in both languages', async () => {
    for (const language of ['en', 'zh-CN'] as const) {
      const finance = await visitorOf(world, ['finance'], language)
      for (const statement of all)
        for (const line of statement.lines) {
          const page = await finance.get(linePath(statement, line.id))
          expect(page.status).toBe(200)
          expect(page.body).toContain('class="list-decimal')
        }
    }
  })

  test('the events behind it, page by page, and all of them as files', async () => {
    const finance = await visitorOf(world, ['finance'])
    const statement = of('youku')
    const views = linePath(statement, 'youku-2026:views:2026-10')
    const seen = new Set<string>()
    let address: string | undefined = views
    let pages = 0
    while (address) {
      const page: Awaited<ReturnType<typeof finance.get>> = await finance.get(address)
      for (const [, event = ''] of page.body.matchAll(/<code[^>]*>(youku-2026-10-\d+-\d+)<\/code>/g)) seen.add(event)
      address = /href="([^"#]+\?cursor=[^"#&]+)#events"/.exec(page.body)?.[1]
      pages++
    }
    expect([pages, seen.size]).toEqual([3, 150])
    const api = `/v1/statements/${statement.id}/lines/youku-2026:views:2026-10`
    const csv = Buffer.from(await (await finance.bytes(`${views}/events.csv`)).arrayBuffer()).toString()
    expect(csv.trimEnd().split('\r\n').length).toBe(151)
    const same = await world.call('alibaba', 'GET', `${api}/events.csv`)
    expect(csv).toBe(Buffer.from(await same.arrayBuffer()).toString())
    const xlsx = await finance.bytes(`${views}/events.xlsx`)
    const rows = await readSheet(Buffer.from(await xlsx.arrayBuffer()))
    expect(rows.length).toBe(151)
    expect(new Set(rows.slice(1).map(row => row[4]))).toEqual(seen)
    expect(codeOf(await finance.get(`${views}/events.pdf`))).toBe('not-found')
    for (const cursor of ['x', 'W10', '"><script>'])
      expect((await finance.get(`${views}?cursor=${encodeURIComponent(cursor)}`)).status).toBe(400)
  })

  test('lines without events say why', async () => {
    const finance = await visitorOf(world, ['finance'])
    const page = await finance.get(linePath(of('xiami'), 'xiami-2026:platform:2026-10'))
    expect(page.text).toContain(moneyEn.line.noEvents.flat)
    const limit = await finance.get(linePath(of('youku'), 'youku-2026:minimum-top-up:2026-10'))
    expect(limit.text).toContain(moneyEn.line.noEvents.limit)
  })

  test('a line that there is not is not found', async () => {
    const finance = await visitorOf(world, ['finance'])
    const page = await finance.get(linePath(of('youku'), 'youku-2026:nothing:2026-10'))
    expect([page.status, codeOf(page)]).toEqual([404, 'line-not-found'])
  })
})
