import { type CryptoKey, decodeJwt, exportJWK, generateKeyPair } from 'jose'
import * as client from 'openid-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { saveClient } from '../../functions/oauth/register-client.ts'
import { appReturnsTo, basicClient, codeFlow, type LinkWorld, linkWorld, returnsTo } from './link-world.ts'

let world: LinkWorld
beforeAll(async () => {
  world = await linkWorld()
})
afterAll(async () => {
  await world.stop()
  expect(world.lines.filter(([, event]) => event === 'oauth-failed')).toEqual([])
})

/** A member of this test's own, so that links of one test do not stand in another's way. */
let accounts = 0
const account = (): string => `account-${++accounts}`

const refused = (error: string, description: RegExp | string = /./) => ({
  error,
  error_description: expect.stringMatching(description),
})

describe('a link that begins in a browser', () => {
  test('is made when the partner redeems the code, and its answer names it', async () => {
    const { redeem, back } = await codeFlow(world)
    expect(back.href).toContain(returnsTo)
    expect(back.searchParams.get('iss')).toBe(world.issuer)
    expect(await world.linksOf('youku', 'y-lin')).toEqual([])
    const answer = await redeem({ account: 'y-lin' })
    const [link] = await world.linksOf('youku', 'y-lin')
    expect(answer).toMatchObject({ scope: 'link', link_id: link?.id, programme: '88vip', token_type: 'bearer' })
    expect(link).toMatchObject({ state: 'active' })
    const claims = decodeJwt(answer.access_token)
    expect(claims).toMatchObject({ client_id: 'youku', scope: 'link', brand: 'youku', partner: 'youku' })
    expect(claims.sub).toMatch(/^sub_/)
    expect((await world.activityOf(world.lin))[0]).toMatchObject({ action: 'linked', via: 'partner', link: link?.id })

    const used = await fetch(`${world.issuer}/v1/links?account=y-lin`, {
      headers: { authorization: `Bearer ${answer.access_token}` },
    })
    expect([used.status, await used.json()]).toMatchObject([403, { code: 'insufficient-scope' }])

    const refresh = await client.refreshTokenGrant(await world.discover('youku'), answer.refresh_token ?? '')
    expect(refresh).toMatchObject({ scope: 'link', link_id: link?.id, programme: '88vip' })
    expect(refresh.refresh_token).not.toBe(answer.refresh_token)
    await client.tokenRevocation(await world.discover('youku'), refresh.refresh_token ?? '')
    expect(await world.linksOf('youku', 'y-lin')).toMatchObject([{ state: 'ended' }])
    const again = await world.post('/oauth/token', 'youku', {
      grant_type: 'refresh_token',
      refresh_token: refresh.refresh_token ?? '',
    })
    expect([again.status, again.body]).toMatchObject([400, { error: 'invalid_grant' }])
    expect((await world.activityOf(world.lin))[0]).toMatchObject({ action: 'unlinked', reason: 'partner' })
  })

  test('may be pushed by a client with a key, which names account and programme there', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256')
    const jwks = { keys: [{ ...(await exportJWK(publicKey)), alg: 'ES256' }] }
    const { secretHash: _none, ...record } = basicClient('xiami')
    await saveClient(world, { ...record, authentication: 'private_key_jwt', jwks })
    const configuration = await world.discover('xiami', client.PrivateKeyJwt(privateKey as CryptoKey))
    const verifier = client.randomPKCECodeVerifier()
    const state = client.randomState()
    const url = await client.buildAuthorizationUrlWithPAR(configuration, {
      redirect_uri: 'https://xiami.example/linked',
      scope: 'link',
      state,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      account: 'x-lin',
      programme: '88vip',
    })
    expect([...url.searchParams.keys()].toSorted()).toEqual(['client_id', 'request_uri'])
    const browser = world.browser()
    const page = await browser.follow(`${url}&account=somebody-else&programme=other`)
    expect(await page.answer.json()).toEqual({
      partner: 'xiami',
      client: 'xiami',
      programme: '88vip',
      account: 'x-lin',
      leadsTo: 'https://xiami.example',
    })
    const { url: back } = await browser.follow(`${page.url}?member=${world.lin}`, 'POST')
    const checks = { pkceCodeVerifier: verifier, expectedState: state }
    const answer = await client.authorizationCodeGrant(configuration, new URL(back), checks)
    expect(await world.linksOf('youku', 'x-lin')).toEqual([])
    expect(answer).toMatchObject({ link_id: expect.stringMatching(/^lnk_/) })
    const used = await browser.follow(String(url))
    expect(used.elsewhere ? new URL(used.url).searchParams.get('error') : await used.answer.text()).toMatch(
      /invalid_request_uri/,
    )
  })

  test('may come back to an app, whose scheme the page is told', async () => {
    const { url } = await codeFlow(world, { ask: { redirect_uri: appReturnsTo } })
    const page = await world.browser().follow(String(url))
    expect(await page.answer.json()).toMatchObject({ leadsTo: 'com.youku.tv:' })
  })

  test('is declined: access_denied goes back, and nothing else', async () => {
    const { url, state } = await codeFlow(world)
    const back = await world.browser().answer(url)
    expect(Object.fromEntries(back.searchParams)).toEqual({
      error: 'access_denied',
      error_description: 'the member declined',
      state,
      iss: world.issuer,
    })
  })
})

