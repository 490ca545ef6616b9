import readXlsx from 'read-excel-file/node'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { namesOfBrands } from '../../functions/brands/brand-names.ts'
import type { PeriodView, Preview, Statement } from '../../schemas/settlement.ts'
import { bodyOf } from '../support/gateway.ts'
import { cellsOf, type MonthWorld, monthWorld, textOf, twoMonths } from './month-world.ts'

const at = (period: string, below = '') => `/finance/periods/88vip/${period}${below && `/${below}`}`
const api = '/v1/programmes/88vip/periods'
const money = (amountMinor: number) =>
  new Intl.NumberFormat('en', { style: 'currency', currency: 'CNY' }).format(amountMinor / 100)
vi.setConfig({ testTimeout: 120_000 })
let world: MonthWorld
beforeAll(async () => {
  world = await monthWorld()
  await twoMonths(world)
}, 120_000)

const captions = {
  amounts: 'Amount by partner',
  usage: 'Usage by day',
  exceptions: 'Exceptions by reason',
  economics: 'Programme economics',
  statements: 'Statements',
} as const

/** As staff see it in English: nothing changes it here. */
const pages = new Map<string, Promise<string>>()
function pageAt(path: string): Promise<string> {
  const page = pages.get(path) ?? world.html(path)
  pages.set(path, page)
  return page
}

async function statementsOf(period: string): Promise<Statement[]> {
  return (await bodyOf<Preview>(await world.call('alibaba', 'POST', `${api}/${period}/preview`))).statements
}

describe.each(['2026-10', '2026-11'])('%s', period => {
  test('figures equal the API’s', async () => {
    const view = await bodyOf<PeriodView>(await world.call('alibaba', 'GET', `${api}/${period}`))
    const page = await pageAt(at(period))
    const figures = Object.fromEntries(
      [...page.matchAll(/<dt>(.*?)<\/dt><dd class="figure-value">(.*?)<\/dd>/g)].map(([, term, value]) => [
        term,
        textOf(value ?? ''),
      ]),
    )
    expect(figures['Gross total, with tax']).toBe(money(view.totals[0]?.amountMinor ?? 0))
    expect(figures['Events billed']).toBe(String(view.dispositions.matched))
    expect(page).toContain(view.state === 'published' ? '>Closed</span>' : '>Open</span>')
    expect(page.includes('Provisional')).toBe(view.state === 'open')
  })

  test('amounts and statements equal the statements', async () => {
    const statements = await statementsOf(period)
    expect(statements.length).toBe(4)
    const page = await pageAt(at(period))
    const rows = cellsOf(page, captions.amounts).slice(1)
    const names = await namesOfBrands(world.services, {
      brands: statements.map(one => one.creditor),
      operator: 'alibaba',
    })
    for (const { creditor, subtotalMinor, taxMinor } of statements)
      expect(rows.find(([partner]) => partner === (names.get(creditor) ?? creditor))?.slice(2, 5)).toEqual([
        money(subtotalMinor + taxMinor),
        money(0),
        money(subtotalMinor + taxMinor),
      ])
    expect(
      cellsOf(page, captions.statements)
        .slice(1)
        .map(row => row[8]),
    ).toEqual(statements.map(one => money(one.totalMinor)))
  })

  test('usage by day adds up to the dispositions', async () => {
    const { dispositions } = await bodyOf<PeriodView>(await world.call('alibaba', 'GET', `${api}/${period}`))
    const { matched = 0, ...others } = dispositions
    const [head = [], ...rows] = cellsOf(await pageAt(at(period)), captions.usage)
    expect(rows).toHaveLength(period === '2026-10' ? 31 : 30)
    const sum = (from: number, upTo: number) =>
      rows.reduce((all, row) => all + row.slice(from, upTo).reduce((part, cell) => part + Number(cell), 0), 0)
    const refused = Object.values(others).reduce((all, lines) => all + lines, 0)
    expect(sum(1, head.length - 2)).toBe(matched)
    expect(sum(head.length - 2, head.length - 1)).toBe(refused)
    expect(sum(head.length - 1, head.length)).toBe(matched + refused)
  })

  test.each(Object.entries(captions))('the files of %s hold what the page shows', async (name, caption) => {
    const page = await pageAt(at(period))
    const shown = cellsOf(page, caption)
    const answer = await world.open(at(period, `tables/${name}.csv`))
    expect(answer.headers.get('content-disposition')).toBe(`attachment; filename="88vip-${period}-${name}.csv"`)
    // As bytes: reading it as text would drop the byte order mark.
    const csv = Buffer.from(await answer.arrayBuffer()).toString()
    const [head = '', ...lines] = csv.trimEnd().split('\r\n')
    expect(head.charCodeAt(0)).toBe(0xfeff)
    expect(lines).toHaveLength(Math.max(shown.length - 1, 0))
    const sheets = await readXlsx(
      Buffer.from(await (await world.open(at(period, `tables/${name}.xlsx`))).arrayBuffer()),
    )
    const rows = (
      Array.isArray(sheets[0]) ? sheets : (sheets[0] as unknown as { data: unknown[][] }).data
    ) as unknown[][]
    expect(rows[0]).toEqual(shown[0] ?? rows[0])
    const numbers = (text: string) => text.replaceAll(/[^\d.-]/g, '')
    for (const [index, row] of shown.slice(1).entries()) {
      const cells = rows[index + 1] ?? []
      for (const [place, cell] of row.entries()) {
        const kept = cells[place]
        if (typeof kept === 'number') expect(Number(numbers(cell)), `${name} ${index} ${place}`).toBeCloseTo(kept, 6)
        else if (cell !== '–' && name !== 'statements' && !(name === 'usage' && place === 0)) expect(kept).toBe(cell)
      }
      for (const cell of cells)
        if (typeof cell === 'string' && !cell.includes(',')) expect(lines[index]).toContain(cell)
    }
  })
})

