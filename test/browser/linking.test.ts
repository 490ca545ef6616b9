import { describe, expect } from 'vitest'
import { partners } from '../../functions/local/demo.ts'
import { localized } from '../../functions/portal/language.ts'
import { bothWays, everyPair, journey, oneWay } from './journey.ts'

const xiami = partners.find(({ id }) => id === 'xiami')?.display.name ?? ''

describe('a member links an account', () => {
  journey('from the welcome page to a linked account and back', everyPair, async ({ variant, words, ...scene }) => {
    const { step, visitor, member } = scene
    const partner = localized(xiami, variant.language)
    const [login, account] = [await member('88vip'), scene.login()]
    const someone = await visitor()
    await step('reads what it is about', async () => {
      await someone.open('/')
      await someone.see('welcome', words.welcomeTitle)
    })
    await step('signs in at the identity provider', async () => {
      await someone.follow(words.signIn)
      await someone.see('identity-sign-in', /./)
      await someone.fillSignIn(login)
      await someone.see('overview', words.overviewTitle(login))
    })
    await step('reads the consent page and agrees', async () => {
      await someone.followTo('/link/xiami')
      await someone.see('consent', words.consentTitle(partner))
      await someone.press(words.agree)
    })
    await step('signs in at the partner', async () => {
      await someone.see('partner-sign-in', /./)
      await someone.fillSignIn(account)
    })
    await step('sees what is linked now', async () => {
      await someone.see('linked', words.linkedTitle(partner))
      await someone.text(account)
      await someone.open('/')
      await someone.see('overview-linked', words.overviewTitle(login))
      await someone.text(account)
    })
    await step('asks to unlink, reads what it means and confirms', async () => {
      await someone.followTo('/unlink/xiami')
      await someone.see('unlink', words.unlinkTitle(partner))
      await someone.press(words.unlinkButton)
      await someone.text(words.unlinkedBanner(partner))
      await someone.see('overview-unlinked', words.overviewTitle(login))
    })
    await step('signs out', async () => {
      await someone.press(words.signOut)
      await someone.see('welcome', words.welcomeTitle)
    })
  })

  journey('in two tabs at once, at two partners', bothWays, async ({ words, step, visitor, member, login }) => {
    const [first, food, travel] = [await visitor(), login(), login()]
    const second = await first.secondTab()
    await step('both tabs go to their partner', async () => {
      await first.signIn(await member('88vip'))
      for (const [tab, partner] of [[first, 'eleme'] as const, [second, 'fliggy'] as const]) {
        await tab.open(`/link/${partner}`)
        await tab.press(words.agree)
      }
    })
    await step('the first to leave comes back', async () => {
      await first.fillSignIn(food)
      expect(new URL(first.page.url()).pathname).toBe('/link/eleme/done')
    })
    await step('and so does the other', async () => {
      await second.fillSignIn(travel)
      expect(new URL(second.page.url()).pathname).toBe('/link/fliggy/done')
      await second.open('/')
      await second.text(food)
      await second.text(travel)
    })
  })
})

describe('a member who is impatient', () => {
  journey('goes back after linking and agrees again', bothWays, async ({ words, step, visitor, member, login }) => {
    const someone = await visitor()
    const account = login()
    let callback = ''
    someone.page.on('request', request => {
      if (request.url().includes('/link/fliggy/callback')) callback = request.url()
    })
    await step('links', async () => {
      await someone.signIn(await member('88vip'))
      await someone.linkAt('fliggy', account)
      expect(new URL(someone.page.url()).pathname).toBe('/link/fliggy/done')
    })
    await step('goes back to the consent page and agrees once more', async () => {
      while (!new URL(someone.page.url()).pathname.endsWith('/link/fliggy'))
        await someone.leavingBy(() => someone.page.goBack())
      await someone.press(words.agree)
      // The partner knows who it is, so it may send the member on without asking.
      if (await someone.page.locator('input[name=password]').count()) await someone.fillSignIn(account)
      expect(new URL(someone.page.url()).pathname).toBe('/link/fliggy/done')
      await someone.text(account)
    })
    await step('opens the address of the partner’s answer a second time', async () => {
      await someone.open(callback)
      await someone.see('state-reused', words.notices['link-state-reused'][0])
      await someone.follow(words.backHome)
      await someone.text(account)
    })
  })

  journey('presses twice', oneWay, async ({ words, step, visitor, member, login, theatre }) => {
    const someone = await visitor()
    await step('links', async () => {
      await someone.signIn(await member('88vip'))
      await someone.linkAt('fliggy', login())
      await someone.linkAt('eleme', login())
    })
    await step('double-clicks to unlink', async () => {
      await someone.open('/unlink/fliggy')
      await someone.leavingBy(() => someone.button(words.unlinkButton).dblclick())
      await someone.open('/unlink/fliggy')
      await someone.see('nothing-linked', words.notices['link-not-found'][0])
    })
    await step('sends the form of another page twice at the same time', async () => {
      await someone.open('/unlink/eleme')
      const fields = someone.page.locator('form[action^="/unlink/"] input[type=hidden]')
      const form = Object.fromEntries(
        await Promise.all(
          (await fields.all()).map(async field => [await field.getAttribute('name'), await field.inputValue()]),
        ),
      ) as Record<string, string>
      const send = () =>
        someone.requests.post(`${theatre.issuer}/unlink/eleme`, {
          form,
          headers: { origin: theatre.issuer },
          maxRedirects: 0,
        })
      const statuses = (await Promise.all([send(), send()])).map(answer => answer.status()).sort()
      expect(statuses[0]).toBe(303)
      expect([303, 404]).toContain(statuses[1])
    })
  })

  journey('is away for longer than the session lasts', bothWays, async ({ words, step, visitor, member, login }) => {
    const someone = await visitor()
    const name = await member('88vip')
    await step('reads the consent page for too long, and is told to sign in', async () => {
      await someone.signIn(name)
      await someone.open('/link/eleme')
      await someone.forgetCookies(/^tessera$/)
      await someone.press(words.agree)
      await someone.see('signed-out', words.notices['signed-out'][0])
    })
    await step('signs in and is where it was', async () => {
      await someone.follow(words.signIn)
      if (await someone.page.locator('input[name=password]').count()) await someone.fillSignIn(name)
      expect(new URL(someone.page.url()).pathname).toBe('/link/eleme')
    })
    await step('takes too long at the partner', async () => {
      await someone.press(words.agree)
      await someone.forgetCookies(/^tessera$/)
      await someone.fillSignIn(login())
      await someone.see('signed-out', words.notices['signed-out'][0])
      await someone.follow(words.signIn)
      if (await someone.page.locator('input[name=password]').count()) await someone.fillSignIn(name)
      expect(new URL(someone.page.url()).pathname).toBe('/link/eleme')
    })
  })
})
