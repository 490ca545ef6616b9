import { describe, expect } from 'vitest'
import { payingAccount } from './cast.ts'
import { bothWays, journey } from './journey.ts'

/** Every "no" is a page that says why and what to do next. */
describe('linking that does not work out', () => {
  journey('the member changes their mind', bothWays, async ({ words, step, visitor, member }) => {
    const someone = await visitor()
    const login = await member('88vip')
    await step('cancels on the consent page', async () => {
      await someone.signIn(login)
      await someone.open('/link/eleme')
      await someone.press(words.cancel)
      await someone.see('overview', words.overviewTitle(login))
    })
    await step('cancels at the partner', async () => {
      await someone.open('/link/eleme')
      await someone.press(words.agree)
      await someone.cancelSignIn()
      await someone.see('link-cancelled', words.notices['link-cancelled'][0])
    })
    await step('tries again from there', async () => {
      await someone.follow(words.tryAgain)
      expect(new URL(someone.page.url()).pathname).toBe('/link/eleme')
    })
  })

  journey('the account is another member’s', bothWays, async ({ words, step, visitor, member, login }) => {
    const [first, second, account] = [await visitor(), await visitor(), login()]
    await step('one member links it', async () => {
      await first.signIn(await member('88vip'))
      await first.linkAt('xiami', account)
    })
    await step('another member may not', async () => {
      await second.signIn(await member('88vip'))
      await second.linkAt('xiami', account)
      await second.see('linked-elsewhere', words.notices['account-linked-elsewhere'][0])
      await second.follow(words.useOtherAccount)
      expect(new URL(second.page.url()).pathname).toBe('/link/xiami')
    })
  })

  journey('another account too soon after the last one', bothWays, async ({ words, step, visitor, member, login }) => {
    const someone = await visitor()
    await step('links, unlinks', async () => {
      await someone.signIn(await member('88vip'))
      await someone.linkAt('fliggy', login())
      await someone.open('/unlink/fliggy')
      await someone.press(words.unlinkButton)
    })
    await step('learns from when on another account can be linked', async () => {
      // Else the partner would send the same account again, which may come back at once.
      await someone.forgetCookies(/fliggy/)
      await someone.linkAt('fliggy', login())
      await someone.see('relink-cooldown', words.notices['relink-cooldown'][0])
      await someone.text(/20\d\d/)
    })
  })

  journey('the account pays the partner itself', bothWays, async ({ words, step, visitor, member }) => {
    const someone = await visitor()
    await step('is told so, and that nothing was linked', async () => {
      await someone.signIn(await member('club'))
      await someone.linkAt('cinema', payingAccount, 'club')
      await someone.see('already-pays', words.notices['account-already-pays'][0])
      await someone.text(/20\d\d/)
    })
  })

  journey('the partner is down, unknown, or has nothing', bothWays, async ({ words, step, visitor, member }) => {
    const someone = await visitor()
    await step('down', async () => {
      await someone.signIn(await member('club'))
      await someone.open('/link/ghost')
      await someone.see('partner-down', words.notices['partner-unavailable'][0])
    })
    await step('unknown', async () => {
      await someone.open('/link/nobody')
      await someone.see('partner-unknown', words.notices['partner-not-found'][0])
    })
    await step('without a benefit in this membership', async () => {
      await someone.open('/link/youku')
      await someone.see('no-benefit-here', words.notices['no-benefit-here'][0])
    })
  })

  journey('the attempt has expired', bothWays, async ({ words, step, visitor, member, login }) => {
    const someone = await visitor()
    await step('comes back without the cookie of the attempt', async () => {
      await someone.signIn(await member('88vip'))
      await someone.open('/link/xiami')
      await someone.press(words.agree)
      await someone.forgetCookies(/^tessera-link/)
      await someone.fillSignIn(login())
      await someone.see('link-expired', words.notices['link-expired'][0])
    })
    await step('starts anew', async () => {
      await someone.follow(words.tryAgain)
      expect(new URL(someone.page.url()).pathname).toBe('/link/xiami')
    })
  })

  journey('signing in does not work out', bothWays, async ({ words, step, visitor }) => {
    const someone = await visitor()
    await step('cancels', async () => {
      await someone.open('/')
      await someone.follow(words.signIn)
      await someone.cancelSignIn()
      await someone.see('sign-in-cancelled', words.notices['sign-in-cancelled'][0])
    })
    await step('comes back to an attempt that is not known', async () => {
      await someone.open('/sign-in/callback?code=none&state=none')
      await someone.see('sign-in-failed', words.notices['sign-in-failed'][0])
    })
    await step('types a wrong password', async () => {
      await someone.open('/')
      await someone.follow(words.signIn)
      await someone.fillSignIn('nobody', 'wrong')
      await someone.see('identity-wrong-password', /./)
    })
  })
})
