import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { FormBrowser } from '../../functions/local/form-browser.ts'
import { portalSessions } from '../../functions/portal/session.ts'
import { codeOf, linkThrough, onlyForm, portalWorld, type World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await portalWorld()
})
afterAll(() => world.stop())
afterEach(() => world.reset())

const at = (path: string) => world.at(path)

describe('forms', () => {
  test('without the token, with another’s, or from another origin nothing happens', async () => {
    const visitor = await world.memberAt('forms')
    await linkThrough(world, visitor, 'u-forms')
    const own = onlyForm(await visitor.browser.get(at('/unlink/youku'))).controls.get('csrf') ?? ''
    const other = await world.signIn('nobody')
    const theirs = other.page.forms[0]?.controls.get('csrf') ?? ''
    expect(own).toMatch(/^[\w-]{32}$/)
    expect(theirs).not.toBe(own)
    const cookie = [...visitor.browser.cookiesFor(at('/'))].map(([name, value]) => `${name}=${value}`).join('; ')
    const post = (csrf: string | undefined, headers: Record<string, string> = {}) =>
      fetch(at('/unlink/youku'), {
        method: 'POST',
        headers: { cookie, ...headers },
        body: new URLSearchParams({ programme: '88vip', ...(csrf !== undefined && { csrf }) }),
        redirect: 'manual',
      })
    for (const answer of [
      await post(undefined),
      await post(theirs),
      await post(own.slice(1)),
      await post(own, { origin: 'https://evil.example' }),
      await post(own, { origin: 'null' }),
      await post(own, { 'content-type': 'text/plain' }),
    ]) {
      expect(answer.status).toBe(403)
      expect(answer.headers.get('content-type')).toContain('text/html')
      expect(await answer.text()).toContain('csrf-token-mismatch')
    }
    expect(await world.linkedAccount('forms')).toBe('u-forms')
    expect((await post(own, { origin: world.issuer })).status).toBe(303)
    expect(await world.linkedAccount('forms')).toBeUndefined()
  })

  test('a form of an expired session leads to sign-in and back, by a link', async () => {
    const { browser } = await world.memberAt('late')
    const consent = await browser.get(at('/link/youku'))
    world.moveWallClock(31 * 60)
    const page = await browser.submit(consent, onlyForm(consent))
    expect([page.status, codeOf(page)]).toEqual([401, 'signed-out'])
    const again = page.links.find(({ href }) => href.pathname === '/sign-in')
    expect(again?.href.searchParams.get('return')).toBe('/link/youku?programme=88vip')
  })

  test('a form that is too large is refused as a page', async () => {
    const answer = await fetch(at('/unlink/youku'), {
      method: 'POST',
      body: new URLSearchParams({ a: 'x'.repeat(20_000) }),
    })
    expect(answer.status).toBe(413)
    expect(answer.headers.get('content-type')).toContain('text/html')
  })

  test('one of a group is chosen, once', async () => {
    const visitor = await world.memberAt('chooser')
    const form = visitor.page.forms.find(({ action }) => action.pathname === '/choose/music')
    if (!form) throw new Error('no choice')
    expect(visitor.page.body).toContain('Choose 1 of 2')
    const page = await visitor.browser.submit(visitor.page, form, { benefit: 'xiami-live' })
    expect(page.body).toContain('Your choice is saved.')
    expect(page.body).toContain('You chose another benefit of this group.')
    expect(page.forms.some(({ action }) => action.pathname === '/choose/music')).toBe(false)
    const again = await visitor.browser.submit(visitor.page, form, { benefit: 'xiami-hifi' })
    expect([again.status, codeOf(again)]).toEqual([409, 'choice-not-possible'])
    const linked = await linkThrough(world, visitor, 'x-1', { partner: 'xiami' })
    expect(linked.url.pathname).toBe('/link/xiami/done')
    expect((await visitor.browser.get(at('/'))).body).toContain('4 of 4')
  })
})

