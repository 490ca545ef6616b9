import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { plusSeconds } from '../../functions/kernel/clock.ts'
import { breakLink } from '../../functions/links/break-link.ts'
import type { FormBrowser } from '../../functions/local/form-browser.ts'
import { sell } from '../../functions/memberships/sell.ts'
import { portalRoutes } from '../../functions/portal/routes.tsx'
import { applyProgramme } from '../../functions/programmes/apply-programme.ts'
import { MembershipRequest } from '../../schemas/membership.ts'
import { ProgrammeDocument } from '../../schemas/programme.ts'
import { pageFaults } from './page-faults.ts'
import { codeOf, linkThrough, onlyForm, portalWorld, type Visitor, type World } from './world.ts'

const caller = { brand: 'alibaba' }
const benefit = (id: string, partner: string, more: object = {}) => ({
  id,
  partner,
  kind: 'access',
  category: 'video',
  linkRequired: true,
  name: { en: id, 'zh-CN': `权益 ${id}` },
  ...more,
})
/** One of two, to be changed every 30 days; what an account pays itself comes first. */
const programme = ProgrammeDocument.parse({
  id: 'flex',
  name: { en: 'Flex', 'zh-CN': '灵活会员' },
  brand: 'alibaba',
  currency: 'CNY',
  timeZone: 'Asia/Shanghai',
  plans: [{ id: 'annual', term: 'P1Y', price: { amountMinor: 8800, currency: 'CNY' } }],
  alreadyPaying: 'defer',
  choiceGroups: [
    { id: 'one', choose: 1, changeEvery: 'P30D' },
    { id: 'final', choose: 1 },
  ],
  benefits: [
    benefit('video', 'youku', { choiceGroup: 'one' }),
    benefit('music', 'xiami', { choiceGroup: 'one' }),
    benefit('early', 'youku', { choiceGroup: 'final', linkRequired: false }),
    benefit('late', 'youku', { choiceGroup: 'final', linkRequired: false }),
    benefit('kids', 'youku'),
    benefit('rides', 'youku', { kind: 'allowance', quota: { per: 'P1M', limit: 4 } }),
  ],
})

let world: World
beforeAll(async () => {
  world = await portalWorld()
  await applyProgramme(world.services, { caller, document: programme })
})
afterAll(() => world.stop())
afterEach(() => world.reset())

async function flexMember(login: string, options = {}): Promise<Visitor> {
  const member = { issuer: world.identityIssuer, subject: login }
  const paid = { amountMinor: 8800, currency: 'CNY' }
  const request = { programme: 'flex', plan: 'annual', member, paid, externalId: `flex-${login}` }
  await sell(world.services, caller, MembershipRequest.parse(request))
  return world.signIn(login, options)
}

async function chooseOn(browser: FormBrowser, group: string, option: string) {
  const page = await browser.get(world.at(`/choose/${group}?programme=flex`))
  return browser.submit(page, onlyForm(page), { benefit: option })
}

/** What the member's own browser would see when so many days have passed for the membership. */
async function pageLater(browser: FormBrowser, path: string, days: number): Promise<string> {
  const now = () => plusSeconds(world.services.now(), days * 86_400)
  const cookie = [...browser.cookiesFor(world.at('/'))].map(pair => pair.join('=')).join('; ')
  return (await portalRoutes({ ...world.services, now }).request(path, { headers: { cookie } })).text()
}

