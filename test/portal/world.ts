import { randomBytes } from 'node:crypto'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ScanCommand } from '@aws-sdk/client-dynamodb'
import { getRequestListener } from '@hono/node-server'
import { connect, type Services } from '../../functions/connect.ts'
import { instantOf } from '../../functions/kernel/clock.ts'
import { jsonLog } from '../../functions/kernel/log.ts'
import { dynamoDbClient } from '../../functions/kernel/table.ts'
import { router } from '../../functions/kernel/validate.ts'
import { activityOf } from '../../functions/links/activity.ts'
import { demoAccounts } from '../../functions/local/accounts.ts'
import { FormBrowser, type FormBrowserOptions, type Page } from '../../functions/local/form-browser.ts'
import { type OpenidClient, openidProvider } from '../../functions/local/openid.ts'
import { findMember } from '../../functions/memberships/find-member.ts'
import { overviewOf } from '../../functions/memberships/overview.ts'
import { sell } from '../../functions/memberships/sell.ts'
import { registerPartner } from '../../functions/partners/register-partner.ts'
import type { Needs } from '../../functions/portal/pages.tsx'
import { portalRoutes } from '../../functions/portal/routes.tsx'
import { applyProgramme } from '../../functions/programmes/apply-programme.ts'
import { jwksRoutes } from '../../functions/tokens/key-routes.ts'
import { developmentVault } from '../../functions/tokens/vault.ts'
import type { Config } from '../../schemas/config.ts'
import { MembershipRequest } from '../../schemas/membership.ts'
import { PartnerDocument } from '../../schemas/partner.ts'
import { ProgrammeDocument } from '../../schemas/programme.ts'
import { freshTable } from '../support/table.ts'

export const partnerIds = ['youku', 'xiami'] as const
type PartnerId = (typeof partnerIds)[number]
export const caller = { brand: 'alibaba' }

/** A server whose listener is known only after its port is. */
async function listen(): Promise<{ address: string; server: Server; answer: (listener: RequestListener) => void }> {
  let answer: RequestListener = (_request, response) => response.writeHead(503).end()
  const server = createServer((request, response) => answer(request, response))
  await new Promise<void>(done => server.listen(0, 'localhost', done))
  const address = `http://localhost:${(server.address() as AddressInfo).port}`
  return {
    address,
    server,
    answer: listener => {
      answer = listener
    },
  }
}