test('a closed month is read, not computed: what arrives later does not change it', async () => {
  const before = await pageAt(at('2026-10'))
  expect(before).toContain('href="/finance/statements/stm_')
  expect(before).not.toContain(`href="${at('2026-10', 'close')}"`)
  expect(await (await world.open(at('2026-10', 'tables/journal.txt'))).text()).toContain('CNYMINOR')
  expect(await pageAt(at('2026-11'))).toContain(`href="${at('2026-11', 'close')}"`)
})

test('change against the month before', async () => {
  const total = async (period: string) =>
    (await bodyOf<PeriodView>(await world.call('alibaba', 'GET', `${api}/${period}`))).totals[0]?.amountMinor ?? 0
  const difference = (await total('2026-11')) - (await total('2026-10'))
  expect(difference).toBeGreaterThan(0)
  expect(textOf(await pageAt(at('2026-11')))).toContain(`+${money(difference)} (+`)
  expect(textOf(await pageAt(at('2026-10')))).toContain('First month')
})

test('the page keeps to its own content security policy', async () => {
  for (const language of ['en', 'zh-CN'] as const) {
    const answer = await world.open(at('2026-11'), { language })
    expect(answer.headers.get('content-security-policy')).toContain("style-src 'self'")
    const page = await answer.text()
    expect(page).toContain(`<html lang="${language}">`)
    expect(page.match(/<svg role="img"/g)?.length).toBeGreaterThanOrEqual(8)
    expect(/<script|<style|\sstyle=|\son[a-z]+=/.exec(page)?.[0]).toBe(undefined)
    expect(/undefined|NaN|\[object/.exec(textOf(page))?.[0]).toBe(undefined)
  }
})

test('headings stand in order, ids once, and every table says what it is', async () => {
  for (const path of ['/finance', at('2026-11'), at('2026-11', 'preview')]) {
    const page = await pageAt(path)
    const levels = [...page.matchAll(/<h(\d)/g)].map(([, level]) => Number(level))
    expect(levels.filter(level => level === 1)).toHaveLength(1)
    for (const [index, level] of levels.entries()) expect(level - (levels[index - 1] ?? 0)).toBeLessThanOrEqual(1)
    const ids = [...page.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => id)
    expect(new Set(ids).size).toBe(ids.length)
    const tables = page.match(/<section class="table-scroll" aria-label="[^"]+" tabindex="0"><table/g) ?? []
    expect(tables.length).toBeGreaterThan(0)
    expect(page.match(/<caption/g)).toHaveLength(tables.length)
    expect(page).not.toMatch(/<th(?! scope=)[\s>]/)
  }
})

describe('who may see it', () => {
  const paths = [
    '/finance',
    at('2026-10'),
    at('2026-10', 'preview'),
    at('2026-10', 'tables/amounts.csv'),
    at('2026-10', 'tables/journal.txt'),
  ]
  test.each(paths)('%s: staff, no member, and nobody signed out', async path => {
    expect((await world.open(path, { roles: ['operator'] })).status).toBe(200)
    const member = await world.open(path, { roles: [] })
    expect(member.status).toBe(403)
    expect(await member.text()).not.toContain('CN¥')
    const out = await world.open(path, { signedOut: true })
    expect([out.status, out.headers.get('location')]).toEqual([303, `/sign-in?return=${encodeURIComponent(path)}`])
  })
})

test.each([
  [at('2026-13'), 404],
  [at('2026-09'), 404],
  [at('2027-01'), 404],
  ['/finance/periods/nobody/2026-10', 404],
  ['/finance/periods/..%2F/2026-10', 404],
  [at('2026-10', 'tables/amounts.pdf'), 404],
  [at('2026-10', 'tables/toString.csv'), 404],
  [at('2026-10', 'tables/__proto__.csv'), 404],
  [at('2026-12', 'tables/journal.txt'), 404],
  [at('2026-99', 'preview'), 404],
])('%s is a page that says so', async (path, status) => {
  const answer = await world.open(path)
  expect(answer.status).toBe(status)
  const page = await answer.text()
  expect(page).toContain('<h1')
  // Staff stay among their pages.
  expect(page).toContain('href="/finance"')
  expect(page).not.toContain('href="/pass"')
})
