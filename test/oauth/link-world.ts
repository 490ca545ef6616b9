import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import * as client from 'openid-client'
import { sha256 } from '../../functions/kernel/canonical.ts'
import { instantOf } from '../../functions/kernel/clock.ts'
import { newIdFrom, systemRandom } from '../../functions/kernel/ids.ts'
import type { Log } from '../../functions/kernel/log.ts'
import { answerProblem } from '../../functions/kernel/problem.ts'
import { router } from '../../functions/kernel/validate.ts'
import { activityOf } from '../../functions/links/activity.ts'
import { linkRoutes } from '../../functions/links/routes.ts'
import { findMember } from '../../functions/memberships/find-member.ts'
import { sell } from '../../functions/memberships/sell.ts'
import { bearer } from '../../functions/oauth/bearer-routes.ts'
import { type AuthorizationServer, authorizationServer } from '../../functions/oauth/provider.ts'
import { saveClient } from '../../functions/oauth/register-client.ts'
import { oauthRoutes } from '../../functions/oauth/routes.ts'
import { accessVerifier } from '../../functions/oauth/verify-access.ts'
import { registerPartner } from '../../functions/partners/register-partner.ts'
import { applyProgramme } from '../../functions/programmes/apply-programme.ts'
import { keyRing } from '../../functions/tokens/keys.ts'
import { developmentVault } from '../../functions/tokens/vault.ts'
import type { ClientRecord } from '../../schemas/client.ts'
import type { MemberId } from '../../schemas/ids.ts'
import { MembershipRequest } from '../../schemas/membership.ts'
import { benefit, caller, identityIssuer, partnerDocument, programmeDocument } from '../memberships/world.ts'
import { freshTable } from '../support/table.ts'

export const returnsTo = 'https://app.youku.example/linked'
export const appReturnsTo = 'com.youku.tv:/linked'
const redirectUris: Record<string, string[]> = {
  youku: [returnsTo, appReturnsTo],
  eleme: ['https://eleme.example/linked'],
  xiami: ['https://xiami.example/linked'],
}
const partners = Object.keys(redirectUris)
/** A partner whose client can begin links on devices only. */
const deviceOnly = 'fliggy'

export type LinkWorld = Awaited<ReturnType<typeof linkWorld>>

/** Three partners with clients and two members who hold memberships, behind the authorization server over real HTTP. */
export async function linkWorld() {
  let app: ReturnType<typeof router> | undefined
  const server = serve({ fetch: request => app?.fetch(request) ?? new Response(null, { status: 503 }), port: 0 })
  await new Promise<void>(ready => (server.listening ? ready() : server.once('listening', ready)))
  const issuer = `http://localhost:${(server.address() as AddressInfo).port}`
  const { table } = await freshTable()
  let offset = 0
  const lines: Parameters<Log>[] = []
  const log: Log = (...line) => lines.push(line)
  const now = () => instantOf(Date.now())
  const wallNow = () => instantOf(Date.now() + offset)
  const random = systemRandom
  const vault = developmentVault()
  const keys = keyRing({ table, vault, now, wallNow, random })
  const needs = { issuer, table, vault, keys, now, wallNow, random, newId: newIdFrom(now, random), log }
  const renderError = async (_request: Request, code: string) => new Response(`page: ${code}`, { status: 400 })
  const authorization = authorizationServer({ ...needs, renderError })

  for (const id of [...partners, deviceOnly])
    await registerPartner(needs, { caller, document: partnerDocument(id, { redirectUris: redirectUris[id] ?? [] }) })
  const benefits = [...partners, deviceOnly].map(id => benefit(`${id}-vip`, id))
  await applyProgramme(needs, { caller, document: programmeDocument({ benefits }) })
  for (const id of ['youku', 'eleme', deviceOnly]) await saveClient(needs, basicClient(id))
  await saveClient(needs, { ...basicClient('alibaba'), partner: undefined } as ClientRecord)
  const [lin, wang] = [await memberOf('lin'), await memberOf('wang')]

  async function memberOf(subject: string): Promise<MemberId> {
    const request = {
      programme: '88vip',
      plan: 'annual',
      member: { issuer: identityIssuer, subject },
      paid: { amountMinor: 8800, currency: 'CNY' },
      externalId: `order-${subject}`,
    }
    await sell(needs, caller, MembershipRequest.parse(request))
    const member = await findMember(needs, { issuer: identityIssuer, subject })
    if (!member) throw new Error('no member')
    return member.id
  }

  app = router()
  app.onError(answerProblem(log))
  app.use(bearer(accessVerifier({ issuer, keys, wallNow })))
  app.route('/', oauthRoutes({ authorization }))
  app.route('/', linkRoutes(needs))
  app.route('/', consentPage(authorization))

  const discover = (id: string, authentication: client.ClientAuth = client.ClientSecretBasic(`${id}-secret`)) =>
    client.discovery(new URL(issuer), id, undefined, authentication, {
      algorithm: 'oauth2',
      execute: [client.allowInsecureRequests],
    })

  /** Sends a form as a client with a secret. */
  async function post(path: string, id: string, form: Record<string, string> | string) {
    const response = await fetch(issuer + path, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`${id}:${id}-secret`).toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: typeof form === 'string' ? form : new URLSearchParams(form).toString(),
    })
    const text = await response.text()
    return { status: response.status, body: text === '' ? {} : JSON.parse(text), headers: response.headers }
  }

  /** What the partner sees of an account, asked with its own machine token. */
  async function linksOf(id: string, account: string): Promise<{ id: string; state: string }[]> {
    const { body } = await post('/oauth/token', id, { grant_type: 'client_credentials' })
    const headers = { authorization: `Bearer ${body.access_token}` }
    const answer = await fetch(`${issuer}/v1/links?account=${account}`, { headers })
    return ((await answer.json()) as { items: { id: string; state: string }[] }).items
  }

  return {
    ...needs,
    authorization,
    lin,
    wang,
    memberOf,
    lines,
    discover,
    post,
    linksOf,
    activityOf: async (member: MemberId) => (await activityOf(needs, member)).items,
    browser: () => browser(issuer),
    passWallTime: (seconds: number) => {
      offset += seconds * 1000
    },
    stop: () =>
      new Promise<void>(stopped => {
        server.close(() => stopped())
        if ('closeAllConnections' in server) server.closeAllConnections()
      }),
  }
}