/** The portal, an identity provider and two partners over real HTTP, with programmes of both. */
export async function portalWorld({ outbound }: Pick<Needs, 'outbound'> = {}) {
  const portal = await listen()
  const identity = await listen()
  const partners = { youku: await listen(), xiami: await listen() }
  const lines: string[] = []
  /** What the providers were asked, by whomever. */
  const asked: { partner: string; path: string }[] = []
  let wallOffset = 0

  const { table, tableName, endpoint } = await freshTable()
  const config: Config = {
    TABLE_NAME: tableName,
    ISSUER: portal.address,
    IDENTITY_ISSUER: identity.address,
    IDENTITY_CLIENT_ID: 'tessera',
    IDENTITY_CLIENT_SECRET: 'tessera-secret',
    ALLOW_LOOPBACK: true,
    AWS_REGION: 'us-east-1',
  }
  const services: Services = {
    ...connect(config, { table, vault: developmentVault(randomBytes(32)), log: jsonLog(line => lines.push(line)) }),
    wallNow: () => instantOf(Date.now() + wallOffset),
  }
  const paying = new Map([['u-paid', { paidUntil: instantOf(Date.now() + 40 * 24 * 3600 * 1000) }]])
  const secret = { client_secret: 'tessera-secret' }
  const ownKey = {
    token_endpoint_auth_method: 'private_key_jwt' as const,
    jwks_uri: `${portal.address}/.well-known/jwks.json`,
  }
  const provide = (
    id: string,
    { address, answer }: typeof identity,
    redirectUri: string,
    credentials: Partial<OpenidClient> = secret,
  ) => {
    const provider = openidProvider({
      issuer: address,
      accounts: demoAccounts(id === 'identity' ? new Map([['lin', { name: '林' }]]) : paying),
      clients: [{ client_id: 'tessera', redirect_uris: [redirectUri], ...credentials }],
      display: { id, name: { 'zh-CN': id, en: id }, colour: '#335577' },
    })
    const listener: RequestListener = (request, response) => {
      asked.push({ partner: id, path: new URL(request.url ?? '/', address).pathname })
      void provider.listener(request, response)
    }
    answer(listener)
    return listener
  }
  provide('identity', identity, `${portal.address}/sign-in/callback`)
  const youkuListener = provide('youku', partners.youku, `${portal.address}/link/youku/callback`)
  const xiamiListener = provide('xiami', partners.xiami, `${portal.address}/link/xiami/callback`, ownKey)
  const app = router()
  app.route('/', portalRoutes({ ...services, ...(outbound && { outbound }) }))
  app.route('/', jwksRoutes(services))
  portal.answer(getRequestListener(app.fetch) as RequestListener)

  for (const id of partnerIds) await registerPartner(services, { caller, document: partner(id, partners[id].address) })
  await applyProgramme(services, { caller, document: programme })
  await applyProgramme(services, { caller, document: second })

  const signIn = async (login: string, options: FormBrowserOptions = {}, path = '/'): Promise<Visitor> => {
    const browser = new FormBrowser(options)
    const form = await browser.get(`${portal.address}/sign-in?return=${encodeURIComponent(path)}`)
    return { browser, page: await browser.submit(form, onlyForm(form), { login, password: 'demo' }) }
  }
  const sellTo = (subject: string, id: '88vip' | 'gold' = '88vip') =>
    sell(
      services,
      caller,
      MembershipRequest.parse({
        programme: id,
        plan: 'annual',
        member: { issuer: identity.address, subject },
        paid: { amountMinor: 8800, currency: 'CNY' },
        externalId: `order-${id}-${subject}`,
      }),
    )

  const register = (id: PartnerId, change: object = {}) =>
    registerPartner(services, {
      caller,
      document: PartnerDocument.parse({ ...partner(id, partners[id].address), ...change }),
    })
  const memberOf = (login: string) => findMember(services, { issuer: identity.address, subject: login })

  return {
    services,
    asked,
    /** The partner as it is, with a change: what was pinned of it is pinned anew. */
    register,
    partnerAddress: (id: PartnerId) => partners[id].address,
    /** The member's own log, newest first, without its times. */
    async activity(login: string) {
      const member = await memberOf(login)
      const { items } = member ? await activityOf(services, member.id) : { items: [] }
      return items.map(({ at: _at, ...entry }) => entry)
    },
    /** Everything that is stored, as text. */
    async stored(): Promise<string> {
      const credentials = { accessKeyId: 'local', secretAccessKey: 'local' }
      const client = dynamoDbClient({ region: 'us-east-1', endpoint, credentials })
      const found: unknown[] = []
      let start: Record<string, never> | undefined
      do {
        const page = await client.send(
          new ScanCommand({ TableName: tableName, ...(start && { ExclusiveStartKey: start }) }),
        )
        found.push(...(page.Items ?? []))
        start = page.LastEvaluatedKey as typeof start
      } while (start)
      client.destroy()
      return JSON.stringify(found)
    },
    config,
    lines,
    issuer: portal.address,
    identityIssuer: identity.address,
    at: (path: string) => `${portal.address}${path}`,
    sellTo,
    signIn,
    /** A member of 88VIP who has just signed in. */
    async memberAt(login: string, options: FormBrowserOptions = {}): Promise<Visitor> {
      await sellTo(login)
      return signIn(login, options)
    },
    /** What the records say, whatever a page does. */
    async linkedAccount(login: string, partnerId = 'youku'): Promise<string | undefined> {
      const member = await memberOf(login)
      const [newest] = member ? await overviewOf(services, member.id) : []
      const link = newest?.benefits.find(held => held.partner.id === partnerId)?.link
      return link?.state === 'active' ? link.account : undefined
    },
    moveWallClock: (seconds: number) => {
      wallOffset += seconds * 1000
    },
    /** Another client id at Youku: nothing known of it is held any longer. */
    registerYoukuAs: (clientId: string) => register('youku', { clientId }),
    /** What answers in Youku's place. */
    replaceYouku: (listener: RequestListener) => partners.youku.answer(listener),
    /** To look into what goes to a partner, or to spoil some of it. */
    around: (id: PartnerId, wrap: (listener: RequestListener) => RequestListener) =>
      partners[id].answer(wrap(id === 'youku' ? youkuListener : xiamiListener)),
    reset: () => {
      wallOffset = 0
      partners.youku.answer(youkuListener)
      partners.xiami.answer(xiamiListener)
    },
    async stop() {
      for (const { server } of [portal, identity, ...Object.values(partners)]) {
        server.closeAllConnections()
        await new Promise(done => server.close(done))
      }
    },
  }
}