describe('sign-in', () => {
  const stopAt = (url: URL) => url.pathname === '/sign-in/callback'
  const cookieOf = (browser: FormBrowser) =>
    [...browser.cookiesFor(at('/'))].map(([name, value]) => `${name}=${value}`).join('; ')

  test('an answer works once, whatever cookies come back, and a session of another browser is not made', async () => {
    const { browser, page } = await world.signIn('once', { stopAt })
    const cookie = cookieOf(browser)
    const [stranger, ...answers] = [
      await fetch(page.url, { redirect: 'manual' }),
      await fetch(page.url, { headers: { cookie }, redirect: 'manual' }),
      await fetch(page.url, { headers: { cookie }, redirect: 'manual' }),
    ]
    expect([stranger?.status, ...answers.map(({ status }) => status)]).toEqual([400, 303, 400])
    expect(await answers[1]?.text()).toContain('sign-in-failed')
    expect(world.lines.at(-1)).toContain('the state was used already')
  })

  test.each([
    ['wrong iss', (url: URL) => url.searchParams.set('iss', 'https://evil.example')],
    ['no iss', (url: URL) => url.searchParams.delete('iss')],
    ['a guessed code', (url: URL) => url.searchParams.set('code', 'guess')],
    ['another state', (url: URL) => url.searchParams.set('state', 'guess')],
  ])('with %s nobody is signed in', async (_name, change) => {
    const { browser, page } = await world.signIn('mixed-up', { stopAt })
    const url = new URL(page.url)
    change(url)
    const refused = await browser.get(url)
    expect([refused.status, codeOf(refused)]).toEqual([400, 'sign-in-failed'])
    expect((await browser.get(at('/'))).body).toContain('One membership, all its benefits')
    expect(world.lines.join()).not.toContain('mixed-up')
  })

  test('two tabs sign in, each to its own page', async () => {
    const browser = new FormBrowser({ stopAt })
    const forms = [await browser.get(at('/sign-in?return=/pass')), await browser.get(at('/sign-in?return=/activity'))]
    const [first, second] = forms
    if (!first || !second) throw new Error('no forms')
    const one = await browser.submit(first, onlyForm(first), { login: 'tabs', password: 'demo' })
    expect((await browser.get(one.url)).url.pathname).toBe('/pass')
    const other = await browser.submit(second, onlyForm(second), { login: 'tabs', password: 'demo' })
    expect((await browser.get(other.url)).url.pathname).toBe('/activity')
  })
})

describe('sessions', () => {
  test('idle for 30 minutes ends one, and using it keeps it up to 12 hours', async () => {
    const { browser } = await world.signIn('nobody')
    for (let halfHours = 0; halfHours < 24; halfHours += 1) {
      world.moveWallClock(29 * 60)
      expect((await browser.get(at('/'))).body).toContain('No membership yet')
    }
    world.moveWallClock(29 * 60)
    expect((await browser.get(at('/'))).body).toContain('One membership, all its benefits')
  })

  test('a changed or foreign cookie is none', async () => {
    const { browser } = await world.signIn('nobody')
    const sealed = browser.cookiesFor(at('/')).get('tessera') ?? ''
    const show = async (value: string) => (await fetch(at('/'), { headers: { cookie: `tessera=${value}` } })).text()
    expect(await show(sealed)).toContain('No membership yet')
    for (const value of [`${sealed.slice(0, -3)}AAA`, sealed.slice(10), 'x', '', 'Fe26.2**'])
      expect(await show(value)).toContain('One membership, all its benefits')
  })

  test('a new sign-in makes a new session with a new form token', async () => {
    const { browser, page } = await world.signIn('nobody')
    const again = await browser.get(at('/sign-in'))
    expect(again.url.href).toBe(at('/'))
    expect(again.forms[0]?.controls.get('csrf')).not.toBe(page.forms[0]?.controls.get('csrf'))
  })

  test('the cookie is HttpOnly and Lax, and Secure with __Host- under https', async () => {
    const sessions = portalSessions({ ...world.services, issuer: 'https://tessera.example' })
    const person = { issuer: 'https://id.example', subject: 's', name: '', roles: [], language: 'en' as const }
    expect(await sessions.start(person)).toMatch(
      /^__Host-tessera=[\w*.~-]+; Path=\/; Max-Age=1800; HttpOnly; SameSite=Lax; Secure$/,
    )
    expect(await portalSessions(world.services).start(person)).toMatch(
      /^tessera=\S+; Path=\/; Max-Age=1800; HttpOnly; SameSite=Lax$/,
    )
  })
})
