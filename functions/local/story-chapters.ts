import { createVerifier } from '../../sdk/index.ts'
import { clientSecret, password } from './demo.ts'
import { FormBrowser, type Page } from './form-browser.ts'
import { clockOf, expectEqual, machineClient, moveClock, NotAsExpected, narrator, type Stage } from './story-client.ts'
import { checkSettlement } from './story-settlement.ts'
import { everyKindOfLine, instant, type StoryToken, storyContracts, storyProgramme } from './story-terms.ts'
import { rotateKeys, suspendAndResume } from './story-trust.ts'

type Json = Record<string, unknown>
const hours = 3_600_000

/** One membership from its sale to its settlement, as the outside sees it; throws at the first surprise. */
export async function tellStory(gateway: string, write: (text: string) => void): Promise<void> {
  const run = Date.now().toString(36)
  const client = (id: string) => machineClient(gateway, id, clientSecret(id))
  const stage: Stage = {
    gateway,
    programme: `story-${run}`,
    login: `story-${run}`,
    brand: client('alibaba'),
    youku: client('youku'),
    eleme: client('eleme'),
    narrate: narrator(write),
  }
  const { step } = stage.narrate
  await step('the clock stands early enough in a month', () => earlyInMonth(gateway))
  await step('a brand applies a programme and contracts', () => applyTerms(stage))
  const browser = new FormBrowser({ acceptLanguage: 'en' })
  const issuer = await step('the member signs in at the identity provider', () => signIn(stage, browser))
  const membership = await step('a membership is sold, at the right price only', () => sellMembership(stage, issuer))
  const beforeLink = new Date(await clockOf(gateway))
  await step('the member links two partners', () => linkBoth(stage, browser))
  const linkedAt = new Date(await clockOf(gateway))
  const tokens = await step('partners fetch tokens and verify them offline', () => mintBoth(stage))
  await step('a suspension takes a token back through the status list, and gives it back', () =>
    suspendAndResume(stage, membership),
  )
  await step('signing keys rotate, and no token is lost', () => rotateKeys(stage))
  await moveClock(gateway, new Date(linkedAt.getTime() + 48 * hours))
  const live = new Date(linkedAt.getTime() + 2 * hours)
  await step('a partner reports a file with every kind of bad line', () =>
    reportBad(stage, tokens.eleme, { live, beforeLink }),
  )
  await step('another partner reports its uses', () => reportGood(stage, tokens.youku, live))
  await checkSettlement(stage, write)
}

/** The story needs three days before the month is over; otherwise it begins in the next month. */
async function earlyInMonth(gateway: string): Promise<void> {
  const shanghai = new Date(Date.parse(await clockOf(gateway)) + 8 * hours)
  if (shanghai.getUTCDate() <= 24) return
  const next = Date.UTC(shanghai.getUTCFullYear(), shanghai.getUTCMonth() + 1, 2) + 2 * hours
  await moveClock(gateway, new Date(next))
}

async function applyTerms({ brand, programme }: Stage): Promise<void> {
  const document = storyProgramme(programme)
  const broken = { ...document, benefits: [...document.benefits, { ...document.benefits[0], partner: 'nobody' }] }
  const refused = (await brand.put(`/v1/programmes/${programme}`, broken, 422)).body as {
    errors: { pointer: string }[]
  }
  expectEqual(
    'faults of a broken programme',
    refused.errors.map(({ pointer }) => pointer),
    ['/benefits/3/id', '/benefits/3/partner'],
  )
  const applied = (await brand.put(`/v1/programmes/${programme}`, document)).body as Json
  expectEqual('version of the programme', applied['version'], 1)
  for (const contract of storyContracts(programme)) await brand.put(`/v1/contracts/${contract.id}`, contract)
  const [first] = storyContracts(programme)
  await brand.put(`/v1/contracts/${programme}-rival`, { ...first, id: `${programme}-rival` }, 409)
}

/** Follows the portal to the identity provider and back. @returns the identity provider's issuer */
async function signIn({ gateway, login }: Stage, browser: FormBrowser): Promise<string> {
  const form = await browser.get(`${gateway}/sign-in`)
  const home = await submitLogin(browser, form, login)
  if (home.url.origin !== gateway || home.status !== 200)
    throw new NotAsExpected(`signing in ended at ${home.url.origin} with ${home.status}`)
  return form.url.origin
}

async function submitLogin(browser: FormBrowser, page: Page, login: string): Promise<Page> {
  const form = page.forms.find(({ controls }) => controls.has('login'))
  if (!form) throw new NotAsExpected(`no login form at ${page.url.origin}${page.url.pathname} (${page.status})`)
  return browser.submit(page, form, { login, password })
}

