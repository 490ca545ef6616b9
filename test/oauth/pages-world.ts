import { createHash, randomBytes } from 'node:crypto'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { connect, type Services } from '../../functions/connect.ts'
import { wholeGateway } from '../../functions/gateway-whole.ts'
import { sha256 } from '../../functions/kernel/canonical.ts'
import { instantOf } from '../../functions/kernel/clock.ts'
import { jsonLog } from '../../functions/kernel/log.ts'
import { activityOf } from '../../functions/links/activity.ts'
import { completeLink } from '../../functions/links/complete-link.ts'
import { unlink } from '../../functions/links/unlink.ts'
import { demoAccounts } from '../../functions/local/accounts.ts'
import { FormBrowser, type FormBrowserOptions, type Page } from '../../functions/local/form-browser.ts'
import { openidProvider } from '../../functions/local/openid.ts'
import { findMember } from '../../functions/memberships/find-member.ts'
import { sell } from '../../functions/memberships/sell.ts'
import { saveClient } from '../../functions/oauth/register-client.ts'
import { registerPartner } from '../../functions/partners/register-partner.ts'
import { applyProgramme } from '../../functions/programmes/apply-programme.ts'
import { developmentVault } from '../../functions/tokens/vault.ts'
import type { Config } from '../../schemas/config.ts'
import type { MemberId } from '../../schemas/ids.ts'
import { MembershipRequest } from '../../schemas/membership.ts'
import { PartnerDocument } from '../../schemas/partner.ts'
import { ProgrammeDocument } from '../../schemas/programme.ts'
import { freshTable } from '../support/table.ts'

const partnerIds = ['youku', 'xiami'] as const
type PartnerId = (typeof partnerIds)[number]
type Ask = { partner?: PartnerId; account?: string; programme?: string }
type Answer = Partial<Record<'error' | 'link_id' | 'programme' | 'request_uri' | 'user_code' | 'device_code', string>>

const caller = { brand: 'alibaba' }
export const returnsTo = 'https://app.youku.example/linked'
const returnAddresses = { youku: returnsTo, xiami: 'com.xiami.tv:/linked' }

async function listen() {
  let answer: RequestListener = (_request, response) => response.writeHead(503).end()
  const server = createServer((request, response) => answer(request, response))
  await new Promise<void>(done => server.listen(0, 'localhost', done))
  const address = `http://localhost:${(server.address() as AddressInfo).port}`
  const set = (listener: RequestListener): void => {
    answer = listener
  }
  return { address, server, set }
}

