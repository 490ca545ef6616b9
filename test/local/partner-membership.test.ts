import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../functions/local/engine.ts'
import { FormBrowser, type FormBrowserOptions, type Page } from '../../functions/local/form-browser.ts'
import { type Sandbox, startSandbox } from '../../functions/local/sandbox.ts'
import { clockOf, machineClient, moveClock } from '../../functions/local/story-client.ts'

/** Links that begin at a demo partner, its till and its events, as a visitor without script meets them after `npm start`. */
let sandbox: Sandbox
beforeAll(async () => {
  const quiet = () => undefined
  const [port, identityPort, youku, xiami, eleme, fliggy] = await freePorts(6)
  sandbox = await startSandbox({
    port: port ?? 0,
    identityPort: identityPort ?? 0,
    partnerPorts: { youku: youku ?? 0, xiami: xiami ?? 0, eleme: eleme ?? 0, fliggy: fliggy ?? 0 },
    log: quiet,
    progress: quiet,
  })
}, 120_000)
afterAll(() => sandbox?.stop())

async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) ports.add(await freePort())
  return [...ports]
}

const at = (partner: string, path: string) => `${sandbox.partnerIssuers[partner]}${path}`
const pathOf = ({ url }: Page) => url.pathname + (url.searchParams.has('done') ? '?done' : '')

/** The one form that leads there, apart from those that sign out. */
function formTo(page: Page, path: RegExp) {
  const [form] = page.forms.filter(({ action }) => path.test(action.pathname) && action.pathname !== '/sign-out')
  if (!form) throw new Error(`no form to ${path}: ${page.status} ${page.url.href} ${page.body}`)
  return form
}
const fillSignIn = (browser: FormBrowser, page: Page, login: string) =>
  browser.submit(page, formTo(page, /./), { login, password: 'demo' })

/** A member of 88VIP in a browser, signed in at the portal and at a partner. */
async function member(login: string, partner: string, options: FormBrowserOptions & { account?: string } = {}) {
  const { issuer, identityIssuer } = sandbox
  await machineClient(issuer, 'alibaba', 'alibaba-secret').post(
    '/v1/memberships',
    {
      programme: '88vip',
      plan: 'annual',
      member: { issuer: identityIssuer, subject: login },
      paid: { amountMinor: 88800, currency: 'CNY' },
      externalId: `demo-${login}`,
    },
    201,
  )
  const browser = new FormBrowser({ acceptLanguage: 'en', ...options })
  await fillSignIn(browser, await browser.get(`${issuer}/sign-in`), login)
  await fillSignIn(browser, await browser.get(at(partner, '/oidc/sign-in')), options.account ?? login)
  return browser
}

const agree = (browser: FormBrowser, page: Page, button = 'Agree and link') =>
  browser.submit(page, formTo(page, /./), {}, button)
const linkFrom = async (browser: FormBrowser, partner: string) =>
  agree(browser, await browser.get(at(partner, '/connect/start')))
/** What follows from a change reaches the partner when the stream has been read. */
async function eventually(browser: FormBrowser, address: string, found: (page: Page) => boolean): Promise<Page> {
  for (let look = 0; ; look++) {
    const page = await browser.get(address)
    if (found(page)) return page
    if (look >= 80) throw new Error(`never came: ${page.url.href} ${page.body}`)
    await new Promise(done => setTimeout(done, 250))
  }
}

