import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { FormBrowser } from '../../functions/local/form-browser.ts'
import { portalRoutes } from '../../functions/portal/routes.tsx'
import { stylesheet } from '../../functions/portal/stylesheet.ts'
import { pageFaults } from './page-faults.ts'
import { codeOf, linkThrough, onlyForm, portalWorld, type World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await portalWorld()
})
afterAll(() => world.stop())
afterEach(() => world.reset())

const at = (path: string) => world.at(path)

describe('before anything is linked', () => {
  test('the welcome page is safe to serve and leads to sign-in', async () => {
    const page = await new FormBrowser().get(at('/'))
    expect(page.status).toBe(200)
    expect(page.body).toContain('<!doctype html>')
    expect(page.links.map(({ href }) => href.pathname)).toContain('/sign-in')
    expect(page.body).not.toMatch(/<script|style=|\son\w+=/)
    const policy = page.headers.get('content-security-policy') ?? ''
    expect(policy).toContain("default-src 'none'")
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy).toContain("form-action 'self';")
    expect(policy).not.toContain('unsafe')
    expect(page.headers.get('referrer-policy')).toBe('same-origin')
    expect(page.headers.get('cache-control')).toBe('no-store')
    expect(page.headers.has('strict-transport-security')).toBe(false)
  })

  test('the stylesheet is served from the address that pages name', async () => {
    const page = await new FormBrowser().get(at('/'))
    const address = /<link rel="stylesheet" href="([^"]+)"/.exec(page.body)?.[1] ?? ''
    const style = await fetch(at(address))
    expect(style.headers.get('content-type')).toContain('text/css')
    expect((await style.text()) === stylesheet).toBe(true)
  })

  test('somebody without a membership learns what to do next', async () => {
    const { page } = await world.signIn('nobody')
    expect(page.url.href).toBe(at('/'))
    expect(page.body).toContain('No membership yet')
    expect(page.body).toContain('Hello, nobody')
  })

  test('a page of one’s own leads through sign-in and back', async () => {
    await world.sellTo('back')
    const browser = new FormBrowser()
    const form = await browser.get(at('/link/youku?programme=88vip'))
    expect(form.url.origin).toBe(world.identityIssuer)
    const page = await browser.submit(form, onlyForm(form), { login: 'back', password: 'demo' })
    expect(page.url.href).toBe(at('/link/youku?programme=88vip'))
  })

  test.each([
    'https://evil.example/',
    '//evil.example/',
    '/\\evil.example',
    '/\t/evil.example/',
    'javascript:alert(1)',
  ])('sign-in never leads to %s', async target => {
    const { page } = await world.signIn('nobody', {}, target)
    expect(page.url.origin).toBe(world.issuer)
  })

  test('a cancelled sign-in is a page, not an error', async () => {
    const browser = new FormBrowser()
    const form = await browser.get(at('/sign-in'))
    const page = await browser.submit(form, onlyForm(form), {}, 'cancel')
    expect(page.status).toBe(200)
    expect(page.body).toContain('Sign-in cancelled')
  })

  test('a sign-in answer without its attempt starts no session', async () => {
    const browser = new FormBrowser()
    const page = await browser.get(at('/sign-in/callback?code=x&state=y'))
    expect([page.status, codeOf(page)]).toEqual([400, 'sign-in-failed'])
    expect(browser.cookiesFor(at('/')).has('tessera')).toBe(false)
  })

  test('signing out ends the session', async () => {
    const { browser, page } = await world.signIn('nobody')
    const form = page.forms.find(({ action }) => action.pathname === '/sign-out')
    if (!form) throw new Error('no sign-out')
    const out = await browser.submit(page, form)
    expect(out.body).toContain('One membership, all its benefits')
    expect(browser.cookiesFor(at('/')).has('tessera')).toBe(false)
  })
})

