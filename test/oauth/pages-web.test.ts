import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FormBrowser } from '../../functions/local/form-browser.ts'
import { authorizationErrorPage } from '../../functions/oauth/interaction-routes.ts'
import { pages } from '../../functions/portal/pages.tsx'
import { codeOf, only, type PagesWorld, pagesWorld, returnsTo } from './pages-world.ts'

let world: PagesWorld
beforeAll(async () => {
  world = await pagesWorld()
})
afterAll(() => world.stop())

type Ask = Parameters<PagesWorld['ask']>[0]
const member = async (login: string, ask: Ask = {}, options = {}) => {
  await world.sellTo(login)
  return world.signIn(login, await world.ask(ask), options)
}
const textOf = (body: string) => body.replaceAll(/<[^>]+>/g, ' ')

describe('the consent of a flow that began at the partner', () => {
  it('says who asks, where it leads, for what, on which account, who is signed in, and how to undo it', async () => {
    const { page } = await member('lin', { account: 'tv-lin' })
    expect(page.status).toBe(200)
    expect(page.url.pathname).toMatch(/^\/oauth\/interaction\//)
    for (const text of ['Link Youku to your membership?', 'app.youku.example', 'tv-lin', '林小姐', 'Benefit youku-vip'])
      expect(page.body).toContain(text)
    expect(page.body).toContain('random member number')
    expect(page.body).toContain('30 days')
    expect(page.headers.get('content-security-policy')).toBe(
      "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' https:; base-uri 'none'; frame-ancestors 'none'",
    )
    expect(page.headers.get('cache-control')).toBe('no-store')
    expect(only(page).buttons.map(({ text }) => text)).toEqual(['Agree and link', 'Cancel'])
  })

  it('names an app by its scheme, and lets its form lead there', async () => {
    await world.sellTo('app', 'gold')
    const { browser, page } = await world.signIn('app', await world.ask({ partner: 'xiami' }))
    expect(page.body).toContain('Xiami (app com.xiami.tv)')
    expect(page.headers.get('content-security-policy')).toContain("form-action 'self' com.xiami.tv:;")
    const back = await browser.submit(page, only(page), {}, 'Agree and link')
    expect(back.url.href).toMatch(/^com\.xiami\.tv:\/linked\?code=/)
  })

  it('speaks Chinese to who prefers it', async () => {
    const { page } = await member('zh', {}, { acceptLanguage: 'zh-CN' })
    expect(page.body).toContain('lang="zh-CN"')
    expect(page.body).toContain('要把优酷账号绑定到您的会员吗？')
    expect(only(page).buttons.map(({ text }) => text)).toEqual(['同意并绑定', '取消'])
    expect(textOf(page.body)).not.toMatch(/agree|share/i)
  })

  it('leads back with a code, once; the partner’s token call makes the link', async () => {
    const { browser, page } = await member('agrees', { account: 'tv-agrees' })
    const back = await browser.submit(page, only(page), {}, 'Agree and link')
    expect(`${back.url.origin}${back.url.pathname}`).toBe(returnsTo)
    expect(back.url.searchParams.get('state')).toBe('of-the-partner')
    expect(await world.activity('agrees')).toEqual([])
    expect(await world.redeem(back.url)).toMatchObject({ link_id: expect.any(String), programme: '88vip' })
    expect((await world.activity('agrees')).map(({ action }) => action)).toEqual(['linked'])
    const again = await browser.submit(page, only(page), {}, 'Agree and link')
    expect([again.status, codeOf(again)]).toEqual([400, 'interaction-expired'])
  })

  it('leads back without one where the member cancels, and says so in their log', async () => {
    const { browser, page } = await member('cancels')
    const back = await browser.submit(page, only(page), {}, 'Cancel')
    expect([back.url.searchParams.get('error'), back.url.searchParams.get('code')]).toEqual(['access_denied', null])
    expect(await world.activity('cancels')).toEqual([
      { at: expect.any(String), action: 'link-cancelled', partner: 'youku', via: 'partner' },
    ])
  })

  it('takes a form without a decision for none', async () => {
    const { browser, page } = await member('undecided')
    const shown = await browser.submit(page, { ...only(page), buttons: [] })
    expect(shown.status).toBe(200)
    expect(shown.body).toContain('Agree and link')
  })
})

describe('a flow is of one browser and one session', () => {
  it('is over for who comes too late', async () => {
    const { browser, page } = await member('late')
    world.moveWallClock(20 * 60)
    // The session lives on by it, and the flow does not.
    await browser.get(`${world.issuer}/`)
    world.moveWallClock(11 * 60)
    const answer = await browser.submit(page, only(page), {}, 'Agree and link')
    world.moveWallClock(-31 * 60)
    expect([answer.status, codeOf(answer)]).toEqual([400, 'interaction-expired'])
  })

  it('is not that of another browser, even of the same member', async () => {
    const { page } = await member('two-browsers')
    const { page: elsewhere } = await world.signIn('two-browsers', page.url.pathname)
    expect([elsewhere.status, codeOf(elsewhere)]).toEqual([400, 'interaction-expired'])
  })

  it('asks who is signed out to sign in, and goes on there', async () => {
    const browser = new FormBrowser()
    const page = await browser.get(world.issuer + (await world.ask()))
    expect(page.url.origin).toBe(world.identityIssuer)
  })

  it.each([
    ['without the token', { csrf: '' }, undefined],
    ['with a foreign Origin', {}, 'https://evil.example'],
  ])('refuses a form %s', async (name, fields, origin) => {
    const login = `forged-${name.length}`
    const { browser, page } = await member(login)
    const from = origin ? { ...page, url: new URL(origin) } : page
    const answer = await browser.submit(from, only(page), fields, 'Agree and link')
    expect([answer.status, codeOf(answer)]).toEqual([403, 'csrf-token-mismatch'])
    expect(answer.links.map(({ href }) => href.pathname)).toContain(page.url.pathname)
    // Nobody has answered it.
    expect((await browser.get(page.url)).body).toContain('Agree and link')
  })

  it('refuses the form of somebody who was signed in before in the same browser', async () => {
    await world.sellTo('first')
    await world.sellTo('second')
    const { browser, page } = await world.signIn('first', await world.ask())
    const { browser: other } = await world.signIn('second')
    const cookie = (of: FormBrowser) => of.cookiesFor(world.issuer).get('tessera') ?? ''
    const flow = browser.cookiesFor(page.url)
    const body = new URLSearchParams({ csrf: only(page).controls.get('csrf') ?? '', decision: 'agree' })
    const cookies = [...flow].map(([name, value]) => `${name}=${name === 'tessera' ? cookie(other) : value}`)
    const answer = await fetch(page.url, {
      method: 'POST',
      headers: { cookie: cookies.join('; '), origin: world.issuer },
      body,
      redirect: 'manual',
    })
    expect(answer.status).toBe(403)
    expect(await answer.text()).toContain('csrf-token-mismatch')
  })

  it('leads who was signed out meanwhile back to it', async () => {
    const { browser, page } = await member('idle')
    world.moveWallClock(31 * 60)
    const answer = await browser.submit(page, only(page), {}, 'Agree and link')
    world.moveWallClock(-31 * 60)
    expect([answer.status, codeOf(answer)]).toEqual([401, 'signed-out'])
    const again = answer.links.find(({ href }) => href.pathname === '/sign-in')
    expect(again?.href.searchParams.get('return')).toBe(`${page.url.pathname}?programme=88vip`)
  })
})

describe('several memberships', () => {
  it('asks which one, and links that one', async () => {
    await world.sellTo('two', '88vip')
    await world.sellTo('two', 'gold')
    const { browser, page } = await world.signIn('two', await world.ask({ account: 'tv-two' }))
    expect(page.body).toContain('Which membership do you want to use at Youku?')
    const consent = await browser.submit(page, only(page), {}, 'Gold')
    expect(consent.body).toContain('Benefit youku-kids')
    expect(consent.body).not.toContain('Benefit youku-vip')
    const back = await browser.submit(consent, only(consent), {}, 'Agree and link')
    expect(await world.redeem(back.url)).toMatchObject({ programme: 'gold' })
  })

  it('links the one that the partner named, whatever the browser says', async () => {
    await world.sellTo('named', '88vip')
    await world.sellTo('named', 'gold')
    const { browser, page } = await world.signIn('named', await world.ask({ account: 'tv-named', programme: 'gold' }))
    expect(page.body).toContain('Benefit youku-kids')
    const back = await browser.submit(page, only(page), { programme: '88vip' }, 'Agree and link')
    expect(await world.redeem(back.url)).toMatchObject({ programme: 'gold' })
  })

  it.each(['no such programme', 'gold', '', '../88vip'])(
    'takes a programme of a forged form, %j, for none',
    async programme => {
      const login = `forged-programme-${programme.length}`
      const { browser, page } = await member(login, { account: `tv-${login}` })
      const answer = await browser.submit(page, only(page), { programme }, 'Agree and link')
      if (programme === 'gold') expect([answer.status, codeOf(answer)]).toEqual([409, 'no-benefit-here'])
      else expect(await world.redeem(answer.url)).toMatchObject({ programme: '88vip' })
    },
  )
})

describe('what stands against the link is a page before anybody agrees', () => {
  const refused = async (login: string, ask: Ask, code: string) => {
    const visitor = await world.signIn(login, await world.ask(ask))
    expect([visitor.page.status, codeOf(visitor.page)]).toEqual([409, code])
    expect(visitor.page.body).not.toContain('Agree and link')
    return visitor
  }

  it('no membership: back to the partner, or sign in with another account', async () => {
    const { browser, page } = await refused('nobody', {}, 'no-benefit-here')
    expect(page.body).toContain('No membership yet')
    expect(page.body).toContain('Bought it with another account?')
    const back = await browser.submit(page, only(page), {}, 'Back to Youku')
    expect(back.url.searchParams.get('error')).toBe('access_denied')
  })

  it('no benefit at the partner', async () => {
    await world.sellTo('elsewhere')
    const { page } = await refused('elsewhere', { partner: 'xiami' }, 'no-benefit-here')
    expect(page.body).toContain('Back to Xiami')
  })

  it('another account is linked: the way to unlink it', async () => {
    await world.sellTo('linked')
    await world.link('linked', 'tv-one')
    const { browser, page } = await refused('linked', { account: 'tv-two' }, 'already-linked')
    expect(page.links.map(({ href }) => href.pathname + href.search)).toContain('/unlink/youku?programme=88vip')
    const again = await browser.get(page.url)
    expect(again.status).toBe(409)
    // The page was opened twice, and it is one refusal.
    expect((await world.activity('linked')).map(({ action, code, via }) => [action, code, via])).toEqual([
      ['link-refused', 'already-linked', 'partner'],
      ['linked', undefined, undefined],
    ])
    await browser.submit(page, only(page), {}, 'Back to Youku')
    expect((await world.activity('linked')).map(({ action }) => action)).toEqual(['link-refused', 'linked'])
  })

  it('the same account is linked already: that is no hindrance', async () => {
    await world.sellTo('same')
    await world.link('same', 'tv-same')
    const { page } = await world.signIn('same', await world.ask({ account: 'tv-same' }))
    expect(page.status).toBe(200)
    const { browser, page: unnamed } = await world.signIn('same', await world.ask())
    const answer = await browser.submit(unnamed, only(unnamed), {}, 'Agree and link')
    expect([unnamed.status, answer.url.searchParams.has('code')]).toEqual([200, true])
  })

  it('the account is another member’s', async () => {
    await world.sellTo('owner')
    await world.link('owner', 'tv-owned')
    await world.sellTo('rival')
    await refused('rival', { account: 'tv-owned' }, 'account-linked-elsewhere')
  })

  it('a cooldown: its date', async () => {
    await world.sellTo('cooling')
    await world.link('cooling', 'tv-old')
    await world.unlink('cooling')
    const { page } = await refused('cooling', { account: 'tv-new' }, 'relink-cooldown')
    const date = new Intl.DateTimeFormat('en', { dateStyle: 'long', timeZone: 'Asia/Shanghai' })
    expect(page.body).toContain(date.format(Date.now() + 30 * 86_400_000))
  })

  it('what came between the page and the answer is told, and nobody is linked', async () => {
    const { browser, page } = await member('overtaken', { account: 'tv-overtaken' })
    await world.link('overtaken', 'tv-meanwhile')
    const answer = await browser.submit(page, only(page), {}, 'Agree and link')
    expect([answer.status, codeOf(answer)]).toEqual([409, 'already-linked'])
    const back = await browser.submit(answer, only(answer), {}, 'Back to Youku')
    expect(back.url.searchParams.get('error')).toBe('access_denied')
  })
})

describe('an OAuth error that must stay here', () => {
  const request = { response_type: 'code', client_id: 'youku', redirect_uri: returnsTo, state: 's' }
  const pkce = { code_challenge: 'a'.repeat(43), code_challenge_method: 'S256' }
  const asked = (more: Record<string, string>) =>
    `/oauth/authorize?${new URLSearchParams({ ...request, ...pkce, ...more })}`
  const evil = 'https://evil.example/linked'

  it.each([
    [
      'invalid_redirect_uri',
      asked({ redirect_uri: evil }),
      'leads to an address that is not registered',
      '未注册的地址',
    ],
    ['invalid_client', asked({ client_id: 'nobody' }), 'We do not know this app', '我们不认识这个应用'],
    [
      'invalid_request_uri',
      `/oauth/authorize?client_id=youku&request_uri=${encodeURIComponent('urn:ietf:params:oauth:request_uri:over')}`,
      'This request is no longer valid',
      '此请求已失效',
    ],
    ['invalid_request', asked({ response_mode: 'form_post' }), 'This request could not be accepted', '无法接受此请求'],
    ['interaction-expired', '/oauth/authorize/of-nobody', 'This request is no longer valid', '此请求已失效'],
  ])('%s is a page in both languages', async (code, path, english, chinese) => {
    const page = await new FormBrowser().get(world.issuer + path)
    expect([page.url.origin, page.status, codeOf(page)]).toEqual([world.issuer, 400, code])
    expect(page.body).toContain(english)
    expect(page.body).not.toContain('evil.example')
    expect(page.headers.get('content-security-policy')).toContain("form-action 'self';")
    const other = await new FormBrowser({ acceptLanguage: 'zh-CN' }).get(world.issuer + path)
    expect(other.body).toContain(chinese)
  })

  it.each([
    ['server_error', 500, 'Something broke here'],
    ['odd_<code>', 400, 'This request could not be accepted'],
  ])('%s has a page too', async (code, status, title) => {
    const answer = await authorizationErrorPage(pages(world.services))(
      new Request(`${world.issuer}/oauth/authorize`),
      code,
    )
    const body = await answer.text()
    expect([answer.status, body.includes(title), body.includes('<code>odd_<')]).toEqual([status, true, false])
  })
})

it('no log line names a person, an account or a flow', () => {
  const lines = world.lines.join('\n')
  expect(lines).toContain('grant-refused')
  expect(lines).not.toMatch(/tv-|overtaken|cooling|林小姐|nobody/)
})
