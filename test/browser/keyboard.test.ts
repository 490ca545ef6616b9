import { describe, expect } from 'vitest'
import { programme } from '../../functions/local/demo.ts'
import { localized } from '../../functions/portal/language.ts'
import { bothLanguages, journey, oneWay } from './journey.ts'

const eleme = programme.benefits.find(({ partner }) => partner === 'eleme')?.name ?? ''

describe('with the keyboard alone', () => {
  journey('links an account and unlinks it', bothLanguages, async ({ words, variant, step, visitor, ...scene }) => {
    const [login, account] = [await scene.member('88vip'), scene.login()]
    const someone = await visitor()
    const { keyboard } = someone.page
    const enter = () => someone.leavingBy(() => keyboard.press('Enter'))
    const aboutFood = words.withPartner(localized(eleme, variant.language))
    const fillIn = async (name: string) => {
      // The first field takes the keyboard by itself, a moment after the page is there.
      await someone.page.locator('input[name=login]:focus').waitFor()
      await keyboard.type(name)
      await keyboard.press('Tab')
      await keyboard.type('demo')
      await enter()
    }
    await step('skips to the content', async () => {
      await someone.open('/')
      await keyboard.press('Tab')
      expect(await someone.focused()).toMatchObject({ name: words.skip, seen: true })
      await keyboard.press('Enter')
      expect(await someone.focused()).toMatchObject({ tag: 'main' })
    })
    await step('signs in', async () => {
      await someone.tabTo(words.signIn)
      await enter()
      await fillIn(login)
    })
    await step('links', async () => {
      await someone.tabTo(`${words.link}${aboutFood}`)
      await enter()
      await someone.tabTo(words.agree)
      await enter()
      await fillIn(account)
      expect(new URL(someone.page.url()).pathname).toBe('/link/eleme/done')
    })
    await step('unlinks with the space bar', async () => {
      await someone.tabTo(words.backHome)
      await enter()
      await someone.tabTo(`${words.unlink}${aboutFood}`)
      await enter()
      await someone.tabTo(words.unlinkButton)
      await someone.leavingBy(() => keyboard.press('Space'))
      expect(new URL(someone.page.url()).search).toContain('unlinked=eleme')
    })
  })

  journey('chooses with arrows and space', oneWay, async ({ words, step, visitor, member }) => {
    const someone = await visitor()
    const { keyboard } = someone.page
    const option = (index: number) => someone.page.locator('input[type=radio]').nth(index)
    await step('goes to the options and picks the second', async () => {
      await someone.signIn(await member('club'))
      await someone.open('/choose/evening?programme=club')
      while ((await someone.focused()).type !== 'radio') await keyboard.press('Tab')
      await keyboard.press('Space')
      expect(await option(0).isChecked()).toBe(true)
      await keyboard.press('ArrowDown')
      expect(await option(1).isChecked()).toBe(true)
      expect(await someone.focused()).toMatchObject({ seen: true })
    })
    await step('keeps the choice', async () => {
      await someone.tabTo(words.chooseButton)
      await someone.leavingBy(() => keyboard.press('Enter'))
      await someone.text(words.chosenBanner)
    })
  })

  journey('passes every control of a page once, and is caught nowhere', oneWay, async ({ step, visitor, member }) => {
    const someone = await visitor()
    const { page } = someone
    await step('signs in', async () => someone.signIn(await member('88vip')))
    for (const path of ['/', '/link/eleme', '/pass', '/activity', '/privacy', '/privacy/erase'])
      await step(path, async () => {
        await someone.open(path)
        const controls = 'a[href], button, input:not([type=hidden]), select, textarea, summary'
        const expected = await page.locator(controls).count()
        let passed = 0
        for (; passed <= expected; passed += 1) {
          await page.keyboard.press('Tab')
          const focus = await someone.focused()
          if (focus.tag === 'body') break
          expect(focus, `${path}: "${focus.name}"`).toMatchObject({ seen: true })
        }
        expect(passed, `${path}: controls that Tab passes`).toBe(expected)
      })
  })
})
