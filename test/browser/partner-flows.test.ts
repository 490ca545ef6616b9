import * as oauth from 'openid-client'
import { describe, expect } from 'vitest'
import { partners } from '../../functions/local/demo.ts'
import { localized } from '../../functions/portal/language.ts'
import type { Theatre } from './cast.ts'
import { bothWays, journey } from './journey.ts'

const eleme = partners.find(({ id }) => id === 'eleme')?.display.name ?? ''

/** The partner's own back end: a client library that knows nothing of this product. */
const clientOf = ({ issuer }: Theatre) =>
  oauth.discovery(new URL(issuer), 'eleme', 'eleme-secret', oauth.ClientSecretBasic('eleme-secret'), {
    algorithm: 'oauth2',
    execute: [oauth.allowInsecureRequests],
  })

async function beginAt(theatre: Theatre, account: string) {
  const client = await clientOf(theatre)
  const verifier = oauth.randomPKCECodeVerifier()
  const state = oauth.randomState()
  const address = await oauth.buildAuthorizationUrlWithPAR(client, {
    redirect_uri: theatre.redirectUri,
    scope: 'link',
    account,
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  })
  const finish = (url: string) =>
    oauth.authorizationCodeGrant(client, new URL(url), { pkceCodeVerifier: verifier, expectedState: state })
  return { address: address.href, finish }
}

describe('a link that begins at the partner', () => {
  journey('on its site', bothWays, async ({ words, step, visitor, member, login, theatre, variant }) => {
    const someone = await visitor()
    const [name, account] = [await member('88vip'), login()]
    const { address, finish } = await beginAt(theatre, account)
    const partner = localized(eleme, variant.language)
    await step('comes from the partner and signs in', async () => {
      await someone.open(address)
      await someone.fillSignIn(name)
    })
    await step('reads what is asked and agrees', async () => {
      await someone.see('grant', words.grant.title(partner))
      await someone.text(account)
      await someone.press(words.agree)
      expect(someone.page.url()).toContain(theatre.redirectUri)
    })
    await step('the partner gets its link', async () => {
      const tokens = await finish(someone.page.url())
      expect(tokens['link_id']).toMatch(/^lnk_/)
      await someone.open('/')
      await someone.text(account)
    })
  })

  journey('and is cancelled here', bothWays, async ({ words, step, visitor, member, login, theatre, variant }) => {
    const someone = await visitor()
    const [name, account] = [await member('88vip'), login()]
    const { address, finish } = await beginAt(theatre, account)
    await step('cancels and is back at the partner', async () => {
      await someone.signIn(name)
      await someone.open(address)
      await someone.see('grant', words.grant.title(localized(eleme, variant.language)))
      await someone.press(words.cancel)
      await expect(finish(someone.page.url())).rejects.toMatchObject({ error: 'access_denied' })
      await someone.open('/')
      expect(await someone.page.getByText(account).count()).toBe(0)
    })
    await step('goes back to the page, which is no longer valid', async () => {
      await someone.page.goBack()
      await someone.page.goBack()
      const stale = await beginAt(theatre, account)
      await someone.open(stale.address)
      const consent = someone.page.url()
      await someone.press(words.cancel)
      await someone.open(consent)
      await someone.see('interaction-expired', words.notices['interaction-expired'][0])
    })
  })

  journey('for somebody who holds nothing', bothWays, async ({ words, step, visitor, login, theatre }) => {
    const someone = await visitor()
    await step('is told so and goes back', async () => {
      await someone.signIn(login())
      const { address, finish } = await beginAt(theatre, login())
      await someone.open(address)
      await someone.see('grant-refused', words.noMembershipTitle)
      await someone.press(words.grant.backTo(localized(eleme, someone.language)))
      await expect(finish(someone.page.url())).rejects.toMatchObject({ error: 'access_denied' })
    })
  })

  journey('with an address that is not registered', bothWays, async ({ words, step, visitor, theatre }) => {
    const someone = await visitor()
    await step('stays here, on a page', async () => {
      const query = new URLSearchParams({ client_id: 'eleme', response_type: 'code', scope: 'link' })
      query.set('redirect_uri', `${theatre.redirectUri}/elsewhere`)
      await someone.open(`/oauth/authorize?${query}`)
      const { faults } = words.grant
      await someone.see(
        'grant-fault',
        new RegExp(
          Object.values(faults)
            .map(([title]) => title)
            .join('|'),
        ),
      )
    })
  })

  journey('on a TV', bothWays, async ({ words, step, visitor, member, login, theatre, variant }) => {
    const someone = await visitor()
    const [name, account] = [await member('88vip'), login()]
    const client = await clientOf(theatre)
    const tv = await oauth.initiateDeviceAuthorization(client, { scope: 'link', account })
    await step('opens the address that the TV shows, and signs in', async () => {
      await someone.open(tv.verification_uri)
      await someone.fillSignIn(name)
      await someone.see('device-code', words.grant.codeTitle)
    })
    await step('mistypes the code', async () => {
      await someone.page.locator('input[name=user_code]').fill('BCDF-GHJK')
      await someone.press(words.grant.continue)
      await someone.see('device-code-unknown', words.grant.codeTitle)
      await someone.text(words.grant.codeUnknown)
    })
    await step('types it right, compares it and agrees', async () => {
      await someone.page.locator('input[name=user_code]').fill(` ${tv.user_code.toLowerCase()} `)
      await someone.press(words.grant.continue)
      await someone.see('device-compare', words.grant.title(localized(eleme, variant.language)))
      await someone.press(words.agree)
      await someone.see('device-done', words.grant.doneTitle)
    })
    await step('the TV gets its link', async () => {
      const tokens = await oauth.pollDeviceAuthorizationGrant(client, tv)
      expect(tokens['link_id']).toMatch(/^lnk_/)
      await someone.open('/')
      await someone.text(account)
    })
  })
})
