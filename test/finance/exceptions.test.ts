import { beforeAll, describe, expect, test } from 'vitest'
import { exceptionsEn } from '../../functions/finance/messages/exceptions-en.ts'
import { exceptionsZh } from '../../functions/finance/messages/exceptions-zh.ts'
import type { UsageException } from '../../schemas/exception.ts'
import { type Desk, deskWorld, textOf } from './exceptions-world.ts'

const early = { occurredAt: '2026-10-04T04:00:00Z' }
const base = '/finance/exceptions'
let world: Desk

beforeAll(async () => {
  world = await deskWorld()
  await world.report('youku', [
    { id: 'good' },
    { id: 'early', ...early },
    { id: 'strange', subject: 'somebody' },
    { id: '<script>alert("id")</script>', ...early },
  ])
  await world.report('youku', [{ id: 'good', quantity: 2 }])
  await world.report(
    'youku',
    Array.from({ length: 130 }, (_, at) => ({ id: `many-${at}`, ...early })),
  )
  await world.report('eleme', [
    { id: '=1+1', quantity: 3, ...early, amount: { amountMinor: 123_456, currency: 'CNY' } },
  ])
  await world.report('eleme', [{ id: 'dollars', amount: { amountMinor: 990, currency: 'USD' } }])
})

const rowsOf = (body: string): number => body.match(/href="\/finance\/exceptions\/exc_/g)?.length ?? 0

describe('the queue', () => {
  test('shows the open ones in plain words, with lines, partner, severity and deadline', async () => {
    const mei = await world.staff()
    const page = await mei.open(base)
    expect(page.status).toBe(200)
    const all = await world.list('alibaba', '?state=open')
    expect(rowsOf(page.body)).toBe(all.length)
    const text = textOf(page)
    for (const { reason } of all) {
      expect(text).toContain(exceptionsEn.reasons[reason].name)
      expect(text).toContain(exceptionsEn.reasons[reason].meaning)
      expect(text).toContain(exceptionsEn.reasons[reason].helps)
    }
    expect(text).toContain('CN¥1,234.56')
    expect(text).toContain('130')
    expect(text).toContain('Nov 19, 2026')
    expect(text).toContain('Medium')
    expect(text).toContain(`Open ${all.length}`)
    const order = all.map(({ id }) => page.body.indexOf(`exceptions/${id}`))
    expect(order).toEqual(order.toSorted((a, b) => a - b))
  })

  test('in Chinese too', async () => {
    const page = await (await world.staff({ language: 'zh-CN' })).open(base)
    expect(page.body).toContain('<html lang="zh-CN">')
    expect(textOf(page)).toContain(exceptionsZh.reasons['outside-entitlement'].meaning)
    expect(textOf(page)).not.toMatch(/undefined|\[object/)
  })

  test('filters', async () => {
    const mei = await world.staff()
    const count = async (query: string) => rowsOf((await mei.open(`${base}?${query}`)).body)
    for (const query of [
      'reason=conflict',
      'partner=eleme',
      'period=2026-10',
      'period=2026-09',
      'severity=medium',
      'programme=88vip&reason=wrong-subject',
      'programme=other',
      'state=resolved',
      'partner=youku&reason=outside-entitlement&severity=low',
    ]) {
      const state = query.includes('state=') ? '' : '&state=open'
      expect([query, await count(query)]).toEqual([query, (await world.list('alibaba', `?${query}${state}`)).length])
    }
    const shown = await mei.open(`${base}?reason=conflict`)
    expect(shown.forms.find(form => form.method === 'GET')?.controls.get('reason')).toBe('conflict')
    expect(textOf(await mei.open(`${base}?period=2026-09`))).toContain(exceptionsEn.empty.filtered)
  })

  test('says what of a filter it did not understand, and shows nothing then', async () => {
    const mei = await world.staff()
    for (const [query, name] of [
      ['state=odd', 'State'],
      ['period=2026-13', 'Month'],
      ['partner=%3Cb%3E', 'Partner'],
      ['reason=x', 'Reason'],
      ['severity=none', 'Severity'],
      ['programme=%00', 'Programme'],
    ] as const) {
      const page = await mei.open(`${base}?${query}`)
      expect([query, page.status, rowsOf(page.body)]).toEqual([query, 400, 0])
      expect(textOf(page)).toContain(exceptionsEn.filter.fault(name))
      expect(page.body).not.toContain('<b>')
    }
  })

  test('a cursor that no page gave says so', async () => {
    const mei = await world.staff()
    for (const cursor of ['x', 'alibaba.x', 'jd', 'alibaba..', `alibaba.${'A'.repeat(3000)}`, '%00', 'alibaba.e30']) {
      const page = await mei.open(`${base}?cursor=${cursor}`)
      expect([cursor, page.status]).toEqual([cursor, 400])
      expect(textOf(page)).toContain(exceptionsEn.badCursor.title)
    }
  })
})

describe('pages and files', () => {
  let all: UsageException[]
  beforeAll(async () => {
    await world.report(
      'youku',
      Array.from({ length: 12 }, (_, at) => ({ id: `page-${at}`, subject: 'somebody else' })),
    )
    await world.report(
      'youku',
      Array.from({ length: 18 }, (_, at) => ({ id: `next-${at}`, subject: 'somebody else' })),
    )
    all = await world.list('alibaba', '?state=open&limit=100')
  })

  test('paging gives each once', async () => {
    expect(all.length).toBeGreaterThan(30)
    const mei = await world.staff()
    const seen: string[] = []
    let page = await mei.open(base)
    for (let pages = 0; pages < 5; pages++) {
      seen.push(...[...page.body.matchAll(/href="\/finance\/exceptions\/(exc_\w+)"/g)].map(([, id]) => id ?? ''))
      const next = page.links.find(({ text }) => text === exceptionsEn.next)
      if (!next) break
      page = await mei.open(`${next.href.pathname}${next.href.search}`)
    }
    expect(seen).toEqual(all.map(({ id }) => id))
  })

  test('the CSV has a row for each exception of the filter, on all pages, and no formula', async () => {
    const mei = await world.staff()
    const { body, headers } = await mei.open(`${base}.csv`)
    expect(headers.get('content-type')).toBe('text/csv; charset=utf-8')
    expect(headers.get('content-disposition')).toBe('attachment; filename="exceptions.csv"')
    const lines = body.trim().split('\r\n')
    expect(lines.slice(1).map(line => line.split(',')[0])).toEqual(all.map(({ id }) => id))
    const formula = lines.find(line => line.includes('=1+1'))
    expect(formula).toContain("'=1+1")
    expect(formula).toContain(',1234.56,CNY,')
    const conflicts = (await mei.open(`${base}.csv?reason=conflict`)).body.trim().split('\r\n')
    expect(conflicts).toHaveLength(2)
    expect((await mei.open(`${base}.csv?reason=odd`)).status).toBe(400)
  })

  test('the workbook has the same rows', async () => {
    const mei = await world.staff()
    const answer = await world.app.request(`${base}.xlsx`, { headers: { cookie: mei.cookie } })
    expect(answer.status).toBe(200)
    const { readSheet } = await import('read-excel-file/node')
    const rows = await readSheet(Buffer.from(await answer.arrayBuffer()))
    expect(rows[0]?.slice(0, 3)).toEqual([
      exceptionsEn.columns.id,
      exceptionsEn.columns.state,
      exceptionsEn.columns.severity,
    ])
    expect(rows.slice(1).map(([id]) => id)).toEqual(all.map(({ id }) => id))
  })
})

describe('who may look', () => {
  test('staff only; others sign in first, and members are told', async () => {
    const [one] = await world.list('alibaba')
    for (const path of [base, `${base}.csv`, `${base}.xlsx`, `${base}/${one?.id}`, `${base}/${one?.id}/lines`]) {
      const stranger = await world.app.request(path)
      expect([path, stranger.status]).toEqual([path, 303])
      expect(stranger.headers.get('location')).toContain('/sign-in?return=')
      const member = await (await world.staff({ roles: [] })).open(path)
      expect([path, member.status]).toEqual([path, 403])
      expect(member.body).not.toContain('exc_')
      expect((await (await world.staff({ roles: ['operator'] })).open(path)).status).toBe(200)
    }
  })

  test('what does not exist, or belongs to no programme, is not found', async () => {
    const mei = await world.staff()
    await world.report('youku', [{ id: 'broken', quantity: 0 }])
    const nobodys = await world.only('youku', '?reason=malformed')
    for (const id of [nobodys.id, `exc_${'0'.repeat(26)}`, 'exc_1', '%00', 'x'.repeat(500)])
      for (const below of ['', '/lines'])
        expect([id, (await mei.open(`${base}/${id}${below}`)).status]).toEqual([id, 404])
  })
})
