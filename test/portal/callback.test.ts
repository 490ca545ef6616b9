import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { codeOf, linkThrough, portalWorld, type Visitor, type World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await portalWorld()
})
afterAll(() => world.stop())
afterEach(() => world.reset())

const at = (path: string) => world.at(path)
const stopAt = (url: URL) => url.pathname === '/link/youku/callback'

describe('answers that must not link', () => {
  /** Stops just before the partner's answer reaches the portal. */
  async function answered(login: string, account: string): Promise<Visitor> {
    const visitor = await world.memberAt(login, { stopAt })
    return { ...visitor, page: await linkThrough(world, visitor, account) }
  }

  test.each([
    ['without state', (url: URL) => url.searchParams.delete('state'), 'link-expired'],
    ['with another state', (url: URL) => url.searchParams.set('state', 'guess'), 'link-expired'],
    ['with a wrong iss (mix-up)', (url: URL) => url.searchParams.set('iss', 'https://evil.example'), 'link-failed'],
    ['without iss', (url: URL) => url.searchParams.delete('iss'), 'link-failed'],
    ['with a foreign code', (url: URL) => url.searchParams.set('code', 'guess'), 'link-failed'],
  ])('%s', async (name, change, expected) => {
    const login = `attack-${name.replace(/\W/g, '')}`
    const { browser, page } = await answered(login, `u-${login}`)
    const url = new URL(page.url)
    change(url)
    const refused = await browser.get(url)
    expect([refused.status, codeOf(refused)]).toEqual([400, expected])
    expect(await world.linkedAccount(login)).toBeUndefined()
    // The attempt is spent, even for the true answer.
    const late = await browser.get(page.url)
    expect([late.status, codeOf(late)]).toEqual([400, 'link-expired'])
    expect(await world.linkedAccount(login)).toBeUndefined()
  })

  test('an answer used twice links once', async () => {
    const { browser, page } = await answered('twice', 'u-twice')
    const first = await browser.get(page.url)
    expect(first.url.href).toBe(at('/?linked=youku'))
    const again = await browser.get(page.url)
    expect([again.status, codeOf(again)]).toEqual([400, 'link-expired'])
    expect(await world.linkedAccount('twice')).toBe('u-twice')
  })

  test('an answer of somebody else’s session, with or without an attempt of one’s own', async () => {
    const { page } = await answered('attacker', 'u-attacker')
    const victim = await answered('victim', 'u-victim')
    const planted = await victim.browser.get(page.url)
    expect([planted.status, codeOf(planted)]).toEqual([400, 'link-expired'])
    const other = await world.memberAt('bystander')
    const bare = await other.browser.get(page.url)
    expect([bare.status, codeOf(bare)]).toEqual([400, 'link-expired'])
    for (const login of ['attacker', 'victim', 'bystander']) expect(await world.linkedAccount(login)).toBeUndefined()
  })

  test('an attempt that the browser’s earlier session began', async () => {
    const before = await answered('before', 'u-before')
    const after = await world.memberAt('after')
    const cookies = { ...Object.fromEntries(before.browser.cookiesFor(at('/'))) }
    cookies['tessera'] = after.browser.cookiesFor(at('/')).get('tessera') ?? ''
    const cookie = Object.entries(cookies).map(([name, value]) => `${name}=${value}`)
    expect(cookie).toHaveLength(new Set([...cookie.map(pair => pair.split('=')[0]), 'tessera', 'tessera-link']).size)
    const answer = await fetch(before.page.url, { headers: { cookie: cookie.join('; ') }, redirect: 'manual' })
    expect(answer.status).toBe(400)
    expect(await answer.text()).toContain('link-expired')
    for (const login of ['before', 'after']) expect(await world.linkedAccount(login)).toBeUndefined()
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

  test('a partner that is down when the member comes back', async () => {
    const { browser, page } = await answered('outage', 'u-outage')
    world.replaceYouku((_request, response) => response.destroy())
    const refused = await browser.get(page.url)
    expect([refused.status, codeOf(refused)]).toEqual([502, 'partner-unavailable'])
    expect(await world.linkedAccount('outage')).toBeUndefined()
  })
})