export const basicClient = (id: string): ClientRecord => ({
  id,
  brand: id,
  partner: id,
  scopes: ['entitlements:read', 'usage:write'],
  authentication: 'client_secret_basic',
  secretHash: sha256(`${id}-secret`),
})

/** In place of the real pages: what is asked as JSON, and the member who agrees as a form field. */
function consentPage({ flows }: Pick<AuthorizationServer, 'flows'>) {
  const page = router()
  page.get('/oauth/interaction/:uid', async c => {
    const ask = await flows.asked(c.req.raw)
    return ask ? c.json(ask) : c.text('nothing is asked', 404)
  })
  page.post('/oauth/interaction/:uid', async c => {
    const member = c.req.query('member') as MemberId | undefined
    return member ? flows.agree(c.req.raw, { member, programme: '88vip' }) : flows.decline(c.req.raw)
  })
  return page
}

/** Keeps cookies by path and follows addresses of the issuer; addresses elsewhere are where it stops. */
function browser(issuer: string) {
  const jar = new Map<string, { value: string; path: string }>()

  async function send(url: string, method = 'GET'): Promise<Response> {
    const { pathname } = new URL(url)
    const sent = [...jar.values()].filter(({ path }) => pathname.startsWith(path)).map(({ value }) => value)
    const response = await fetch(url, { method, redirect: 'manual', headers: { cookie: sent.join('; ') } })
    for (const line of response.headers.getSetCookie()) {
      const [value = '', ...attributes] = line.split('; ')
      const path = attributes.find(text => text.startsWith('path='))?.slice(5) ?? '/'
      jar.set(`${path} ${value.split('=')[0]}`, { value, path })
    }
    return response
  }

  /** Goes on while addresses are the issuer's. @returns the last answer, or the address elsewhere */
  async function follow(url: string, method = 'GET'): Promise<{ url: string; answer: Response; elsewhere: boolean }> {
    const answer = await send(url, method)
    const location = answer.headers.get('location')
    if (location === null) return { url, answer, elsewhere: false }
    const next = new URL(location, url).href
    return next.startsWith(`${issuer}/`) ? follow(next) : { url: next, answer, elsewhere: true }
  }

  return {
    jar,
    follow,
    /** Opens a partner's address, and lets a member agree; without one, decline. @returns where that leads */
    async answer(url: URL | string, member?: MemberId): Promise<URL> {
      const page = await follow(String(url))
      if (page.elsewhere) return new URL(page.url)
      if (page.answer.status !== 200) throw new Error(`${page.answer.status} ${await page.answer.text()}`)
      const answered = await follow(`${page.url}${member ? `?member=${member}` : ''}`, 'POST')
      if (!answered.elsewhere) throw new Error(`${answered.answer.status} ${await answered.answer.text()}`)
      return new URL(answered.url)
    },
  }
}

/** A code flow of `openid-client` as far as the partner's own address. */
export async function codeFlow(
  world: LinkWorld,
  {
    id = 'youku',
    member = world.lin,
    ask = {},
    browser = world.browser(),
  }: Partial<{
    id: string
    member: MemberId
    ask: Record<string, string>
    browser: ReturnType<LinkWorld['browser']>
  }> = {},
) {
  const configuration = await world.discover(id)
  const verifier = client.randomPKCECodeVerifier()
  const state = client.randomState()
  const [redirectUri = ''] = redirectUris[id] ?? []
  const url = client.buildAuthorizationUrl(configuration, {
    redirect_uri: redirectUri,
    scope: 'link',
    state,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...ask,
  })
  const back = await browser.answer(url, member)
  const redeem = (form: Record<string, string> = {}, options?: client.AuthorizationCodeGrantOptions) =>
    client.authorizationCodeGrant(
      configuration,
      back,
      { pkceCodeVerifier: verifier, expectedState: state },
      form,
      options,
    )
  const form = {
    grant_type: 'authorization_code',
    code: back.searchParams.get('code') ?? '',
    redirect_uri: redirectUri,
    code_verifier: verifier,
  }
  return { configuration, back, redeem, form, state, url }
}