describe('a link that begins at a demo partner', () => {
  it('is made by agreeing, and the page after it tells so however often it is loaded', async () => {
    const browser = await member('agrees', 'youku')
    const before = await browser.get(at('youku', '/connect'))
    expect(before.body).not.toContain('Withdraw')
    const done = await linkFrom(browser, 'youku')
    expect([done.status, pathOf(done)]).toEqual([200, '/connect?done'])
    expect(done.body).toContain('Your membership is linked to this account')
    expect((await browser.get(done.url)).body).toBe(done.body)
    const connected = await browser.get(at('youku', '/connect'))
    expect(connected.body).toMatch(/lnk_\w+/)
    expect(connected.body).toContain('Withdraw')
  })

  it('sends an answer once: the address of it, opened again, shows the same', async () => {
    let stops = true
    const stopAt = ({ pathname }: URL) => stops && pathname === '/connect/callback'
    const browser = await member('reloads', 'youku', { stopAt })
    const { url: answer } = await linkFrom(browser, 'youku')
    expect(answer.searchParams.has('code')).toBe(true)
    stops = false
    const [one, two] = await Promise.all([browser.get(answer), browser.get(answer)])
    for (const page of [one, two, await browser.get(answer)]) {
      expect([page.status, pathOf(page)]).toEqual([200, '/connect?done'])
      expect(page.body).toContain('Your membership is linked to this account')
    }
    // An answer that this process does not know tells what is so, not that nothing is linked.
    const unknown = await browser.get(at('youku', '/connect/callback?state=of-yesterday&code=x'))
    expect(unknown.body).toMatch(/lnk_\w+/)
    expect(unknown.body).not.toContain('Not linked')
  })

  it('is not made where the member cancels, which another account is not told', async () => {
    const browser = await member('cancels', 'youku')
    const cancelled = await agree(browser, await browser.get(at('youku', '/connect/start')), 'Cancel')
    expect([cancelled.status, pathOf(cancelled)]).toEqual([200, '/connect?done'])
    expect(cancelled.body).toContain('Not linked')
    expect((await browser.get(cancelled.url)).body).toBe(cancelled.body)
    const other = await member('cancels-2', 'youku')
    const stranger = await other.get(cancelled.url)
    expect(stranger.body).toContain('Nothing has changed')
  })

  it('is refused on a page that stays, where two members had the same account in mind', async () => {
    const [owner, rival] = [await member('owner', 'youku'), await member('rival', 'youku', { account: 'owner' })]
    let stops = true
    const stopAt = ({ pathname }: URL) => stops && pathname === '/connect/callback'
    const slow = await member('slow', 'youku', { account: 'owner', stopAt })
    const { url: answer } = await linkFrom(slow, 'youku')
    const consent = await rival.get(at('youku', '/connect/start'))
    await linkFrom(owner, 'youku')
    stops = false
    const refused = await slow.get(answer)
    expect([refused.status, pathOf(refused)]).toEqual([200, '/connect?done'])
    expect(refused.body).toContain('<code>account-linked-elsewhere</code>')
    expect(refused.body).toContain('This account is linked to another member')
    for (const address of [refused.url, answer]) expect((await slow.get(address)).body).toBe(refused.body)
    expect((await agree(rival, consent)).body).toContain('account-linked-elsewhere')
  })

  it('shows a link that was made in the portal', async () => {
    const browser = await member('portal-link', 'youku')
    const consent = await browser.get(`${sandbox.issuer}/link/youku`)
    await agree(browser, consent, 'Agree and link').then(page =>
      page.forms.some(({ controls }) => controls.has('login')) ? fillSignIn(browser, page, 'portal-link') : page,
    )
    const connected = await browser.get(at('youku', '/connect'))
    expect(connected.body).toMatch(/lnk_\w+/)
    expect(connected.body).not.toContain('/connect/start')
  })
})