describe('an authorization request', () => {
  const challenge = { code_challenge: 'x'.repeat(43), code_challenge_method: 'S256' }
  const good = { client_id: 'youku', response_type: 'code', redirect_uri: returnsTo, state: 's', ...challenge }
  const open = (ask: Record<string, string | undefined>, more = '') => {
    const given = Object.entries({ ...good, ...ask }).filter((pair): pair is [string, string] => pair[1] !== undefined)
    return world.browser().follow(`${world.issuer}/oauth/authorize?${new URLSearchParams(given)}${more}`)
  }

  test.each<[string, Record<string, string | undefined>, string]>([
    ['without PKCE', { code_challenge: undefined, code_challenge_method: undefined }, 'invalid_request'],
    ['with plain PKCE', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['that names an account', { account: 'y-victim' }, 'invalid_request'],
    ['for a machine scope', { scope: 'usage:write' }, 'invalid_scope'],
    ['for more than a link', { scope: 'link usage:write' }, 'invalid_scope'],
    ['for OpenID', { scope: 'openid link' }, 'invalid_scope'],
    ['for a token', { response_type: 'token' }, 'invalid_request'],
    ['for another resource', { resource: 'https://else.example' }, 'invalid_target'],
    ['with a programme that cannot be', { programme: '88 VIP' }, 'invalid_request'],
    ['that must not ask', { prompt: 'none' }, 'login_required'],
    ['with a request object', { request: 'e30.e30.' }, 'request_not_supported'],
  ])('%s goes back as an error with state and iss', async (_name, ask, error) => {
    const { url, elsewhere } = await open(ask)
    expect(elsewhere).toBe(true)
    const { hash, search } = new URL(url)
    const searchParams = new URLSearchParams(hash === '' ? search : hash.slice(1))
    expect([searchParams.get('error'), searchParams.get('state'), searchParams.get('iss')]).toEqual([
      error,
      's',
      world.issuer,
    ])
    expect(searchParams.has('code')).toBe(false)
  })

  test.each<[string, Record<string, string | undefined>, string, string]>([
    ['an address that is not registered', { redirect_uri: 'https://evil.example/' }, '', 'invalid_redirect_uri'],
    ['a registered one with more behind', { redirect_uri: `${returnsTo}/x` }, '', 'invalid_redirect_uri'],
    ['no address', { redirect_uri: undefined }, '', 'invalid_request'],
    ['an unknown client', { client_id: 'nobody' }, '', 'invalid_client'],
    ['a client that is no partner', { client_id: 'alibaba' }, '', 'invalid_redirect_uri'],
    ['another response mode', { response_mode: 'form_post' }, '', 'invalid_request'],
    ['two addresses', {}, '&redirect_uri=https://evil.example/', 'invalid_request'],
  ])('%s is a page, never a redirect', async (_name, ask, more, code) => {
    const { answer, elsewhere } = await open(ask, more)
    expect([elsewhere, answer.status, await answer.text()]).toEqual([false, 400, `page: ${code}`])
    expect(answer.headers.getSetCookie()).toEqual([])
  })

  test('may name a programme, and is asked in any case', async () => {
    for (const prompt of ['login', 'consent']) {
      const { answer } = await open({ programme: '88vip', prompt })
      expect(await answer.json()).toMatchObject({
        partner: 'youku',
        programme: '88vip',
        leadsTo: 'https://app.youku.example',
      })
    }
  })
})

describe('an interaction', () => {
  test('is of one browser, one address and thirty minutes', async () => {
    const { url } = await codeFlow(world)
    const browser = world.browser()
    const page = await browser.follow(String(url))
    expect(page.answer.status).toBe(200)
    expect((await world.browser().follow(page.url)).answer.status).toBe(404)
    const other = await browser.follow(String(url))
    expect(other.url).not.toBe(page.url)
    const cookie = [...browser.jar.values()].map(({ value }) => value).join('; ')
    const crossed = await fetch(`${world.issuer}/oauth/interaction/xxxx`, { headers: { cookie } })
    expect(crossed.status).toBe(404)
    const posted = await fetch(page.url, { method: 'POST' })
    expect([posted.status, await posted.json()]).toMatchObject([400, { code: 'interaction-expired' }])
    const unasked = await browser.follow(page.url.replace('/interaction/', '/authorize/'))
    expect(unasked.elsewhere).toBe(false)
    expect((await browser.follow(other.url)).answer.status).toBe(200)
    world.passWallTime(1801)
    expect((await browser.follow(other.url)).answer.status).toBe(404)
    world.passWallTime(-1801)
  })

  test('remembers nobody: the same browser serves two members and two partners', async () => {
    const browser = world.browser()
    const [one, two] = [account(), account()]
    await (await codeFlow(world, { browser, member: world.wang })).redeem({ account: one })
    await (await codeFlow(world, { browser, member: world.wang, id: 'eleme' })).redeem({ account: two })
    await (await codeFlow(world, { browser, member: world.lin, id: 'eleme' })).redeem({ account: account() })
    expect([...browser.jar.keys()].filter(name => name.includes('session'))).toEqual([])
    expect(await world.linksOf('eleme', two)).toMatchObject([{ state: 'active' }])
  })

  test('resumed without its cookies is a page', async () => {
    const { url } = await codeFlow(world)
    const page = await world.browser().follow(String(url))
    const resumed = await world.browser().follow(page.url.replace('/interaction/', '/authorize/'))
    expect([resumed.elsewhere, await resumed.answer.text()]).toEqual([false, 'page: interaction-expired'])
  })
})

test('only a client with a partner that is registered may begin a link', async () => {
  const asked = await world.post('/oauth/token', 'alibaba', { grant_type: 'client_credentials', scope: 'link' })
  expect([asked.status, asked.body]).toMatchObject([400, refused('invalid_scope')])
  const machine = await world.post('/oauth/token', 'youku', { grant_type: 'client_credentials', scope: 'link' })
  expect([machine.status, machine.body]).toMatchObject([400, refused('invalid_scope')])
  const whole = await world.post('/oauth/token', 'youku', { grant_type: 'client_credentials' })
  expect(whole.body).toMatchObject({ scope: 'entitlements:read usage:write' })
})
