import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { demoAccounts } from '../../functions/local/accounts.ts'
import { FormBrowser, type Page } from '../../functions/local/form-browser.ts'
import type { Form } from '../../functions/local/html-forms.ts'
import { startPartnerPlatform } from '../../functions/local/partner-platform.ts'
import { changeMembership } from '../../functions/memberships/change.ts'
import { partnerWorld } from './partner-world.ts'

let world: Awaited<ReturnType<typeof partnerWorld>>
beforeAll(async () => {
  world = await partnerWorld()
})
afterAll(() => world.stop())
afterEach(() => world.between.reset())

const caller = { brand: 'alibaba' }

function only(page: Page): Form {
  const [form, ...more] = page.forms
  if (!form || more.length > 0) throw new Error(`expected one form: ${page.status} ${page.body}`)
  return form
}

async function signIn(platform: { url: string }, account: string, acceptLanguage = 'en'): Promise<FormBrowser> {
  const browser = new FormBrowser({ acceptLanguage })
  const landing = await browser.get(platform.url)
  const link = landing.links.find(({ href }) => href.pathname === '/oidc/sign-in')
  if (!link) throw new Error('no sign-in')
  const form = await browser.get(link.href)
  const home = await browser.submit(form, only(form), { login: account, password: 'demo' })
  expect(home.url.href).toBe(`${platform.url}/`)
  return browser
}

/** A member of 88vip with a linked account at a partner, signed in there. */
async function linked(name: string, partner: 'youku' | 'eleme' = 'youku') {
  const membership = await world.sell(name)
  const link = await world.link(membership, partner, `${partner}-${name}`)
  const browser = await signIn(world[partner], `${partner}-${name}`)
  return { membership, link, browser, home: await browser.get(world[partner].url) }
}

const reported = () => world.seen.batches.length

test('signed out: a locked offer in the language asked for, and the way to sign in', async () => {
  const english = await new FormBrowser({ acceptLanguage: 'fr, en;q=0.5' }).get(world.youku.url)
  expect(english.status).toBe(200)
  expect(english.body).toContain('<html lang="en">')
  expect(english.body).toContain('Locked')
  expect(english.forms).toEqual([])
  const chinese = await new FormBrowser({ acceptLanguage: 'zh-Hans-CN,en;q=0.8' }).get(world.eleme.url)
  expect(chinese.body).toContain('<html lang="zh-CN">')
  expect(chinese.body).toContain('饿了么')
  expect(chinese.body).not.toContain('is-unlocked')
  const policy = english.headers.get('content-security-policy')
  expect(policy).toContain("default-src 'none'")
  expect(policy).toContain("style-src 'self'")
  expect(policy).not.toContain('unsafe')
  expect(english.body).not.toMatch(/<script|<style|\sstyle=/)
  const style = await new FormBrowser().get(`${world.youku.url}/platform.css`)
  expect(style.headers.get('content-type')).toContain('text/css')
})

test('signed in without a link: tells where to link', async () => {
  const browser = await signIn(world.youku, 'nobody')
  const page = await browser.get(world.youku.url)
  expect(page.body).not.toContain('is-unlocked')
  expect(page.links.map(({ href }) => href.href)).toContain(`${world.issuer}/link/youku`)
})