describe('on a TV', () => {
  it('the page looks by itself until the phone has agreed', async () => {
    const browser = await member('tv', 'youku')
    const start = await browser.get(at('youku', '/tv'))
    expect(start.headers.has('refresh')).toBe(false)
    const waiting = await browser.submit(start, formTo(start, /^\/tv$/))
    expect([waiting.url.pathname, waiting.headers.get('refresh')]).toEqual(['/tv', '5'])
    expect(waiting.body).not.toMatch(/<meta[^>]*refresh/i)
    expect(waiting.body.match(/<h1/g)).toHaveLength(1)
    const address = waiting.body.match(/[A-Z]{4}-[A-Z]{4}/)?.[0] ?? ''
    const phone = await browser.get(`${sandbox.issuer}/device?user_code=${address}`)
    const compare = await browser.submit(phone, formTo(phone, /device/))
    expect((await agree(browser, compare)).body).toContain('Your TV goes on by itself')
    const done = await eventually(browser, at('youku', '/tv'), ({ url }) => url.pathname === '/connect')
    expect(done.headers.has('refresh')).toBe(false)
    expect(done.body).toContain('Your membership is linked to this account')
    expect((await browser.get(done.url)).body).toBe(done.body)
  })
})

describe('at the till', () => {
  const codeOn = ({ body }: Page) => />\s*(eyJ[\w-]+\.[\w-]+\.[\w-]+)\s*</.exec(body)?.[1] ?? ''
  const pass = async (browser: FormBrowser) => {
    const page = await browser.get(`${sandbox.issuer}/pass`)
    return codeOn(await browser.submit(page, formTo(page, /^\/pass$/)))
  }
  const scan = async (token: string) => {
    const till = new FormBrowser({ acceptLanguage: 'en' })
    const page = await till.get(at('eleme', '/till'))
    return till.submit(page, formTo(page, /^\/till$/), { token })
  }

  it('takes a pass once, and one that has expired never', async () => {
    const browser = await member('eats', 'eleme')
    await linkFrom(browser, 'eleme')
    const token = await pass(browser)
    const taken = await scan(token)
    expect(taken.status, taken.body).toBe(200)
    expect(taken.body).toContain('eleme-5off')
    const again = await scan(token)
    expect([again.status, again.body.includes('<code>pass-replayed</code>')]).toEqual([409, true])
    const late = await pass(browser)
    await moveClock(sandbox.issuer, new Date(Date.parse(await clockOf(sandbox.issuer)) + 120_000))
    const refused = await scan(late)
    expect([refused.status, refused.body.includes('<code>token-expired</code>')]).toEqual([409, true])
    expect((await scan('no pass')).body).toContain('<code>segment-count</code>')
    expect((await scan(await pass(browser))).status).toBe(200)
  })
})

describe('the end of a link', () => {
  it('withdrawing here breaks it there, once; the page says the truth the second time', async () => {
    const browser = await member('withdraws', 'youku')
    await linkFrom(browser, 'youku')
    const page = await browser.get(at('youku', '/connect'))
    const withdraw = () => browser.submit(page, formTo(page, /^\/withdraw$/))
    const done = await withdraw()
    expect(done.body).toContain('the link is broken')
    expect((await browser.get(done.url)).body).toBe(done.body)
    const portal = await browser.get(`${sandbox.issuer}/`)
    const state = />([^<>]*)<\/span><p class="w-full">([^<]*)/.exec(portal.body)
    expect(state?.slice(1)).toEqual(['Link broken', expect.stringContaining('withdrawn at Youku')])
    const again = await withdraw()
    expect(again.body).toContain('There is nothing to withdraw')
    const { body } = await eventually(browser, at('youku', '/connect'), seen => seen.body.includes('link-ended'))
    expect(body).not.toContain('Withdraw')
  })

  it('unlinking there tells this account, and nobody else who is signed in here', async () => {
    const [browser, other] = [await member('unlinks', 'youku'), await member('bystander', 'youku')]
    await linkFrom(browser, 'youku')
    const page = await browser.get(`${sandbox.issuer}/unlink/youku`)
    await browser.submit(page, formTo(page, /^\/unlink\/youku/))
    const { body } = await eventually(browser, at('youku', '/connect'), seen => seen.body.includes('link-ended'))
    expect(body).toContain('/connect/start')
    expect((await other.get(at('youku', '/connect'))).body).toContain('No event has arrived yet')
  })
})
