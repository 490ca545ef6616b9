import { expect, test } from 'vitest'
import { put, recordType } from '../../functions/kernel/table.ts'
import { portalSessions } from '../../functions/portal/session.ts'
import { closesOf } from '../../functions/settlement/closed-periods.ts'
import { OutputPiece, type PeriodView } from '../../schemas/settlement.ts'
import { bodyOf, gatewayWorld } from '../support/gateway.ts'
import { cellsOf, monthWorld, october, twoMonths } from './month-world.ts'

test('no programme yet: what to do next', async () => {
  const bare = await gatewayWorld()
  const person = {
    issuer: 'https://identity.invalid',
    subject: 's',
    name: 'S',
    roles: ['operator'],
    language: 'en' as const,
  }
  const cookie = (await portalSessions(bare.services).start(person)).split(';')[0] ?? ''
  const page = await (await bare.app.request('/finance', { headers: { cookie } })).text()
  expect(page).toContain('No programme yet')
  expect(page).not.toContain('<table')
})

const patience = { timeout: 120_000 }

test('months with their figures, the newest first', patience, async () => {
  const world = await monthWorld()
  await twoMonths(world)
  const { items } = await bodyOf<{ items: PeriodView[] }>(
    await world.call('alibaba', 'GET', '/v1/programmes/88vip/periods'),
  )
  const page = await world.html('/finance')
  const [head, ...rows] = cellsOf(page, 'Months of 88VIP')
  expect(head).toEqual(['Month', 'State', 'Events billed', 'Not billed', 'Gross total, with tax', 'Go to'])
  const shown = items
    .toReversed()
    .map(({ dispositions: { matched = 0, ...others }, totals: [total] }) => [
      String(matched),
      String(Object.values(others).reduce((sum, lines) => sum + lines, 0)),
      new Intl.NumberFormat('en', { style: 'currency', currency: 'CNY' }).format((total?.amountMinor ?? 0) / 100),
    ])
  expect(rows.map(row => row.slice(2, 5))).toEqual(shown)
  expect(rows.map(row => row.slice(0, 2))).toEqual([
    ['November 2026', 'Open'],
    ['October 2026', 'Closed'],
  ])
  expect(page).toContain('href="/finance/periods/88vip/2026-11/close"')
  expect(page).not.toContain('href="/finance/periods/88vip/2026-10/close"')
  const chinese = cellsOf(await world.html('/finance', { language: 'zh-CN' }), '88VIP 的账期')
  expect(chinese[1]?.slice(0, 2)).toEqual(['2026年11月', '未结账'])
})

test('a month that cannot be computed says so, and leaves the others their figures', patience, async () => {
  const world = await monthWorld({ members: 0 })
  world.moveTo('2026-11-02T00:00:00Z')
  await world.close(october)
  const [close] = await closesOf(world.services, '88vip')
  const key = { pk: 'CLOSE#88vip#2026-10', sk: `OUTPUT#${close?.identity.slice(0, 16)}#rated#000000` }
  const piece = recordType('close-output', OutputPiece)
  const { table } = world.services
  const there = await table.get(piece, key)
  if (!there) throw new Error('the close stored no statements')
  await table.write(put(piece, key, { ...there, data: new Uint8Array([0]) }))
  const rows = cellsOf(await world.html('/finance'), 'Months of 88VIP').slice(1)
  expect(rows.map(row => row.slice(0, 3))).toEqual([
    ['November 2026', 'Open', expect.any(String)],
    ['October 2026', 'Closed', '–'],
  ])
  expect(rows[1]?.[4]).toBe('Could not be computed')
})

test('twelve months a page; of many open ones the oldest and the present are computed', patience, async () => {
  const world = await monthWorld({ members: 0 })
  world.moveTo('2026-11-02T00:00:00Z')
  await world.close(october)
  world.moveTo('2027-12-20T00:00:00Z')
  const page = await world.html('/finance')
  const rows = cellsOf(page, 'Months of 88VIP').slice(1)
  expect(rows.map(([month]) => month)).toHaveLength(12)
  expect(rows[0]?.[0]).toBe('December 2027')
  expect(rows.map(row => row[4] === 'Open the month to see')).toEqual(rows.map((_, index) => index > 0))
  expect(page).toContain('href="/finance?before=2027-01"')
  const older = await world.html('/finance?before=2027-01')
  const left = cellsOf(older, 'Months of 88VIP').slice(1)
  expect(left.map(([month]) => month)).toEqual(['December 2026', 'November 2026', 'October 2026'])
  expect(left.map(row => row[4])).toEqual([
    'Open the month to see',
    expect.stringMatching(/^CN¥|^No statements/),
    expect.stringMatching(/^CN¥/),
  ])
  expect(older).not.toContain('Older months')
  expect(older).toContain('Newest months')
  // Whatever is asked for, there is a page.
  for (const before of ['2020-01', 'x', '2027-13', "'%22><script>"]) {
    const answer = await world.open(`/finance?before=${before}`)
    expect([before, answer.status]).toEqual([before, 200])
  }
})
