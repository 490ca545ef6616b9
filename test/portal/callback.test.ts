import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { FormBrowser } from '../../functions/local/form-browser.ts'
import { codeOf, linkThrough, onlyForm, portalWorld, type Visitor, type World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await portalWorld()
})
afterAll(() => world.stop())
afterEach(() => world.reset())

const at = (path: string) => world.at(path)
const stopAt = (url: URL) => /^\/link\/\w+\/callback$/.test(url.pathname)
const cookieHeader = (browser: FormBrowser) =>
  [...browser.cookiesFor(at('/'))].map(([name, value]) => `${name}=${value}`).join('; ')
const refusal = (code: string, more: object = {}) => ({ action: 'link-refused', code, partner: 'youku', ...more })
const logged = (from: number, event: string) =>
  world.lines
    .slice(from)
    .map(line => JSON.parse(line) as Record<string, unknown>)
    .filter(line => line['event'] === event)

/** Stops just before the partner's answer reaches the portal. */
async function answered(login: string, account: string, partner: 'youku' | 'xiami' = 'youku'): Promise<Visitor> {
  const visitor = await world.memberAt(login, { stopAt })
  return { ...visitor, page: await linkThrough(world, visitor, account, { partner }) }
}

describe('answers that must not link', () => {
  test.each([
    ['a wrong iss (mix-up)', (url: URL) => url.searchParams.set('iss', 'https://evil.example')],
    ['two iss', (url: URL) => url.searchParams.append('iss', 'https://evil.example')],
    ['no iss', (url: URL) => url.searchParams.delete('iss')],
    ['a foreign code', (url: URL) => url.searchParams.set('code', 'guess')],
  ])('with %s: the attempt is spent, and nothing is linked', async (name, change) => {
    const login = `attack-${name.replace(/\W/g, '')}`
    const { browser, page } = await answered(login, `u-${login}`)
    const before = world.lines.length
    const restored = cookieHeader(browser)
    const url = new URL(page.url)
    change(url)
    const refused = await browser.get(url)
    expect([refused.status, codeOf(refused)]).toEqual([400, 'link-answer-mismatch'])
    expect(await world.activity(login)).toEqual([refusal('link-answer-mismatch', { programme: '88vip' })])
    expect(logged(before, 'link-refused')).toMatchObject([{ code: 'link-answer-mismatch', partner: 'youku' }])
    expect(world.lines.slice(before).join()).not.toMatch(
      new RegExp(`u-${login}|${login}|${url.searchParams.get('state')}`),
    )
    // Also for the true answer, with the cookies that went with it.
    const late = await fetch(page.url, { headers: { cookie: restored }, redirect: 'manual' })
    expect([late.status, (await late.text()).includes('link-state-reused')]).toEqual([400, true])
    expect(await world.linkedAccount(login)).toBeUndefined()
  })

  test.each([
    ['no state', (url: URL) => url.searchParams.delete('state')],
    ['another state', (url: URL) => url.searchParams.set('state', 'guess')],
    ['two states', (url: URL) => url.searchParams.append('state', 'guess')],
  ])('with %s: it is not ours, and spends no attempt', async (name, change) => {
    const login = `stranger-${name.replace(/\W/g, '')}`
    const { browser, page } = await answered(login, `u-${login}`)
    const url = new URL(page.url)
    change(url)
    const refused = await browser.get(url)
    expect([refused.status, codeOf(refused)]).toEqual([400, 'link-expired'])
    // Any site can send a browser here: the log is the member's, not that site's.
    expect(await world.activity(login)).toEqual([])
    expect(await world.linkedAccount(login)).toBeUndefined()
    expect((await browser.get(page.url)).url.pathname).toBe('/link/youku/done')
    expect(await world.linkedAccount(login)).toBe(`u-${login}`)
  })

  test('an answer used twice links once, and the page leads to what is linked', async () => {
    const { browser, page } = await answered('twice', 'u-twice')
    const restored = cookieHeader(browser)
    const first = await browser.get(page.url)
    expect(first.url.href).toBe(at('/link/youku/done?programme=88vip'))
    const again = await browser.get(page.url)
    expect([again.status, codeOf(again)]).toEqual([400, 'link-state-reused'])
    expect(again.links.map(({ href }) => href.pathname)).toContain('/')
    const replayed = await fetch(page.url, { headers: { cookie: restored }, redirect: 'manual' })
    expect(await replayed.text()).toContain('link-state-reused')
    expect(await world.linkedAccount('twice')).toBe('u-twice')
    const actions = (await world.activity('twice')).map(({ action, via }) => [action, via])
    expect(actions).toEqual([
      // Opened again within ten minutes, it is the same refusal.
      ['link-refused', undefined],
      ['linked', 'portal'],
    ])
  })

  test('of many copies of one answer at once exactly one links', async () => {
    const { browser, page } = await answered('burst', 'u-burst')
    const [cookie, before] = [cookieHeader(browser), world.asked.length]
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => fetch(page.url, { headers: { cookie }, redirect: 'manual' })),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([303, ...Array(7).fill(400)])
    // The partner saw the code once: seven were judged before anything was asked of it.
    expect(world.asked.slice(before).filter(({ path }) => path === '/oidc/token')).toHaveLength(1)
    expect(await world.linkedAccount('burst')).toBe('u-burst')
  })

  test('an answer of somebody else’s session, with or without an attempt of one’s own', async () => {
    const { page } = await answered('attacker', 'u-attacker')
    const victim = await answered('victim', 'u-victim')
    const other = await world.memberAt('bystander')
    for (const [login, { browser }] of [
      ['victim', victim],
      ['bystander', other],
    ] as const) {
      const planted = await browser.get(page.url)
      expect([planted.status, codeOf(planted)]).toEqual([400, 'link-expired'])
      expect(await world.activity(login)).toEqual([])
    }
    for (const login of ['attacker', 'victim', 'bystander']) expect(await world.linkedAccount(login)).toBeUndefined()
  })

  test('another session’s state says nothing about its use', async () => {
    const { browser, page } = await answered('user-of-it', 'u-user-of-it')
    await browser.get(page.url)
    const other = await world.memberAt('asks-about-it')
    const told = await other.browser.get(page.url)
    expect(codeOf(told)).toBe('link-expired')
  })

  test('an attempt that the browser’s earlier session began', async () => {
    const before = await answered('before', 'u-before')
    const after = await world.memberAt('after')
    const cookies = { ...Object.fromEntries(before.browser.cookiesFor(at('/'))) }
    expect(Object.keys(cookies).filter(name => /^tessera-link-[0-9a-f]{16}$/.test(name))).toHaveLength(1)
    cookies['tessera'] = after.browser.cookiesFor(at('/')).get('tessera') ?? ''
    const cookie = Object.entries(cookies).map(([name, value]) => `${name}=${value}`)
    const answer = await fetch(before.page.url, { headers: { cookie: cookie.join('; ') }, redirect: 'manual' })
    expect(answer.status).toBe(400)
    expect(await answer.text()).toContain('link-expired')
    for (const login of ['before', 'after']) expect(await world.linkedAccount(login)).toBeUndefined()
  })

  test('partner A’s answer at partner B’s callback, with A’s state and with B’s', async () => {
    const { browser, page } = await answered('mixed', 'x-mixed', 'xiami')
    const toYouku = new URL(page.url)
    toYouku.pathname = '/link/youku/callback'
    const refused = await browser.get(toYouku)
    expect([refused.status, codeOf(refused)]).toEqual([400, 'link-answer-mismatch'])

    const consent = await browser.get(at('/link/youku'))
    const login = await browser.submit(consent, onlyForm(consent))
    const own = await browser.submit(login, onlyForm(login), { login: 'u-mixed', password: 'demo' })
    const crossed = new URL(own.url)
    crossed.searchParams.set('code', page.url.searchParams.get('code') ?? '')
    const before = world.asked.length
    const again = await browser.get(crossed)
    expect([again.status, codeOf(again)]).toEqual([400, 'link-answer-mismatch'])
    expect(world.asked.slice(before)).toEqual([{ partner: 'youku', path: '/oidc/token' }])
    for (const partner of ['youku', 'xiami']) expect(await world.linkedAccount('mixed', partner)).toBeUndefined()
  })

  test('an attempt older than ten minutes', async () => {
    const { browser, page } = await answered('slow', 'u-slow')
    world.moveWallClock(10 * 60)
    const refused = await browser.get(page.url)
    expect([refused.status, codeOf(refused)]).toEqual([400, 'link-expired'])
  })

  test('a session that ended meanwhile', async () => {
    const { browser, page } = await answered('idle', 'u-idle')
    world.moveWallClock(30 * 60)
    const refused = await browser.get(page.url)
    expect(refused.status).toBe(401)
    expect(refused.body).toContain('You are signed out')
    expect(refused.links.map(({ href }) => href.pathname)).toContain('/sign-in')
    expect(await world.linkedAccount('idle')).toBeUndefined()
  })

  test('a callback of a partner that nobody registered', async () => {
    const { browser, page } = await answered('nowhere', 'u-nowhere')
    for (const partner of ['tudou', '%3Cb%3E', '..%2F..%2Fevil.example']) {
      const url = new URL(page.url)
      url.pathname = `/link/${partner}/callback`
      const refused = await browser.get(url)
      expect([refused.status, codeOf(refused)]).toEqual([404, 'partner-not-found'])
    }
    expect(await world.activity('nowhere')).toEqual([])
  })

  test('a partner that is down when the member comes back', async () => {
    const { browser, page } = await answered('outage', 'u-outage')
    world.replaceYouku((_request, response) => response.destroy())
    const refused = await browser.get(page.url)
    expect([refused.status, codeOf(refused)]).toEqual([502, 'partner-unavailable'])
    expect(await world.activity('outage')).toEqual([refusal('partner-unavailable', { programme: '88vip' })])
    expect(await world.linkedAccount('outage')).toBeUndefined()
  })
})

