import { json } from 'node:stream/consumers'
import { describe, expect } from 'vitest'
import { partners } from '../../functions/local/demo.ts'
import { localized } from '../../functions/portal/language.ts'
import { bothWays, journey } from './journey.ts'

const names = Object.fromEntries(partners.map(({ id, display }) => [id, display.name]))

describe('the member’s own pages', () => {
  journey('choose one of two, and change later only', bothWays, async ({ words, step, visitor, member, variant }) => {
    const someone = await visitor()
    const login = await member('club')
    await step('chooses before anything is linked', async () => {
      await someone.signIn(login)
      await someone.see('overview-choice', words.overviewTitle(login))
      await someone.open('/choose/evening?programme=club')
      await someone.see('choose', words.chooseTitle(1, 2))
      await someone.page.locator('input[type=radio]').first().check()
      await someone.press(words.chooseButton)
      await someone.text(words.chosenBanner)
    })
    await step('learns from when on the choice can be changed', async () => {
      await someone.open('/choose/evening?programme=club')
      await someone.see('choose-settled', words.changeTitle)
      await someone.text(/20\d\d/)
      expect(await someone.page.locator('input[type=radio]').count()).toBe(0)
    })
    await step('links what was chosen', async () => {
      await someone.linkAt('cinema', login, 'club')
      await someone.see('linked-discount', words.linkedTitle(variant.language === 'en' ? 'Lumen Cinemas' : '光影院线'))
    })
  })

  journey('two memberships: which one is meant', bothWays, async ({ words, step, visitor, member, variant }) => {
    const someone = await visitor()
    await step('is asked', async () => {
      await someone.signIn(await member('88vip', 'club'))
      await someone.open('/link/xiami')
      await someone.see('which-programme', words.whichProgramme(localized(names['xiami'] ?? '', variant.language)))
      await someone.followTo('/link/xiami?programme=88vip')
      await someone.see('consent', words.consentTitle(localized(names['xiami'] ?? '', variant.language)))
    })
  })

  journey('the pass for a till', bothWays, async ({ words, step, visitor, member, login, variant }) => {
    const someone = await visitor()
    await step('has none before anything is linked', async () => {
      await someone.signIn(await member('88vip'))
      await someone.open('/pass')
      await someone.see('pass-empty', words.pass.title)
    })
    await step('shows a code that a scanner can read', async () => {
      await someone.linkAt('eleme', login())
      await someone.open('/pass')
      await someone.see('pass-list', words.pass.title)
      await someone.press(words.pass.show)
      await someone.see('pass-code', words.pass.codeTitle(localized(names['eleme'] ?? '', variant.language)))
      const code = await someone.page.evaluate<{ side: number; left: number; top: number; end: number }>(codeProbe)
      expect(code.side, 'wide enough for a camera').toBeGreaterThanOrEqual(200)
      expect(Math.min(code.left, code.top, code.end), 'light modules around the code').toBeGreaterThanOrEqual(4)
    })
    await step('it fades when its minute is over', async () => {
      const expired = someone.page.locator('svg text').first()
      expect(await expired.isVisible()).toBe(false)
      await someone.page.evaluate('document.querySelector("svg[role=img]").setCurrentTime(59)')
      expect(await expired.isVisible()).toBe(false)
      await someone.page.evaluate('document.querySelector("svg[role=img]").setCurrentTime(61)')
      await expired.waitFor({ state: 'visible' })
      await someone.page.screenshot()
    })
  })

  journey('activity', bothWays, async ({ words, step, visitor, member, login, variant }) => {
    const someone = await visitor()
    const partner = localized(names['xiami'] ?? '', variant.language)
    await step('has nothing to tell at first', async () => {
      await someone.signIn(await member('88vip'))
      await someone.open('/activity')
      await someone.see('activity-empty', words.activity.title)
    })
    await step('tells what was linked, cancelled and unlinked', async () => {
      await someone.linkAt('xiami', login())
      await someone.open('/link/eleme')
      await someone.press(words.agree)
      await someone.cancelSignIn()
      await someone.open('/unlink/xiami')
      await someone.press(words.unlinkButton)
      await someone.open('/activity')
      await someone.text(words.activity.actions.linked(partner))
      await someone.text(words.activity.actions.unlinked(partner))
      await someone.see('activity', words.activity.title)
    })
  })

  journey('takes a copy of the data, then has it erased', bothWays, async ({ words, step, visitor, member, login }) => {
    const someone = await visitor()
    const [name, account] = [await member('88vip'), login()]
    await step('downloads a file of JSON', async () => {
      await someone.signIn(name)
      await someone.linkAt('eleme', account)
      await someone.open('/privacy')
      await someone.see('privacy', words.privacy.title)
      const [download] = await Promise.all([
        someone.page.waitForEvent('download'),
        someone.link(words.privacy.exportButton).click(),
      ])
      expect(download.suggestedFilename()).toMatch(/\.json$/)
      const copy = await json(await download.createReadStream())
      expect(copy).toBeTypeOf('object')
      expect(JSON.stringify(copy)).toContain(account)
    })
    await step('asks for erasure and reads what it means', async () => {
      await someone.followTo('/privacy/erase')
      await someone.see('erase', words.privacy.askTitle)
    })
    await step('keeps everything after all', async () => {
      await someone.follow(words.privacy.keep)
      await someone.see('privacy', words.privacy.title)
    })
    await step('confirms', async () => {
      await someone.followTo('/privacy/erase')
      await someone.page.locator('input[type=checkbox]').check()
      await someone.press(words.privacy.eraseButton)
      await someone.see('erased', new RegExp(`${words.privacy.gone.erased[0]}|${words.privacy.gone.erasing[0]}`))
    })
    await step('is nobody from then on', async () => {
      await someone.open('/activity')
      if (await someone.page.locator('input[name=password]').count()) await someone.fillSignIn(name)
      await someone.open('/')
      await someone.text(words.noMembershipTitle)
      expect(await someone.page.getByText(account).count()).toBe(0)
    })
  })

  journey('the partner’s own pages', bothWays, async ({ step, visitor, member, theatre }) => {
    const someone = await visitor()
    const name = await member('88vip')
    await step('are locked for strangers and open for linked members', async () => {
      await someone.open(theatre.partnerIssuers['xiami'] ?? '')
      await someone.see('partner-locked', /./)
      await someone.signIn(name)
      await someone.linkAt('xiami', name)
      await someone.open(theatre.partnerIssuers['xiami'] ?? '')
      await someone.see('partner-unlocked', /./)
      expect(await someone.page.locator('form[action="/use"]').count(), 'something to use').toBe(1)
    })
  })
})

/** Size on screen in CSS pixels, and how many modules are light on each side of the code. */
const codeProbe = `(() => {
  const svg = document.querySelector('svg[role=img]')
  const dark = svg.querySelector('path').getBBox()
  const whole = svg.viewBox.baseVal
  return {
    side: svg.getBoundingClientRect().width,
    left: dark.x,
    top: dark.y,
    end: Math.min(whole.width - dark.x - dark.width, whole.height - dark.y - dark.height),
  }
})()`