describe('choosing one of several', () => {
  test('the overview and the page both offer it; once decided, the card leads to the change', async () => {
    const { browser, page } = await flexMember('chooser')
    const inline = page.forms.filter(({ action }) => action.pathname.startsWith('/choose/'))
    expect(inline.map(({ action }) => action.pathname)).toEqual(['/choose/one', '/choose/final'])
    expect(page.body).toContain('waiting for you')
    const asked = await browser.get(world.at('/choose/one?programme=flex'))
    expect(asked.body).toContain('Choose 1 of 2')
    const done = await chooseOn(browser, 'one', 'video')
    expect(done.url.href).toBe(world.at('/?chosen=one'))
    expect(done.body).toContain('Your choice is saved')
    expect(done.links.map(({ href }) => href.href)).toContain(world.at('/choose/one?programme=flex'))
    for (const seen of [page, asked, done]) expect(pageFaults(seen)).toEqual([])
  })

  test('before its date a change is refused with the date, on the page and in the answer', async () => {
    const { browser, page } = await flexMember('hasty')
    const inline = page.forms.find(({ action }) => action.pathname === '/choose/one')
    if (!inline) throw new Error('no form')
    await browser.submit(page, inline, { benefit: 'video' })
    const settled = await browser.get(world.at('/choose/one?programme=flex'))
    expect(settled.forms.filter(({ action }) => action.pathname.startsWith('/choose/'))).toEqual([])
    const date = /Another choice is possible from (.+? \d{4}) on\./.exec(settled.body)?.[1]
    expect(date).toBeTruthy()
    expect(settled.body).toContain('Chosen now')
    // The form of an old tab.
    const refused = await browser.submit(page, inline, { benefit: 'music' })
    expect([refused.status, codeOf(refused)]).toEqual([409, 'choice-not-possible'])
    expect(refused.body).toContain(`Possible from ${date} on.`)
    expect(refused.links.map(({ href }) => href.href)).toContain(world.at('/choose/one?programme=flex'))
    for (const seen of [settled, refused]) expect(pageFaults(seen)).toEqual([])
  })

  test('from its date on the page says what a change does', async () => {
    const { browser } = await flexMember('patient')
    await chooseOn(browser, 'one', 'video')
    const body = await pageLater(browser, '/choose/one?programme=flex', 31)
    expect(body).toContain('“video” stops at once if you give it up')
    expect(body).toContain('The next change is possible from')
    expect(body).toMatch(/<input[^>]*value="video"[^>]*checked/)
    expect(body).toContain('Change my choice')
  })

  test('a choice without a period for changes is final', async () => {
    const { browser } = await flexMember('once')
    await chooseOn(browser, 'final', 'early')
    const body = await pageLater(browser, '/choose/final', 300)
    expect(body).toContain('This choice is final')
    expect(body).not.toContain('action="/choose/final"')
  })

  test.each(['/choose/none', '/choose/one?programme=other', '/choose/%00'])(
    '%s is a page with a next step',
    async path => {
      const { browser } = await flexMember(`lost-${path.length}`)
      const page = await browser.get(world.at(path))
      expect([page.status, codeOf(page)]).toEqual([404, 'choice-not-possible'])
      expect(pageFaults(page)).toEqual([])
    },
  )
})

describe('after linking', () => {
  test('the page says what the records say, whatever the address claims', async () => {
    const visitor = await flexMember('linker')
    const { browser } = visitor
    const none = await browser.get(world.at('/link/youku/done?programme=flex'))
    expect(none.body).toContain('No Youku account is linked')
    expect(none.links.map(({ href }) => href.pathname)).toContain('/link/youku')
    await linkThrough(world, visitor, 'u-linker')
    const done = await browser.get(world.at('/link/youku/done?programme=flex'))
    expect(done.body).toContain('Your Youku account is linked')
    expect(done.body).toContain('<strong>u-linker</strong>')
    expect(done.body).toContain('One step is left')
    const paths = done.links.map(({ href }) => href.pathname)
    expect(paths).toEqual(expect.arrayContaining(['/choose/one', '/unlink/youku', '/']))
    await chooseOn(browser, 'one', 'video')
    const ready = await browser.get(world.at('/link/youku/done'))
    expect(ready.body).toContain('You are all set')
    for (const seen of [none, done, ready]) expect(pageFaults(seen)).toEqual([])
    const other = await browser.get(world.at('/link/youku/done?programme=gold'))
    expect(other.body).toContain('No Youku account is linked')
    const overview = await browser.get(world.at('/'))
    expect(overview.body).toContain('4 of 4 this month')
    expect(overview.body).toMatch(/<progress[^>]*max="4"[^>]*value="4"/)
  })

  test('what the account pays itself comes first: the page and the overview say until when', async () => {
    const visitor = await flexMember('payer')
    const done = await linkThrough(world, visitor, 'u-paid')
    expect(done.body).toContain('It starts on')
    expect(done.body).toContain('Youku bills you for your own subscription until')
    const overview = await visitor.browser.get(world.at('/'))
    expect(overview.body).toContain('when the subscription that you pay Youku yourself has run out')
  })

  test.each([
    ['consent-revoked', 'The consent was withdrawn at Youku'],
    ['account-closed', 'The account was closed at Youku'],
  ] as const)('a link broken by %s stays in sight with what to do', async (reason, text) => {
    const visitor = await flexMember(`broken-${reason}`)
    await linkThrough(world, visitor, `u-${reason}`)
    await breakLink(world.services, { partner: 'youku', account: `u-${reason}`, reason })
    const page = await visitor.browser.get(world.at('/'))
    expect(page.body).toContain('Link broken')
    expect(page.body).toContain(text)
    expect(page.body).toContain('Account linked before')
    expect(page.links.map(({ href }) => href.href)).toContain(world.at('/link/youku?programme=flex'))
    expect(pageFaults(page)).toEqual([])
    const done = await visitor.browser.get(world.at('/link/youku/done?programme=flex'))
    expect(done.body).toContain('No Youku account is linked')
  })
})