describe.each(['en', 'zh-CN'])('the build of every page in %s', acceptLanguage => {
  test('heads, names, labels and references are whole', async () => {
    const login = `whole-${acceptLanguage}`
    const nobody = await world.signIn('nobody', { acceptLanguage })
    await world.sellTo(login, 'gold')
    const { browser, page: overview } = await world.memberAt(login, { acceptLanguage })
    const choice = await browser.get(at('/link/youku'))
    const consent = await browser.get(at('/link/youku?programme=88vip'))
    const asked = await browser.submit(consent, onlyForm(consent))
    const linked = await browser.submit(asked, onlyForm(asked), { login, password: 'demo' })
    const pages = [
      await new FormBrowser({ acceptLanguage }).get(at('/')),
      nobody.page,
      overview,
      choice,
      consent,
      linked,
      await browser.get(at('/unlink/youku')),
      await browser.get(at('/link/nowhere')),
      await browser.get(at('/sign-in/callback')),
    ]
    for (const page of pages) {
      expect(pageFaults(page), page.url.href).toEqual([])
      expect(page.body).toContain(`<html lang="${acceptLanguage}">`)
    }
    expect(linked.body).toContain('role="status"')
  })
})

describe('where it runs', () => {
  test('under https every cookie is Secure and the address is pinned to https', async () => {
    const app = portalRoutes({ ...world.services, issuer: 'https://tessera.example' })
    const answer = await app.request('https://tessera.example/?lang=en')
    expect(answer.headers.get('strict-transport-security')).toMatch(/^max-age=\d{8}/)
    expect(answer.headers.getSetCookie()).toEqual([expect.stringMatching(/; Secure$/)])
  })

  test('an identity provider that is down is a page with a retry', async () => {
    const config = { ...world.config, IDENTITY_ISSUER: 'http://localhost:9' }
    const answer = await portalRoutes({ ...world.services, config }).request('/sign-in?return=/link/youku')
    expect(answer.status).toBe(502)
    const body = await answer.text()
    expect(body).toContain('Sign-in is not available right now')
    expect(body).toContain('href="/sign-in?return=%2Flink%2Fyouku"')
  })

  test('what breaks here is a page that tells nothing of it', async () => {
    const keys = { ...world.services.keys, secret: () => Promise.reject(new Error('table sealed-tight is gone')) }
    const cookie = 'tessera=anything'
    const answer = await portalRoutes({ ...world.services, keys }).request('/', { headers: { cookie } })
    expect(answer.status).toBe(500)
    const body = await answer.text()
    expect(body).toContain('Something broke here')
    expect(body).not.toContain('sealed-tight')
  })
})

describe('languages', () => {
  test('the browser’s, then the one chosen, also after coming back from a partner', async () => {
    const visitor = await world.memberAt('zh', { acceptLanguage: 'zh-CN,zh;q=0.9,en;q=0.5' })
    expect(visitor.page.body).toContain('<html lang="zh-CN">')
    expect(visitor.page.body).toContain('权益 youku-vip')
    const consent = await visitor.browser.get(at('/link/youku'))
    expect(onlyForm(consent).buttons.map(({ text }) => text)).toEqual(['同意并绑定', '取消'])
    const english = await visitor.browser.get(at('/link/youku?lang=en'))
    expect(onlyForm(english).buttons.map(({ text }) => text)).toEqual(['Agree and link', 'Cancel'])
    const linked = await linkThrough(world, visitor, 'u-zh')
    expect(linked.body).toContain('Your Youku account is linked')
  })

  test('the switch sets a Strict cookie that works without a session', async () => {
    const answer = await fetch(at('/?lang=zh-CN'))
    expect(answer.headers.getSetCookie()).toEqual(['tessera-language=zh-CN; Path=/; Max-Age=31536000; SameSite=Strict'])
    const page = await fetch(at('/'), { headers: { cookie: 'tessera-language=zh-CN', 'accept-language': 'en' } })
    expect(await page.text()).toContain('一份会员，尽享全部权益')
  })
})