/** The whole gateway and an identity provider over real HTTP. */
export async function pagesWorld() {
  const portal = await listen()
  const identity = await listen()
  const lines: string[] = []
  let wallOffset = 0
  const { table, tableName } = await freshTable()
  const config: Config = {
    TABLE_NAME: tableName,
    ISSUER: portal.address,
    IDENTITY_ISSUER: identity.address,
    IDENTITY_CLIENT_ID: 'tessera',
    IDENTITY_CLIENT_SECRET: 'tessera-secret',
    ALLOW_LOOPBACK: true,
    AWS_REGION: 'us-east-1',
  }
  const services: Services = connect(config, {
    table,
    vault: developmentVault(randomBytes(32)),
    log: jsonLog(line => lines.push(line)),
    wallNow: () => instantOf(Date.now() + wallOffset),
  })
  const provider = openidProvider({
    issuer: identity.address,
    accounts: demoAccounts(new Map([['lin', { name: '林小姐' }]])),
    clients: [
      {
        client_id: 'tessera',
        client_secret: 'tessera-secret',
        redirect_uris: [`${portal.address}/sign-in/callback`],
      },
    ],
    display: { id: 'identity', name: { 'zh-CN': '登录', en: 'Identity' }, colour: '#335577' },
  })
  identity.set((request, response) => void provider.listener(request, response))
  portal.set(getRequestListener(wholeGateway(services).fetch) as RequestListener)
  for (const document of partners) await registerPartner(services, { caller, document })
  for (const id of partnerIds)
    await saveClient(services, {
      id,
      brand: id,
      partner: id,
      scopes: [],
      authentication: 'client_secret_basic',
      secretHash: sha256(`${id}-secret`),
    })
  for (const document of programmes) await applyProgramme(services, { caller, document })

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
  const memberOf = async (login: string): Promise<MemberId> => {
    const member = await findMember(services, { issuer: identity.address, subject: login })
    if (!member) throw new Error(`${login} is no member`)
    return member.id
  }
  /** What a partner's own server sends. */
  const post = async (partner: PartnerId, path: string, form: Record<string, string>): Promise<Answer> => {
    const answer = await fetch(portal.address + path, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${partner}:${partner}-secret`).toString('base64')}` },
      body: new URLSearchParams(form),
    })
    return (await answer.json()) as Answer
  }
  const verifier = randomBytes(32).toString('base64url')
  const deviceCodes = new Map<string, string>()
  return {
    services,
    lines,
    issuer: portal.address,
    identityIssuer: identity.address,
    sellTo,
    memberOf,
    async signIn(login: string, path = '/', options: FormBrowserOptions = {}): Promise<Visitor> {
      const browser = new FormBrowser({
        stopAt: url => url.hostname.endsWith('.example') || !url.protocol.startsWith('http'),
        ...options,
      })
      const form = await browser.get(`${portal.address}${path === '/' ? '/sign-in' : path}`)
      return { browser, page: await browser.submit(form, only(form), { login, password: 'demo' }) }
    },
    /** A flow that a partner begins in a browser. @returns the path where the browser goes */
    async ask({ partner = 'youku', ...named }: Ask = {}): Promise<string> {
      const { request_uri: uri = '' } = await post(partner, '/oauth/par', {
        response_type: 'code',
        client_id: partner,
        redirect_uri: returnAddresses[partner],
        scope: 'link',
        state: 'of-the-partner',
        code_challenge: createHash('sha256').update(verifier).digest('base64url'),
        code_challenge_method: 'S256',
        ...named,
      })
      return `/oauth/authorize?${new URLSearchParams({ client_id: partner, request_uri: uri })}`
    },
    /** The partner's token call for what came back to its address. */
    redeem: (back: URL): Promise<Answer> =>
      post('youku', '/oauth/token', {
        grant_type: 'authorization_code',
        code: back.searchParams.get('code') ?? '',
        redirect_uri: returnAddresses.youku,
        code_verifier: verifier,
      }),
    /** A flow that a partner begins on a TV. @returns the code that it shows */
    async askOnDevice({ partner = 'youku', ...named }: Ask = {}): Promise<string> {
      const answer = await post(partner, '/oauth/device-authorization', { client_id: partner, scope: 'link', ...named })
      deviceCodes.set(answer.user_code ?? '', answer.device_code ?? '')
      return answer.user_code ?? ''
    },
    /** The TV's one question whether the member has answered. */
    poll: (userCode: string): Promise<Answer> =>
      post('youku', '/oauth/token', {
        grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
        device_code: deviceCodes.get(userCode) ?? '',
      }),
    link: async (login: string, account: string) =>
      completeLink(services, { member: await memberOf(login), programme: '88vip', partner: 'youku', account }),
    unlink: async (login: string) =>
      unlink(services, { member: await memberOf(login), programme: '88vip', partner: 'youku', reason: 'member' }),
    activity: async (login: string) => (await activityOf(services, await memberOf(login))).items,
    moveWallClock: (seconds: number) => {
      wallOffset += seconds * 1000
    },
    async stop() {
      for (const { server } of [portal, identity]) {
        server.closeAllConnections()
        await new Promise(done => server.close(done))
      }
    },
  }
}
export type PagesWorld = Awaited<ReturnType<typeof pagesWorld>>
export type Visitor = { browser: FormBrowser; page: Page }

/** The code that an error page shows. */
export const codeOf = (page: Page) => /<code>([a-z_-]+)<\/code>/.exec(page.body)?.[1]

/** The one form of a page, apart from those that sign out. */
export function only(page: Page) {
  const [form, ...more] = page.forms.filter(({ action }) => action.pathname !== '/sign-out')
  if (!form || more.length > 0) throw new Error(`expected one form: ${page.status} ${page.url.href} ${page.body}`)
  return form
}

const partners = partnerIds.map(id =>
  PartnerDocument.parse({
    id,
    name: { en: id === 'youku' ? 'Youku' : 'Xiami', 'zh-CN': id === 'youku' ? '优酷' : '虾米' },
    category: 'video',
    issuer: `https://${id}.example`,
    clientId: 'tessera',
    redirectUris: [returnAddresses[id]],
  }),
)
const benefit = (id: string, partner: string) => ({
  id,
  partner,
  kind: 'access',
  category: 'video',
  linkRequired: true,
  name: { en: `Benefit ${id}`, 'zh-CN': `权益 ${id}` },
})
const plans = [{ id: 'annual', term: 'P1Y', price: { amountMinor: 8800, currency: 'CNY' } }]
const frame = { brand: 'alibaba', currency: 'CNY', timeZone: 'Asia/Shanghai', plans }
const programmes = [
  ProgrammeDocument.parse({
    ...frame,
    id: '88vip',
    name: { en: '88VIP', 'zh-CN': '88VIP' },
    benefits: [benefit('youku-vip', 'youku')],
  }),
  ProgrammeDocument.parse({
    ...frame,
    id: 'gold',
    name: { en: 'Gold', 'zh-CN': '金卡' },
    benefits: [benefit('youku-kids', 'youku'), benefit('xiami-hifi', 'xiami')],
  }),
]
