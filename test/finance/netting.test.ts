import { readSheet } from 'read-excel-file/node'
import { beforeAll, describe, expect, test } from 'vitest'
import { moneyIn } from '../../functions/finance/formats.ts'
import { moneyEn } from '../../functions/finance/messages/money-en.ts'
import type { Instant } from '../../schemas/primitives.ts'
import type { NettingView } from '../../schemas/settlement.ts'
import { bodyOf } from '../support/gateway.ts'
import { close, codeOf, formTo, type MoneyWorld, moneyWorld, type Shown, visitorOf } from './money-world.ts'

const path = '/finance/periods/88vip/2026-10/netting'
const confirmPath = (id: string) => `/finance/periods/88vip/2026-10/payments/${id}/confirm`
const m = moneyEn.netting
let world: MoneyWorld
beforeAll(async () => {
  world = await moneyWorld()
}, 120_000)

const api = async (): Promise<NettingView> =>
  bodyOf<NettingView>(await world.call('alibaba', 'GET', '/v1/programmes/88vip/periods/2026-10/netting'))
const money = (amountMinor: number) => moneyIn('en', { amountMinor, currency: 'CNY' })
const csrfOf = (page: Shown) => formTo(page, '/sign-out')?.controls.get('csrf') ?? ''

/** The figures of the page are the API's: every gross debt, position and payment. */
async function expectFigures(page: Shown): Promise<void> {
  const { gross, brands, payments } = await api()
  expect(gross.length).toBeGreaterThan(3)
  for (const { amountMinor } of gross) expect(page.text).toContain(money(amountMinor))
  for (const { owesMinor, owedMinor, netMinor } of brands)
    for (const amount of [owesMinor, owedMinor, netMinor]) expect(page.text).toContain(money(amount))
  for (const { grossMinor, netMinor } of payments)
    for (const amount of [grossMinor, netMinor]) expect(page.text).toContain(money(amount))
}

describe('who owes whom, while the month is open', () => {
  test('is provisional, leads to no statement and confirms nothing', { timeout: 120_000 }, async () => {
    const finance = await visitorOf(world, ['finance'])
    const page = await finance.get(path)
    expect(page.status).toBe(200)
    await expectFigures(page)
    expect(page.text).toContain('Provisional')
    expect(page.body).not.toContain('href="/finance/statements/')
    expect(formTo(page, '/confirm')).toBeUndefined()
    const [payment] = (await api()).payments
    const refused = await finance.send(confirmPath(payment?.id ?? ''), {
      csrf: csrfOf(page),
      paidOn: '2026-10-10',
      reference: 'r',
      amountMinor: String(payment?.netMinor),
    })
    expect(refused.status).toBe(409)
    expect((await finance.get(`${path}/payments.xml`)).status).toBe(409)
  })
})