test('linked: unlocked by a verified token, used, receipted and listed', async () => {
  const { link, browser, home } = await linked('lin')
  expect(home.body).toContain('VIP unlocked')
  for (const claim of [link.subject, link.id, world.issuer, 'streams: 2']) expect(home.body).toContain(claim)
  // The token is a credential: its claims are shown, itself it is not.
  expect(home.body).not.toContain('eyJ')
  expect((await browser.get(`${world.youku.url}/usage`)).body).toContain('Nothing has been reported yet')

  const before = reported()
  const used = await browser.submit(home, only(home))
  const batch = used.url.searchParams.get('used') ?? ''
  expect(used.url.pathname).toBe('/')
  expect(used.body).toContain('The film is playing')
  expect(used.body).toContain(batch)
  const [line = ''] = world.seen.batches.slice(before)
  expect(JSON.parse(line)).toMatchObject({ benefit: 'youku-vip', subject: link.subject, quantity: 1 })
  expect(JSON.parse(line)).not.toHaveProperty('amount')

  // Pressing the same button twice is one use; a fresh page brings a new one.
  const again = await browser.submit(home, only(home))
  expect(again.url.searchParams.get('used')).toBe(batch)
  expect(reported()).toBe(before + 1)

  const list = await browser.get(`${world.youku.url}/usage`)
  expect(list.body.match(/matched: 1/g)).toHaveLength(1)
  expect(list.body).toContain(batch)
  expect(list.body).not.toContain(link.subject)

  // A confirmation belongs to the account that used the benefit.
  const other = await signIn(world.youku, 'curious')
  expect((await other.get(`${world.youku.url}/?used=${batch}`)).body).not.toContain('The film is playing')
})

test('an allowance: the coupons left go down, a use carries its price, and none left has no button', async () => {
  const { browser } = await linked('hungry', 'eleme')
  for (const left of [4, 3, 2, 1]) {
    const page = await browser.get(world.eleme.url)
    expect(page.body).toContain(`${left} left`)
    expect((await browser.submit(page, only(page))).body).toContain('Ordered, with one coupon')
    await world.noteUses('eleme')
  }
  expect(JSON.parse(world.seen.batches.at(-1) ?? '')).toMatchObject({ amount: { amountMinor: 4200, currency: 'CNY' } })
  const spent = await browser.get(world.eleme.url)
  expect(spent.body).toContain('0 left')
  expect(spent.forms).toEqual([])
  const list = await browser.get(`${world.eleme.url}/usage`)
  expect(list.body.match(/matched: 1/g)).toHaveLength(4)
})

test('a suspended membership: locked with the reason, and a page from before unlocks nothing', async () => {
  const { membership, browser, home } = await linked('paused')
  await changeMembership(world.services, caller, { id: membership.id, verb: 'suspend', action: {} })
  const page = await browser.get(world.youku.url)
  expect(page.body).not.toContain('is-unlocked')
  expect(page.body).toContain('nothing-entitled')
  const before = reported()
  const late = await browser.submit(home, only(home))
  expect(late.status).toBe(409)
  expect(late.body).toContain('not-unlocked')
  expect(reported()).toBe(before)
  await changeMembership(world.services, caller, { id: membership.id, verb: 'resume', action: {} })
  expect((await browser.get(world.youku.url)).body).toContain('VIP unlocked')
})

test('a token that does not verify unlocks nothing, and the page names why', async () => {
  const { browser, home } = await linked('victim')
  const forgeries: [string, (token: string) => string][] = [
    ['signature-invalid', resealed({})],
    ['signature-invalid', resealed({ exp: 4_102_444_800 })],
    ['alg-refused', token => [segment({ alg: 'none', typ: 'x' }), ...token.split('.').slice(1)].join('.')],
    ['segment-count', () => 'nonsense'],
  ]
  for (const [code, forge] of forgeries) {
    world.between.answer = onTokens(forge)
    const page = await browser.get(world.youku.url)
    expect([code, page.status]).toEqual([code, 200])
    expect(page.body).toContain('The entitlement token was refused')
    expect(page.body).toContain(code)
    expect(page.body).not.toContain('is-unlocked')
    expect(page.forms).toEqual([])
    const before = reported()
    expect((await browser.submit(home, only(home))).status).toBe(409)
    expect(reported()).toBe(before)
  }
})

test("another partner's genuine token is refused", async () => {
  const { membership, browser } = await linked('both')
  await world.link(membership, 'eleme', 'eleme-both')
  let stolen = ''
  world.between.answer = onTokens(token => (stolen = token))
  await (await signIn(world.eleme, 'eleme-both')).get(world.eleme.url)
  expect(stolen).toMatch(/^eyJ/)
  world.between.answer = onTokens(() => stolen)
  const page = await browser.get(world.youku.url)
  expect(page.body).toContain('audience-mismatch')
  expect(page.body).not.toContain('is-unlocked')
})

