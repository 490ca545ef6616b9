import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { plusDuration } from '../../functions/kernel/calendar.ts'
import { instantOf } from '../../functions/kernel/clock.ts'
import { breakLink } from '../../functions/links/break-link.ts'
import type { FormBrowser } from '../../functions/local/form-browser.ts'
import { changeMembership } from '../../functions/memberships/change.ts'
import { dateIn } from '../../functions/portal/language.ts'
import { portalRoutes } from '../../functions/portal/routes.tsx'
import { applyProgramme } from '../../functions/programmes/apply-programme.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { pageFaults } from './page-faults.ts'
import { caller, codeOf, linkThrough, onlyForm, portalWorld, programme, type World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await portalWorld()
})
afterAll(() => world.stop())
afterEach(async () => {
  world.reset()
  await applyProgramme(world.services, { caller, document: programme })
})

const at = (path: string) => world.at(path)
const cookieOf = (browser: FormBrowser) =>
  [...browser.cookiesFor(at('/'))].map(([name, value]) => `${name}=${value}`).join('; ')

describe('a partner that a renewal dropped from the programme', () => {
  test.each(['en', 'zh-CN'])('the account stays in sight and can be unlinked, in %s', async acceptLanguage => {
    const login = `dropped-${acceptLanguage}`
    const sold = await world.sellTo(login)
    const visitor = await world.signIn(login, { acceptLanguage })
    const { browser } = visitor
    await linkThrough(world, visitor, `u-${login}`, {
      button: acceptLanguage === 'en' ? 'Agree and link' : '同意并绑定',
    })
    const benefits = programme.benefits.filter(({ partner }) => partner !== 'youku')
    await applyProgramme(world.services, { caller, document: { ...programme, benefits } })
    await changeMembership(world.services, caller, { id: sold.id, verb: 'renew', action: {} })

    const home = await browser.get(at('/'))
    expect(pageFaults(home)).toEqual([])
    expect(home.body).toContain(acceptLanguage === 'en' ? 'Other linked accounts' : '其他已绑定账号')
    expect(home.body).toContain(`<strong>u-${login}</strong>`)
    const way = home.links.find(({ href }) => href.pathname === '/unlink/youku')
    expect(way?.href.search).toBe('?programme=88vip')
    const confirm = await browser.get(way?.href ?? '')
    expect([confirm.status, pageFaults(confirm)]).toEqual([200, []])
    expect(confirm.body).toContain(`u-${login}`)
    expect(confirm.body).not.toContain('Benefit youku-vip')
    const gone = await browser.submit(confirm, onlyForm(confirm))
    expect(gone.body).toContain(acceptLanguage === 'en' ? 'Your Youku account is no longer linked' : '已解除绑定')
    expect(gone.body).not.toContain('id="other-links"')
    expect((await world.activity(login))[0]).toMatchObject({ action: 'unlinked', partner: 'youku', reason: 'member' })
    const nothing = await browser.get(way?.href ?? '')
    expect([nothing.status, codeOf(nothing)]).toEqual([404, 'link-not-found'])
  })

  test('what stands on a benefit is not listed twice', async () => {
    const visitor = await world.memberAt('usual')
    await linkThrough(world, visitor, 'u-usual')
    const home = await visitor.browser.get(at('/'))
    expect(home.body).not.toContain('id="other-links"')
    expect(home.body.split('<strong>u-usual</strong>')).toHaveLength(2)
  })
})

describe('when another account can be linked', () => {
  const inDays = (days: number): Instant => instantOf(Date.now() + days * 24 * 3600 * 1000)
  const cooledFrom = (instant: Instant) => dateIn('en', plusDuration(instant, 'P30D', 'Asia/Shanghai'), 'Asia/Shanghai')

  /** The confirmation page as it is so many days from now. */
  async function askedLater(login: string, days: number, reason?: 'consent-revoked' | 'account-closed') {
    const visitor = await world.memberAt(login)
    await linkThrough(world, visitor, `u-${login}`)
    if (reason) await breakLink(world.services, { partner: 'youku', reason, account: `u-${login}` })
    const app = portalRoutes({ ...world.services, now: () => inDays(days) })
    const page = await app.request('/unlink/youku', { headers: { cookie: cookieOf(visitor.browser) } })
    expect(page.status).toBe(200)
    return page.text()
  }

  test('counts from now for a link that works', async () => {
    expect(await askedLater('works', 10)).toContain(`can be linked from ${cooledFrom(inDays(10))} on`)
  })

  test('counts from the break for a link that is broken', async () => {
    const body = await askedLater('broke', 10, 'consent-revoked')
    expect(body).toContain(`can be linked from ${cooledFrom(inDays(0))} on`)
  })

  test('is at once where the wait is over, or the account was closed', async () => {
    for (const body of [
      await askedLater('waited', 31, 'consent-revoked'),
      await askedLater('closed', 1, 'account-closed'),
    ])
      expect(body).toContain('The same or a different account can be linked at any time.')
  })
})
