import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { changeMembership } from '../../functions/memberships/change.ts'
import { codeOf, onlyForm, portalWorld, type Visitor, type World } from '../portal/world.ts'

let world: World
beforeAll(async () => {
  world = await portalWorld()
})
afterAll(() => world.stop())

const at = (path: string) => world.at(path)
const welcome = 'One membership, all its benefits'

async function signOutEverywhere({ browser }: Visitor) {
  const page = await browser.get(at('/privacy'))
  const form = page.forms.find(({ controls }) => controls.get('everywhere') === 'yes')
  if (!form) throw new Error('nothing signs out everywhere')
  return browser.submit(page, form)
}

describe('signing out everywhere', () => {
  test('ends the session of another browser at its next request, and says so here', async () => {
    const here = await world.memberAt('everywhere')
    const there = await world.signIn('everywhere')
    const other = await world.signIn('somebody-else')
    const done = await signOutEverywhere(here)
    expect(done.url.href).toBe(at('/privacy?done=signed-out'))
    expect(done.body).toContain('You are signed out everywhere')
    expect(done.forms).toEqual([])
    expect((await there.browser.get(at('/'))).body).toContain(welcome)
    expect((await here.browser.get(at('/'))).body).toContain(welcome)
    expect((await other.browser.get(at('/'))).body).toContain('Hello, somebody-else')
  })

  test('also in the middle of a form, which then changes nothing', async () => {
    const here = await world.memberAt('middle')
    const there = await world.signIn('middle')
    const form = await there.browser.get(at('/link/youku?programme=88vip'))
    await signOutEverywhere(here)
    const refused = await there.browser.submit(form, onlyForm(form))
    expect([refused.status, codeOf(refused)]).toEqual([401, 'signed-out'])
    const again = refused.links.find(({ href }) => href.pathname === '/sign-in')
    expect(again?.href.searchParams.get('return')).toBe('/link/youku?programme=88vip')
  })

  test('works without a membership, and a session that begins afterwards lives', async () => {
    const here = await world.signIn('no-member')
    const there = await world.signIn('no-member')
    await signOutEverywhere(here)
    expect((await there.browser.get(at('/'))).body).toContain(welcome)
    const anew = await world.signIn('no-member')
    expect(anew.page.body).toContain('Hello, no-member')
    expect((await anew.browser.get(at('/privacy'))).status).toBe(200)
  })

  test('a plain sign-out leaves the other browser alone, and is a page of our own only', async () => {
    const here = await world.memberAt('plain')
    const there = await world.signIn('plain')
    const form = here.page.forms.find(({ action }) => action.pathname === '/sign-out')
    if (!form) throw new Error('no sign-out')
    await here.browser.submit(here.page, form)
    expect((await there.browser.get(at('/'))).body).toContain('Hello, plain')
    const cookie = [...there.browser.cookiesFor(at('/'))].map(([name, value]) => `${name}=${value}`).join('; ')
    const body = new URLSearchParams({ everywhere: 'yes', csrf: 'x' })
    expect((await fetch(at('/sign-out'), { method: 'POST', headers: { cookie }, body })).status).toBe(403)
    expect((await there.browser.get(at('/'))).body).toContain('Hello, plain')
  })

  test('an old cookie that was kept is worth nothing', async () => {
    const here = await world.memberAt('kept')
    const cookie = [...here.browser.cookiesFor(at('/'))].map(([name, value]) => `${name}=${value}`).join('; ')
    await signOutEverywhere(here)
    expect(await (await fetch(at('/'), { headers: { cookie } })).text()).toContain(welcome)
    expect(await (await fetch(at('/privacy/export'), { headers: { cookie } })).text()).not.toContain('kept')
  })
})

test.each(['refund', 'suspend'] as const)('a %s for fraud ends every session of the member', async verb => {
  const { id } = await world.sellTo(`fraud-${verb}`)
  const browsers = [await world.signIn(`fraud-${verb}`), await world.signIn(`fraud-${verb}`)]
  const request = { id, verb, action: { reason: 'fraud' } }
  await changeMembership(world.services, { brand: 'alibaba' }, request)
  for (const { browser } of browsers) expect((await browser.get(at('/'))).body).toContain(welcome)
})
