import { buffer } from 'node:stream/consumers'
import { type Browser, chromium } from 'playwright-core'
import { readSheet } from 'read-excel-file/node'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { periodIn } from '../../functions/finance/formats.ts'
import { wordsOf } from '../../functions/finance/words.ts'
import { nextPeriod, periodBounds, periodOf } from '../../functions/kernel/calendar.ts'
import { systemNow } from '../../functions/kernel/clock.ts'
import { programme } from '../../functions/local/demo.ts'
import type { Sandbox } from '../../functions/local/sandbox.ts'
import { type Language, messagesOf } from '../../functions/portal/language.ts'
import type { Theatre } from './cast.ts'
import type { Variant } from './journey.ts'
import { sandboxOnFreePorts } from './sandbox.ts'
import { Visitor } from './visitor.ts'

/** A sandbox of its own: closing a month moves its clock, which would age what the other journeys look at. */
let sandbox: Sandbox
let browser: Browser
const period = periodOf(systemNow(), programme.timeZone)
const month = `/finance/periods/${programme.id}/${period}`

beforeAll(async () => {
  sandbox = await sandboxOnFreePorts()
  browser = await chromium.connect(inject('browser').address)
}, 240_000)
afterAll(async () => {
  await browser?.close()
  await sandbox?.stop()
})

const theatre = (): Theatre => {
  const { issuer, identityIssuer, partnerIssuers } = sandbox
  return { issuer, identityIssuer, partnerIssuers, elsewhere: [], redirectUri: `${issuer}/` }
}
const variantOf = (language: Language, script = true): Variant =>
  language === 'en'
    ? { script, width: 1280, scheme: 'light', language }
    : { script, width: 320, scheme: 'dark', language }

async function as(login: string, variant: Variant, act: (visitor: Visitor) => Promise<void>): Promise<void> {
  const visitor = await Visitor.come(browser, theatre(), variant)
  try {
    await visitor.signIn(login)
    await act(visitor)
    visitor.assertNothingForbidden()
  } catch (error) {
    throw new Error(`${String(error)}\n${await visitor.whereabouts()}`, { cause: error })
  } finally {
    await visitor.leave()
  }
}

/** Clicks what gives a file, and reads it. */
async function downloaded(visitor: Visitor, href: string): Promise<Buffer> {
  const [download] = await Promise.all([
    visitor.page.waitForEvent('download'),
    visitor.page.locator(`a[href$="${href}"]`).first().click(),
  ])
  return buffer(await download.createReadStream())
}

const words = wordsOf.en.money

describe('the money of a month', () => {
  test('is not for members', { timeout: 120_000 }, async () => {
    await as('lin', variantOf('en'), async lin => {
      for (const path of [`${month}/close`, `${month}/netting`]) {
        await lin.open(path)
        await lin.see('finance-staff-only', messagesOf.en.notices['staff-only'][0])
      }
    })
  })

  test('an operator sees why the month cannot be closed, and has no button', { timeout: 120_000 }, async () => {
    await as('operator', variantOf('en'), async operator => {
      await operator.open(`${month}/close`)
      await operator.see('finance-close-open', words.close.title(periodIn('en', period)))
      await operator.text(words.close.refused)
      expect(await operator.page.locator('main form').count()).toBe(0)
    })
  })

  test('finance closes it, without script, and reads what it cost', { timeout: 300_000 }, async () => {
    const name = periodIn('en', period)
    const { until } = periodBounds(period, programme.timeZone)
    const moved = await fetch(`${sandbox.issuer}/test/clock`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ now: until }),
    })
    expect(moved.status).toBe(200)
    await as('operator', variantOf('en'), async operator => {
      await operator.open(`${month}/close`)
      await operator.text(words.close.onlyFinance)
      expect(await operator.page.locator('main form').count()).toBe(0)
    })
    await as('finance', variantOf('en', false), async finance => {
      await finance.open(month)
      await finance.followTo(`${month}/close`)
      await finance.page.locator('#confirm').check()
      await finance.press(words.close.button(name))
      const closed = finance.page.getByRole('heading', { level: 1, name: words.close.closedTitle(name), exact: true })
      // The page loads itself again until then.
      await closed.waitFor({ timeout: 120_000 })
      expect(await finance.page.locator('.close-steps .is-done').count()).toBe(8)
    })
  })

  test('a statement, its lines, the events behind them, and their files', { timeout: 300_000 }, async () => {
    await as('finance', variantOf('en'), async finance => {
      await finance.open(`${month}/close`)
      await finance.see('finance-closed', words.close.closedTitle(periodIn('en', period)))
      await finance.open(`${month}/netting`)
      await finance.followTo('/finance/statements/stm_')
      const title = await finance.page.locator('h1').first().textContent()
      await finance.see('finance-statement', title ?? '')
      const csv = (await downloaded(finance, '.csv')).toString()
      expect(csv.startsWith('\ufeffstatement,')).toBe(true)
      expect((await downloaded(finance, '.pdf')).subarray(0, 5).toString()).toBe('%PDF-')
      const id = finance.page.url().split('/').at(-1) ?? ''
      const sheets = await downloaded(finance, `${id}.xlsx`)
      expect((await readSheet(sheets, 'Lines')).length).toBe(csv.trimEnd().split('\r\n').length)

      await finance.page.locator('table a[href*="%3Ashare%3A"]').first().click()
      await finance.see('finance-statement-line', words.line.title('share'))
      await finance.text(words.line.how)
      const shown = await finance.page.locator('#events ~ div tbody tr').count()
      expect(shown).toBeGreaterThan(0)
      const events = (await downloaded(finance, 'events.csv')).toString().trimEnd().split('\r\n')
      const sheet = await readSheet(await downloaded(finance, 'events.xlsx'))
      expect(sheet.length).toBe(events.length)
      expect(events.length - 1).toBeGreaterThanOrEqual(shown)
    })
  })

  test('finance confirms a payment', { timeout: 300_000 }, async () => {
    await as('finance', variantOf('en'), async finance => {
      const m = words.netting
      await finance.open(`${month}/netting`)
      await finance.see('finance-netting', m.title)
      const forms = finance.page.locator('main form')
      const due = await forms.count()
      expect(due).toBeGreaterThan(0)
      await forms.first().locator('input[name=reference]').fill('ICBC-4711')
      await finance.leavingBy(() => forms.first().locator('button').click())
      await finance.see('finance-netting-paid', m.title)
      await finance.text(/ICBC-4711/)
      expect(await forms.count()).toBe(due - 1)
    })
  })

  test('the same in Chinese, on a narrow screen', { timeout: 300_000 }, async () => {
    await as('finance', variantOf('zh-CN'), async finance => {
      const zh = wordsOf['zh-CN'].money
      await finance.open(`${month}/close`)
      await finance.see('finance-closed', zh.close.closedTitle(periodIn('zh-CN', period)))
      await finance.open(`${month}/netting`)
      await finance.see('finance-netting', zh.netting.title)
      await finance.followTo('/finance/statements/stm_')
      await finance.see('finance-statement', (await finance.page.locator('h1').first().textContent()) ?? '')
      await finance.page.locator('table a[href*="/lines/"]').first().click()
      await finance.page.locator('#how').waitFor()
      await finance.see('finance-statement-line', (await finance.page.locator('h1').first().textContent()) ?? '')
      await finance.open(`/finance/periods/${programme.id}/${nextPeriod(period)}/close`)
      await finance.see('finance-close-open', zh.close.title(periodIn('zh-CN', nextPeriod(period))))
    })
  })
})
