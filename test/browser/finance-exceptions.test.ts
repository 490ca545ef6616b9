import { describe, expect } from 'vitest'
import { wordsOf } from '../../functions/finance/words.ts'
import type { ExceptionReason } from '../../schemas/exception.ts'
import { bothLanguages, journey } from './journey.ts'
import type { Visitor } from './visitor.ts'

const base = '/finance/exceptions'

/** Filters by the form, and opens the first that it lists. */
async function openFirst(someone: Visitor, reason: ExceptionReason): Promise<void> {
  const words = wordsOf[someone.language].exceptions
  await someone.open(base)
  await someone.page.locator('select[name=reason]').selectOption(reason)
  await someone.press(words.filter.show)
  expect(new URL(someone.page.url()).searchParams.get('reason')).toBe(reason)
  await someone.followTo(`${base}/exc_`)
}

/** The consumer of the stream judges what the demo's partners reported while the pages are open already. */
async function untilJudged(someone: Visitor): Promise<void> {
  const wanted = ['conflict', 'wrong-subject', 'outside-entitlement', 'currency-mismatch']
  for (const reason of wanted)
    await expect
      .poll(
        async () => {
          await someone.open(`${base}?reason=${reason}`)
          return someone.page.locator(`a[href^="${base}/exc_"]`).count()
        },
        { timeout: 60_000 },
      )
      .toBeGreaterThan(0)
}

/** The form of a decision, by the outcome that it names. */
const decision = ({ page }: Visitor, outcome: string) =>
  page.locator('form').filter({ has: page.locator(`input[name=outcome][value=${outcome}]`) })

/** Decides by the form, with a reason that a page must not take for markup. */
async function decide(someone: Visitor, outcome: 'accepted' | 'rejected' | 'adjusted', amount?: string) {
  const form = decision(someone, outcome)
  if (amount !== undefined) await form.locator('input[name=amount]').fill(amount)
  await form.locator('textarea[name=reason]').fill('RTL \u202E & <b>bold</b>')
  await someone.leavingBy(() => form.locator('button').click())
}

describe('the exception queue', () => {
  journey(
    'finance filters, keeps a file, opens one and assigns it',
    bothLanguages,
    async ({ step, visitor, variant }) => {
      const words = wordsOf[variant.language].exceptions
      const someone = await visitor()
      await step('signs in and sees what is open', async () => {
        await someone.signIn('finance')
        await untilJudged(someone)
        await someone.open(base)
        await someone.see('exceptions', words.title)
      })
      await step('keeps a file of it', async () => {
        const [download] = await Promise.all([
          someone.page.waitForEvent('download'),
          someone.page.locator('a[href^="/finance/exceptions.csv"]').click(),
        ])
        expect(download.suggestedFilename()).toBe('exceptions.csv')
      })
      await step('reads what is wrong with a filter and with a cursor', async () => {
        await someone.open(`${base}?period=2026-13`)
        await someone.text(words.filter.fault(words.filter.period))
        await someone.open(`${base}?cursor=x`)
        await someone.text(words.badCursor.title)
      })
      await step('filters, opens one, and assigns it', async () => {
        await openFirst(someone, 'conflict')
        await someone.page.locator('input[name=assignee]').fill('林小雨')
        await someone.press(words.one.act.assignButton)
        await someone.text(words.one.done.assigned)
        await someone.see('exception-assigned', words.reasons.conflict.name)
      })
    },
  )

  journey('finance rejects, accepts and adjusts', bothLanguages, async ({ step, visitor, variant }) => {
    const { one: text, reasons } = wordsOf[variant.language].exceptions
    const someone = await visitor()
    await step('rejects one', async () => {
      await someone.signIn('finance')
      await untilJudged(someone)
      await openFirst(someone, 'wrong-subject')
      await decide(someone, 'rejected')
      await someone.text(text.done.rejected)
      await someone.text('⟨U+202E⟩ & <b>bold</b>')
      await someone.see('exception-rejected', reasons['wrong-subject'].name)
    })
    await step('accepts one', async () => {
      await openFirst(someone, 'outside-entitlement')
      await decide(someone, 'accepted')
      await someone.text(text.done.accepted)
    })
    await step('types an amount that can be read in two ways, then a clear one', async () => {
      await openFirst(someone, 'currency-mismatch')
      await decide(someone, 'adjusted', '1.234,50')
      await someone.see('exception-amount-fault', reasons['currency-mismatch'].name)
      expect(await decision(someone, 'adjusted').locator('input[name=amount]').inputValue()).toBe('1.234,50')
      await decide(someone, 'adjusted', '１，２３４．５０')
      await someone.text(text.done.adjusted)
      await someone.text('1,234.50')
    })
  })
})