describe('tabs', () => {
  test('two tabs link two partners, whichever comes back first', async () => {
    const { browser } = await world.memberAt('tabs', { stopAt })
    const pages = []
    for (const partner of ['youku', 'xiami'] as const)
      pages.push(await linkThrough(world, { browser, page: await browser.get(at('/')) }, `t-${partner}`, { partner }))
    for (const page of pages.toReversed()) expect((await browser.get(page.url)).url.pathname).toMatch(/done$/)
    expect(await world.linkedAccount('tabs', 'youku')).toBe('t-youku')
    expect(await world.linkedAccount('tabs', 'xiami')).toBe('t-xiami')
  })

  test('a form submitted twice is two attempts, and one link', async () => {
    const { browser } = await world.memberAt('double-submit', { stopAt })
    const consent = await browser.get(at('/link/youku'))
    const [first, second] = [
      await browser.submit(consent, onlyForm(consent)),
      await browser.submit(consent, onlyForm(consent)),
    ]
    const one = await browser.submit(first, onlyForm(first), { login: 'u-double', password: 'demo' })
    expect((await browser.get(one.url)).url.pathname).toBe('/link/youku/done')
    const other = await browser.submit(second, onlyForm(second), { login: 'u-double', password: 'demo' })
    expect((await browser.get(other.url)).url.pathname).toBe('/link/youku/done')
    expect((await world.activity('double-submit')).map(({ action }) => action)).toEqual(['linked'])
  })

  test('a fifth attempt drops the oldest, and the four others still work', async () => {
    const stop = (url: URL) => url.origin === world.partnerAddress('youku')
    const { browser } = await world.memberAt('five', { stopAt: stop })
    const names = () => [...browser.cookiesFor(at('/')).keys()].filter(name => name.startsWith('tessera-link-'))
    const seen: string[][] = []
    for (let tab = 0; tab < 5; tab += 1) {
      world.moveWallClock(1)
      const consent = await browser.get(at('/link/youku'))
      await browser.submit(consent, onlyForm(consent))
      seen.push(names())
    }
    expect(seen.map(({ length }) => length)).toEqual([1, 2, 3, 4, 4])
    const [[oldest = ''] = []] = seen
    expect(names()).not.toContain(oldest)
    expect(seen[4]).toEqual(expect.arrayContaining((seen[3] ?? []).filter(name => name !== oldest)))
  })

  test('sign-out forgets every attempt', async () => {
    const { browser } = await answered('leaver', 'u-leaver')
    const home = await browser.get(at('/'))
    const form = home.forms.find(({ action }) => action.pathname === '/sign-out')
    if (!form) throw new Error('no sign-out')
    await browser.submit(home, form)
    expect([...browser.cookiesFor(at('/')).keys()].filter(name => /^tessera(-link|$)/.test(name))).toEqual([])
  })
})

describe('open redirects', () => {
  test.each([
    'https://evil.example/',
    '//evil.example/',
    '/\\evil.example',
    '/%2f%2fevil.example',
    '\thttps://evil.example',
    'javascript:alert(1)',
  ])('sign-in comes back here, not to %s', async target => {
    const browser = new FormBrowser()
    const form = await browser.get(`${at('/sign-in')}?return=${encodeURIComponent(target)}`)
    const page = await browser.submit(form, onlyForm(form), { login: 'lin', password: 'demo' })
    expect(page.url.origin).toBe(world.issuer)
  })
})