test('an account linked under two programmes sees the benefits of both', async () => {
  const { home: single } = await linked('double')
  expect(single.forms).toHaveLength(1)
  await world.link(await world.sell('double-sport', 'sport-pass'), 'youku', 'youku-double')
  const browser = await signIn(world.youku, 'youku-double', 'zh-CN')
  const page = await browser.get(world.youku.url)
  expect(page.forms.map(form => form.controls.get('benefit')).sort()).toEqual(['youku-sport', 'youku-vip'])
  const sport = page.forms.find(form => form.controls.get('benefit') === 'youku-sport')
  if (!sport) throw new Error('no sport')
  expect((await browser.submit(page, sport)).body).toContain('影片已开始播放')
  expect(JSON.parse(world.seen.batches.at(-1) ?? '')).toMatchObject({ benefit: 'youku-sport' })
})

test('forms from other origins, without a session or not complete report nothing', async () => {
  const { browser, home } = await linked('careful')
  const before = reported()
  const form = only(home)
  const evil = { ...home, url: new URL('http://localhost:1/evil') }
  expect((await browser.submit(evil, form)).status).toBe(403)
  const anonymous = await new FormBrowser().submit(home, form)
  expect(anonymous.url.pathname).toBe('/oidc/sign-in')
  const bad = await browser.submit(home, form, { use: '../../etc' })
  expect([bad.status, bad.body.includes('invalid-form')]).toEqual([400, true])
  const other = await browser.submit(home, form, { use: randomUUID(), benefit: 'eleme-5off' })
  expect(other.status).toBe(409)
  const huge = await browser.submit(home, form, { benefit: 'x'.repeat(20_000) })
  expect(huge.status).toBe(413)
  expect(reported()).toBe(before)
})

test('a gateway that is away locks everything with a page that tells what to do', async () => {
  const { browser } = await linked('patient')
  world.between.answer = async () => new Response('<h1>gone</h1>', { status: 503 })
  const refused = await browser.get(world.youku.url)
  expect([refused.status, refused.body.includes('unreadable-answer')]).toEqual([502, true])
  expect(refused.body).not.toContain('is-unlocked')
  world.between.answer = async () => Response.json({ code: 'internal-error' }, { status: 500 })
  expect((await browser.get(world.youku.url)).body).toContain('internal-error')
  world.between.answer = async () => Response.redirect(`${world.youku.url}/elsewhere`)
  const unreachable = await browser.get(world.youku.url)
  expect([unreachable.status, unreachable.body.includes('gateway-unreachable')]).toEqual([503, true])
  world.between.reset()
  expect((await browser.get(world.youku.url)).body).toContain('VIP unlocked')
})

test('a report whose answer was lost is sent again as the same bytes and counts once', async () => {
  const { browser, home } = await linked('unlucky')
  world.between.answer = async (request, next) => {
    const answer = await next()
    return request.url.endsWith('/v1/usage-batches') ? new Response(null, { status: 502 }) : answer
  }
  const failed = await browser.submit(home, only(home))
  expect(failed.status).toBe(502)
  world.between.reset()
  const done = await browser.submit(failed, only(failed))
  expect(done.body).toContain('The film is playing')
  const [first, again] = world.seen.batches.slice(-2)
  expect(again).toBe(first)
  const list = await browser.get(`${world.youku.url}/usage`)
  expect(list.body.split(done.url.searchParams.get('used') ?? '-')).toHaveLength(2)
})