describe('who owes whom, once the month is closed', () => {
  beforeAll(async () => {
    world.clock.moveTo('2026-11-05T00:00:00Z' as Instant)
    await close(world)
  })

  test('shows what the API says, and leads from each debt to its statement', async () => {
    const finance = await visitorOf(world, ['operator'])
    const page = await finance.get(path)
    await expectFigures(page)
    const { items } = await bodyOf<{ items: { id: string }[] }>(await world.call('alibaba', 'GET', '/v1/statements'))
    for (const { id } of items) expect(page.body).toContain(`href="/finance/statements/${id}"`)
    expect(formTo(page, '/confirm')).toBeUndefined()
    expect(page.text).toContain(m.onlyFinance)
  })

  test('downloads hold exactly what is shown', async () => {
    const finance = await visitorOf(world, ['finance'])
    const { gross, brands, payments } = await api()
    const csv = await (await finance.bytes(`${path}/netting.csv`)).text()
    const rows = csv.trimEnd().split('\r\n')
    expect(rows.length).toBe(1 + gross.length + brands.length + payments.length)
    expect(rows[0]).toBe('row,from,to,currency,gross,owes,owed,net,agreement,state,paid_on,reference')
    const [first] = gross
    expect(rows[1]).toBe(
      `gross,${first?.debtor},${first?.creditor},CNY,${((first?.amountMinor ?? 0) / 100).toFixed(2)},,,,,,,`,
    )
    const xlsx = await finance.bytes(`${path}/netting.xlsx`)
    const sheet = await readSheet(Buffer.from(await xlsx.arrayBuffer()))
    expect(sheet.length).toBe(rows.length)
    expect(sheet[1]?.[4]).toBe((first?.amountMinor ?? 0) / 100)

    for (const [file, from] of [
      ['payments.xml', 'payments.xml'],
      ['journal.journal', 'journal'],
    ] as const) {
      const answer = await finance.bytes(`${path}/${file}`)
      const same = await world.call('alibaba', 'GET', `/v1/programmes/88vip/periods/2026-10/${from}`)
      expect([file, answer.status]).toEqual([file, 200])
      expect(await answer.text()).toBe(await same.text())
    }
    for (const file of ['nothing.csv', 'netting.pdf', '..%2fnetting.csv'])
      expect(codeOf(await finance.get(`${path}/${file}`))).toBe('not-found')
  })

  test('takes no confirmation that is not finance’s own, or that lacks something', async () => {
    const operator = await visitorOf(world, ['operator'])
    const finance = await visitorOf(world, ['finance'])
    const page = await finance.get(path)
    const due = (await api()).payments.find(({ state }) => state === 'due')
    if (!due) throw new Error('nothing is due')
    const csrf = csrfOf(page)
    const right = { paidOn: '2026-11-03', reference: 'BANK-1', amountMinor: String(due.netMinor) }
    const to = confirmPath(due.id)
    expect(codeOf(await operator.send(to, { ...right, csrf: csrfOf(await operator.get(path)) }))).toBe('finance-only')
    expect(codeOf(await finance.send(to, right))).toBe('csrf-token-mismatch')
    expect(codeOf(await finance.send(to, { ...right, csrf }, { origin: 'https://evil.example' }))).toBe(
      'csrf-token-mismatch',
    )
    expect(page.body).toContain('min="2026-11-01"')
    const wrongDay = 'from November 1, 2026, when the month was over, to today, '
    for (const [change, status, said] of [
      [{ paidOn: '2026-11-31' }, 400, wrongDay],
      [{ paidOn: '2027-01-01' }, 400, wrongDay],
      [{ paidOn: '' }, 400, wrongDay],
      [{ reference: ' ' }, 400, m.faults.reference],
      [{ reference: 'x'.repeat(141) }, 400, m.faults.reference],
      [{ amountMinor: '1' }, 409, m.refusals['payment-mismatch']],
      [{ amountMinor: 'NaN' }, 400, m.refusals['payment-mismatch']],
    ] as const) {
      const refused = await finance.send(to, { ...right, csrf, ...change })
      expect([change, refused.status]).toEqual([change, status])
      expect(refused.text).toContain(said)
      if (!('reference' in change)) expect(refused.body).toContain('value="BANK-1"')
    }
    const foreign = await finance.send(confirmPath('pay_00000000000000000000000000'), { ...right, csrf })
    expect([foreign.status, codeOf(foreign)]).toEqual([404, 'payment-not-found'])
    expect((await api()).payments.every(({ state }) => state !== 'paid')).toBe(true)
  })

  test('finance confirms a payment; again changes nothing, differently is refused', async () => {
    const finance = await visitorOf(world, ['finance'])
    const due = (await api()).payments.find(({ state }) => state === 'due')
    const form = formTo(await finance.get(path), `${due?.id}/confirm`)
    const sent = { paidOn: '2026-11-03', reference: '<b>BANK & 1</b>' }
    const done = await finance.submit(form, sent)
    expect([done.status, done.headers.get('location')]).toEqual([303, `${path}?paid=${due?.id}`])
    const page = await finance.get(`${path}?paid=${due?.id}`)
    expect(page.body).toContain('role="status"')
    expect(page.body).toContain('&lt;b&gt;BANK &amp; 1&lt;/b&gt;')
    expect(formTo(page, `${due?.id}/confirm`)).toBeUndefined()
    expect((await api()).payments.find(({ id }) => id === due?.id)).toMatchObject({
      state: 'paid',
      confirmation: { ...sent, actor: 'staff:finance' },
    })
    expect((await finance.submit(form, sent)).status).toBe(303)
    const other = await finance.submit(form, { ...sent, reference: 'BANK-2' })
    expect(other.status).toBe(409)
    expect(other.text).toContain(m.refusals['payment-confirmed'])
  })

  test('says the same in Chinese', async () => {
    const finance = await visitorOf(world, ['finance'], 'zh-CN')
    const page = await finance.get(path)
    expect(page.body).toContain('<html lang="zh-CN">')
    expect(page.text).toContain('应收应付')
  })
})
