import { describe, expect, test } from 'vitest'
import { namesOfBrands } from '../../functions/brands/brand-names.ts'
import { perMilleOf } from '../../functions/finance/formats.ts'
import { lineChanges, statementChanges } from '../../functions/finance/preview-changes.ts'
import type { Preview, Statement } from '../../schemas/settlement.ts'
import { bodyOf } from '../support/gateway.ts'
import { cellsOf, monthWorld, november, october, textOf, twoMonths } from './month-world.ts'

const line = (name: string, amountMinor: number, more: object = {}) => ({
  contract: 'c',
  line: name,
  model: 'per-use',
  quantity: amountMinor * 2,
  amountMinor,
  ...more,
})
const statement = (period: string, creditor: string, lines: { amountMinor: number }[], taxMinor = 0) =>
  ({
    id: `stm-${period}`,
    period,
    debtor: 'alibaba',
    creditor,
    currency: 'CNY',
    lines: lines.map(one => ({ originPeriod: period, ...one })),
    subtotalMinor: lines.reduce((sum, one) => sum + one.amountMinor, 0),
    taxMinor,
  }) as unknown as Statement

describe('changes', () => {
  const before = [
    statement(october, 'youku', [line('a', 100), line('b', 50), line('same', 7)], 6),
    statement(october, 'gone', [line('x', 10)]),
  ]
  const now = [
    statement(
      november,
      'youku',
      [line('a', 40), line('c', 30), line('same', 7), line('a', 5, { originPeriod: october })],
      3,
    ),
  ]

  test('by statement, tax with it, the largest first', () => {
    expect(
      statementChanges(before, now).map(one => [one.creditor, one.kind, one.differenceMinor, one.perMille]),
    ).toEqual([
      ['youku', 'changed', 85 - 163, -479],
      ['gone', 'gone', -10, -1000],
    ])
  })

  test('by line: new ones, those that are gone, and late ones apart', () => {
    const rows = lineChanges(before, now).map(one => [
      one.line,
      one.isLate,
      one.kind,
      one.differenceMinor,
      one.perMille,
    ])
    expect(rows).toEqual([
      ['a', false, 'changed', -60, -600],
      ['b', false, 'gone', -50, -1000],
      ['c', false, 'new', 30, undefined],
      ['x', false, 'gone', -10, -1000],
      ['a', true, 'new', 5, undefined],
      ['same', false, 'same', 0, 0],
    ])
  })

  test.each([
    [1, 3, 333],
    [2, 3, 667],
    [-1, 2000, -1],
    [1, 2001, 0],
    [5, -10, 500],
    [5, 0, undefined],
    [Number.MAX_SAFE_INTEGER, 1, Number(BigInt(Number.MAX_SAFE_INTEGER) * 1000n)],
  ])('%d of %d is %s per mille', (part, whole, expected) => {
    expect(perMilleOf(part, whole)).toBe(expected)
  })
})

test('the page says what a close would post now, against last month, and posts nothing', {
  timeout: 120_000,
}, async () => {
  const world = await monthWorld()
  await twoMonths(world)
  const path = '/finance/periods/88vip/2026-11/preview'
  const { statements } = await bodyOf<Preview>(
    await world.call('alibaba', 'POST', '/v1/programmes/88vip/periods/2026-11/preview'),
  )
  const page = await world.html(path)
  expect(page).toContain('Nothing is posted by looking')
  const money = (amountMinor: number) =>
    new Intl.NumberFormat('en', { style: 'currency', currency: 'CNY' }).format(amountMinor / 100)
  const shown = new Map(
    cellsOf(page, 'By statement')
      .slice(1)
      .map(([name, , now]) => [name, now]),
  )
  const brands = ['alibaba', ...statements.map(one => one.creditor)]
  const names = await namesOfBrands(world.services, { brands, operator: 'alibaba' })
  for (const { creditor, subtotalMinor, taxMinor } of statements)
    expect(shown.get(`${names.get('alibaba')} → ${names.get(creditor) ?? creditor}`)).toBe(
      money(subtotalMinor + taxMinor),
    )
  const lines = cellsOf(page, 'By line').slice(1)
  expect(lines).toHaveLength(statements.flatMap(one => one.lines).length)
  const sizes = lines.map(row => Math.abs(Number((row[5] ?? '').replaceAll(/[^\d.]/g, ''))))
  expect(sizes).toEqual(sizes.toSorted((a, b) => b - a))
  // The files hold what is on screen.
  for (const [name, caption] of [
    ['changes', 'By statement'],
    ['lines', 'By line'],
  ] as const) {
    const base = `/finance/periods/88vip/2026-11/tables/${name}`
    expect(page).toContain(`href="${base}.csv"`)
    const rows = (await world.html(`${base}.csv`)).trimEnd().split('\r\n')
    const table = cellsOf(page, caption)
    expect(rows).toHaveLength(table.length)
    for (const [place, [first = '']] of table.entries()) if (place > 0) expect(rows[place]).toContain(first)
    expect((await world.open(`${base}.xlsx`)).status).toBe(200)
  }
  // Looking has closed nothing.
  expect(
    (await bodyOf<{ state: string }>(await world.call('alibaba', 'GET', '/v1/programmes/88vip/periods/2026-11'))).state,
  ).toBe('open')

  const closed = await world.html('/finance/periods/88vip/2026-10/preview')
  expect(closed).toContain('these are its published figures')
  expect(textOf(closed)).toContain('first month')
  expect(closed).toMatch(/href="\/finance\/statements\/stm_[^"/]+\/lines\/youku-2026%3Aactive%3A2026-10"/)
  expect(await world.html(path, { language: 'zh-CN' })).toContain('查看不会记账')
})