test('a receipt that the gateway did not sign for these bytes is no confirmation', async () => {
  const { browser, home } = await linked('sceptic')
  let earlier = ''
  world.between.answer = onReceipts(answer => {
    earlier = String(answer['receipt'])
    return answer
  })
  await browser.submit(home, only(home))
  const cases: [string, (answer: Record<string, unknown>) => Record<string, unknown>][] = [
    ['receipt-of-other-bytes', answer => ({ ...answer, receipt: earlier })],
    ['receipt-of-other-batch', answer => ({ ...answer, sequence: Number(answer['sequence']) + 1 })],
    ['signature-invalid', answer => ({ ...answer, receipt: resealed({ lines: 9 })(String(answer['receipt'])) })],
    ['line-malformed', answer => ({ ...answer, malformed: [{ line: 1, errors: [] }] })],
  ]
  for (const [code, forge] of cases) {
    world.between.answer = onReceipts(forge)
    const page = await browser.get(world.youku.url)
    const answer = await browser.submit(page, only(page))
    expect([answer.status, answer.body.includes(code), code]).toEqual([502, true, code])
    expect(answer.body).not.toContain('The film is playing')
  }
})

test('one access token serves many pages, and a new one comes when the gateway no longer takes it', async () => {
  const { browser } = await linked('frequent')
  const asked = () => world.seen.calls.filter(call => call === 'POST /oauth/token').length
  const before = asked()
  for (let visits = 0; visits < 3; visits++) await browser.get(world.youku.url)
  expect(asked()).toBe(before)
  let refusals = 1
  world.between.answer = async (request, next) =>
    request.url.includes('/v1/') && refusals-- > 0
      ? Response.json({ code: 'unauthenticated' }, { status: 401 })
      : next()
  expect((await browser.get(world.youku.url)).body).toContain('VIP unlocked')
  expect(asked()).toBe(before + 1)
})

test('unknown pages and methods are pages too, and the OpenID provider answers on the same port', async () => {
  const missing = await new FormBrowser().get(`${world.youku.url}/nothing/<b>`)
  expect([missing.status, missing.body.includes('not-found')]).toEqual([404, true])
  const metadata = await fetch(`${world.youku.url}/.well-known/openid-configuration`)
  expect(await metadata.json()).toMatchObject({ issuer: world.youku.url })
})

test('a port that is taken is named', async () => {
  const port = Number(new URL(world.youku.url).port)
  const options = { id: 'xiami', display: { id: 'xiami', name: { 'zh-CN': '虾米', en: 'Xiami' }, colour: '#c2410c' } }
  const { now, log } = world.services
  const access = { gateway: world.issuer, client: { id: 'xiami', secret: 'x' }, accounts: demoAccounts(), now, log }
  await expect(startPartnerPlatform({ ...options, ...access, port })).rejects.toThrow(`port ${port} is taken`)
})

test('the log names no account, subject or token', () => {
  const lines = world.seen.lines.join('\n')
  expect(lines).toContain('use-reported')
  expect(lines).toContain('benefit-locked')
  expect(lines).not.toMatch(/youku-(lin|victim|paused)|eleme-hungry|sub_|eyJ/)
})

const segment = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** The same header and signature around other claims; with no change, the claims stay and the signature is another. */
const resealed =
  (change: Record<string, unknown>) =>
  (token: string): string => {
    const [header = '', payload = '', signature = ''] = token.split('.')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>
    if (Object.keys(change).length > 0) return [header, segment({ ...claims, ...change }), signature].join('.')
    const bytes = Buffer.from(signature, 'base64url')
    bytes.writeUInt8((bytes.readUInt8(5) + 1) % 256, 5)
    return [header, payload, bytes.toString('base64url')].join('.')
  }

type Between = typeof world.between.answer

const onTokens =
  (forge: (token: string) => string): Between =>
  async (request, next) => {
    const answer = await next()
    if (!request.url.endsWith('/v1/entitlement-tokens') || !answer.ok) return answer
    const body = (await answer.json()) as { token: string }
    return Response.json({ ...body, token: forge(body.token) })
  }

const onReceipts =
  (forge: (answer: Record<string, unknown>) => Record<string, unknown>): Between =>
  async (request, next) => {
    const answer = await next()
    if (!request.url.endsWith('/v1/usage-batches') || !answer.ok) return answer
    return Response.json(forge((await answer.json()) as Record<string, unknown>), { status: 202 })
  }