async function sellMembership({ brand, programme, login }: Stage, issuer: string): Promise<string> {
  const sale = {
    programme,
    plan: 'monthly',
    member: { issuer, subject: login, attributes: { naughtyScore: 1200 } },
    paid: { amountMinor: 1500, currency: 'CNY' },
    externalId: `order-${login}`,
  }
  const wrong = await brand.post('/v1/memberships', { ...sale, paid: { amountMinor: 2500, currency: 'CNY' } }, 409)
  expectEqual('code of a wrong price', (wrong.body as Json)['code'], 'price-mismatch')
  const sold = (await brand.post('/v1/memberships', sale, 201)).body as Json
  const again = (await brand.post('/v1/memberships', sale, 201)).body as Json
  expectEqual('membership sold twice', again['id'], sold['id'])
  expectEqual('state of the membership', sold['state'], 'active')
  return String(sold['id'])
}

async function linkBoth({ gateway, programme, login }: Stage, browser: FormBrowser): Promise<void> {
  for (const partner of ['youku', 'eleme']) {
    const consent = await browser.get(`${gateway}/link/${partner}?programme=${programme}`)
    const form = consent.forms.find(({ buttons }) => buttons.some(({ text }) => text === 'Agree and link'))
    if (!form) throw new NotAsExpected(`the consent page for ${partner} has no "Agree and link" (${consent.status})`)
    const login1 = await browser.submit(consent, form, {}, 'Agree and link')
    const done = await submitLogin(browser, login1, `${login}-${partner}`)
    if (done.url.origin !== gateway || done.status !== 200)
      throw new NotAsExpected(`linking ${partner} ended at ${done.url.href} with ${done.status}`)
  }
}

async function mintBoth(stage: Stage): Promise<{ youku: StoryToken; eleme: StoryToken }> {
  return {
    youku: await mintAndVerify(stage, 'youku', ['youku-vip']),
    eleme: await mintAndVerify(stage, 'eleme', ['eleme-5off', 'eleme-tea']),
  }
}

async function mintAndVerify(stage: Stage, partner: 'youku' | 'eleme', benefits: string[]): Promise<StoryToken> {
  const now = Math.floor(Date.parse(await clockOf(stage.gateway)) / 1000)
  const { body } = await stage[partner].post('/v1/entitlement-tokens', { account: `${stage.login}-${partner}` })
  const verifier = createVerifier({ issuer: stage.gateway, audience: partner, now: () => now })
  const verified = await verifier.verify(String((body as Json)['token']))
  expectEqual(
    `benefits in ${partner}'s token`,
    verified.entitlements.map(({ benefit }) => benefit).toSorted(),
    benefits,
  )
  expectEqual('remaining coupons', verified.entitlement('eleme-5off')?.remaining, partner === 'eleme' ? 4 : undefined)
  return {
    sub: verified.subject,
    entitlements: new Map(verified.entitlements.map(({ benefit, id }) => [benefit, id])),
  }
}

type Moments = { live: Date; beforeLink: Date }
async function reportBad({ gateway, eleme }: Stage, token: StoryToken, { live, beforeLink }: Moments): Promise<void> {
  const now = new Date(await clockOf(gateway))
  const file = everyKindOfLine(token, {
    live,
    before: new Date(beforeLink.getTime() - 2 * hours),
    future: new Date(now.getTime() + 24 * hours),
    old: new Date(now.getTime() - 70 * 24 * hours),
  })
  const ndjson = { 'content-type': 'application/x-ndjson', 'tessera-control-count': String(file.dispositions.length) }
  await eleme.post('/v1/usage-batches', file.body, 422, { ...ndjson, 'tessera-control-count': '3' })
  const receipt = (await eleme.post('/v1/usage-batches', file.body, 202, ndjson)).body as Json
  const again = (await eleme.post('/v1/usage-batches', file.body, 202, ndjson)).body as Json
  expectEqual('receipt of the same bytes', again, receipt)
  expectEqual(
    'malformed lines',
    (receipt['malformed'] as { line: number }[]).map(({ line }) => line),
    [6, 7],
  )
  const lines = (await eleme.get(`/v1/usage-batches/${receipt['id']}/dispositions?limit=100`)).body as { items: Json[] }
  expectEqual(
    'disposition of each line',
    lines.items.map(item => item['disposition']),
    file.dispositions,
  )
  const view = (await eleme.get(`/v1/usage-batches/${receipt['id']}`)).body as Json
  const counted: Record<string, number> = {}
  for (const name of file.dispositions) counted[name] = (counted[name] ?? 0) + 1
  expectEqual('counts of the batch', view['dispositions'], counted)
}

async function reportGood({ youku }: Stage, token: StoryToken, live: Date): Promise<void> {
  const events = Array.from({ length: 25 }, (_, index) => ({
    id: `${token.sub.slice(-10)}-view-${index}`,
    entitlementId: token.entitlements.get('youku-vip'),
    benefit: 'youku-vip',
    subject: token.sub,
    occurredAt: instant(new Date(live.getTime() + index * 60_000)),
  }))
  const receipt = (await youku.post('/v1/usage-batches', { events }, 202)).body as Json
  const view = (await youku.get(`/v1/usage-batches/${receipt['id']}`)).body as Json
  expectEqual('counts of the batch', view['dispositions'], { matched: 25 })
}
