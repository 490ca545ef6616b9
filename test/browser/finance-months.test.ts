import { type Browser, chromium } from 'playwright-core'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { periodIn } from '../../functions/finance/formats.ts'
import { wordsOf } from '../../functions/finance/words.ts'
import { periodOf } from '../../functions/kernel/calendar.ts'
import { systemNow } from '../../functions/kernel/clock.ts'
import { programme } from '../../functions/local/demo.ts'
import type { Sandbox } from '../../functions/local/sandbox.ts'
import { localized } from '../../functions/portal/language.ts'
import { bothLanguages, type Variant } from './journey.ts'
import { sandboxOnFreePorts } from './sandbox.ts'
import { Visitor } from './visitor.ts'

/** A sandbox of its own, as npm start makes it: its month has usage, exceptions and fees. */
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

/** From the list of months to one, and to what it comes to against the month before; axe looks at each page. */
async function journey(visitor: Visitor, { language, width }: Variant): Promise<void> {
  const words = wordsOf[language]
  const name = periodIn(language, period)
  await visitor.signIn('finance')
  await visitor.open('/finance')
  await visitor.see('finance-overview', words.months.title)
  await visitor.followTo(month)
  await visitor.see('finance-month', `${localized(programme.name, language)} · ${name}`)
  const charts = visitor.page.locator('figure.chart svg:visible')
  expect(await charts.count()).toBeGreaterThan(0)
  for (const chart of await charts.all()) {
    const box = await chart.boundingBox()
    expect(box?.width).toBeGreaterThan(200)
    expect(box?.width).toBeLessThanOrEqual(width)
  }
  await visitor.followTo(`${month}/preview`)
  await visitor.see('finance-preview', words.months.previewTitle(name))
}

test.for(bothLanguages)('months in $language at $width', { timeout: 240_000 }, async variant => {
  const { issuer, identityIssuer, partnerIssuers } = sandbox
  const theatre = { issuer, identityIssuer, partnerIssuers, elsewhere: [], redirectUri: `${issuer}/` }
  const visitor = await Visitor.come(browser, theatre, variant)
  try {
    await journey(visitor, variant)
    visitor.assertNothingForbidden()
  } catch (error) {
    throw new Error(`${String(error)}\n${await visitor.whereabouts()}`, { cause: error })
  } finally {
    await visitor.leave()
  }
})