export type World = Awaited<ReturnType<typeof portalWorld>>
export type Visitor = { browser: FormBrowser; page: Page }

/** The code that an error page shows. */
export const codeOf = (page: Page) => /<code>([a-z-]+)<\/code>/.exec(page.body)?.[1]

export function onlyForm(page: Page) {
  const forms = page.forms.filter(({ action }) => action.pathname !== '/sign-out')
  const [form, ...more] = forms
  if (!form || more.length > 0) throw new Error(`expected one form: ${page.status} ${page.url.href} ${page.body}`)
  return form
}

/** From the consent page to wherever the partner's sign-in leads. */
export async function linkThrough(
  world: World,
  { browser }: Visitor,
  account: string,
  { partner = 'youku', button = 'Agree and link' }: { partner?: PartnerId; button?: string } = {},
): Promise<Page> {
  const consent = await browser.get(`${world.issuer}/link/${partner}`)
  const asked = await browser.submit(consent, onlyForm(consent), {}, button)
  // A partner that knows the person already does not ask again.
  if (asked.url.origin === world.issuer || asked.url.pathname.endsWith('/callback')) return asked
  return browser.submit(asked, onlyForm(asked), { login: account, password: 'demo' })
}

const partner = (id: PartnerId, issuer: string) =>
  PartnerDocument.parse({
    id,
    name: { en: id === 'youku' ? 'Youku' : 'Xiami', 'zh-CN': id === 'youku' ? '优酷' : '虾米' },
    category: id === 'youku' ? 'video' : 'music',
    issuer,
    clientId: 'tessera',
    // Xiami takes the gateway's key: told by the partner's metadata, where no secret is registered.
    ...(id === 'youku' && { clientSecret: 'tessera-secret' }),
  })

const benefit = (id: string, at: PartnerId, more: object = {}) => ({
  id,
  partner: at,
  kind: 'access',
  category: 'video',
  linkRequired: true,
  name: { en: `Benefit ${id}`, 'zh-CN': `权益 ${id}` },
  ...more,
})
const plans = [{ id: 'annual', term: 'P1Y', price: { amountMinor: 8800, currency: 'CNY' } }]
const frame = { brand: 'alibaba', currency: 'CNY', timeZone: 'Asia/Shanghai', plans }

export const programme = ProgrammeDocument.parse({
  ...frame,
  id: '88vip',
  name: { en: '88VIP', 'zh-CN': '88VIP' },
  alreadyPaying: 'block',
  choiceGroups: [{ id: 'music', choose: 1, changeEvery: 'P1Y' }],
  benefits: [
    benefit('youku-vip', 'youku'),
    benefit('xiami-hifi', 'xiami', { choiceGroup: 'music' }),
    benefit('xiami-live', 'xiami', { choiceGroup: 'music' }),
    benefit('xiami-5off', 'xiami', { kind: 'allowance', quota: { per: 'P1M', limit: 4 } }),
  ],
})
const second = ProgrammeDocument.parse({
  ...frame,
  id: 'gold',
  name: { en: 'Gold', 'zh-CN': '金卡' },
  benefits: [benefit('youku-kids', 'youku')],
})
