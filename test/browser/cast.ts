import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { systemNow } from '../../functions/kernel/clock.ts'
import { demoAccounts } from '../../functions/local/accounts.ts'
import { freePort } from '../../functions/local/engine.ts'
import { startPartnerPlatform } from '../../functions/local/partner-platform.ts'
import type { Sandbox } from '../../functions/local/sandbox.ts'
import { machineClient } from '../../functions/local/story-client.ts'

/** Where everybody is found; plain data, so that it reaches the test files. */
export type Theatre = {
  issuer: string
  identityIssuer: string
  /** The demo's four, and `cinema`, some of whose accounts pay themselves. */
  partnerIssuers: Record<string, string>
  /** Other origins that journeys may lead to. */
  elsewhere: string[]
  /** Where `eleme` takes its members back after a flow that it began. */
  redirectUri: string
}
export type Cast = { theatre: Theatre; stop(): Promise<void> }

/** An account of `cinema` with a subscription of its own. */
export const payingAccount = 'paying'
/** A programme with what 88VIP has not: a real choice, a partner that is down, and no benefit for who pays already. */
export const club = {
  id: 'club',
  brand: 'alibaba',
  name: { 'zh-CN': '影音会', en: 'Film and Music Club' },
  currency: 'CNY',
  timeZone: 'Asia/Shanghai',
  alreadyPaying: 'block',
  plans: [
    {
      id: 'annual',
      name: { 'zh-CN': '年度会员', en: 'Annual membership' },
      term: 'P1Y',
      price: { amountMinor: 19900, currency: 'CNY' },
    },
  ],
  choiceGroups: [{ id: 'evening', choose: 1, changeEvery: 'P1Y' }],
  benefits: [
    {
      id: 'cinema-card',
      partner: 'cinema',
      kind: 'discount',
      category: 'film',
      linkRequired: true,
      choiceGroup: 'evening',
      name: { 'zh-CN': '电影卡', en: 'Cinema card' },
    },
    {
      id: 'concert-stream',
      partner: 'xiami',
      kind: 'access',
      category: 'music',
      linkRequired: true,
      choiceGroup: 'evening',
      name: { 'zh-CN': '音乐会直播', en: 'Concert streams' },
    },
    {
      id: 'ghost-train',
      partner: 'ghost',
      kind: 'voucher',
      category: 'travel',
      linkRequired: true,
      name: { 'zh-CN': '幽灵列车', en: 'Ghost train ride' },
    },
  ],
}

export const operatorOf = (issuer: string) => machineClient(issuer, 'alibaba', 'alibaba-secret')

/** Adds to the demo, over HTTP as an operator does, what the journeys need beyond it. */
export async function castOf(sandbox: Sandbox): Promise<Cast> {
  const cinema = await startCinema(sandbox.issuer)
  const site = await startSite()
  const stop = async () => {
    await cinema.stop()
    await site.stop()
  }
  try {
    await register(sandbox.issuer, cinema.url, site.redirectUri)
  } catch (error) {
    await stop()
    throw error
  }
  const { issuer, identityIssuer, partnerIssuers } = sandbox
  return {
    theatre: {
      issuer,
      identityIssuer,
      partnerIssuers: { ...partnerIssuers, cinema: cinema.url },
      elsewhere: [new URL(site.redirectUri).origin],
      redirectUri: site.redirectUri,
    },
    stop,
  }
}

const startCinema = (gateway: string) =>
  startPartnerPlatform({
    id: 'cinema',
    display: { id: 'cinema', name: { 'zh-CN': '光影院线', en: 'Lumen Cinemas' }, colour: '#7c2d12' },
    port: 0,
    gateway,
    client: { id: 'cinema', secret: 'none' },
    accounts: demoAccounts(
      new Map([[payingAccount, { paidUntil: new Date(Date.now() + 40 * 86_400_000).toISOString() }]]),
    ),
    now: systemNow,
    log: () => undefined,
  })

/** The page of a partner's own site to which the gateway sends members back. */
async function startSite(): Promise<{ redirectUri: string; stop(): Promise<void> }> {
  const html = '<!doctype html><html lang="en"><title>Back</title><h1>Back at the partner</h1>'
  const server = createServer((_request, response) =>
    response.writeHead(200, { 'content-type': 'text/html' }).end(html),
  )
  await new Promise<void>(done => server.listen(0, 'localhost', done))
  return {
    redirectUri: `http://localhost:${(server.address() as AddressInfo).port}/back`,
    stop: () =>
      new Promise(done => {
        server.close(() => done())
        server.closeAllConnections()
      }),
  }
}

async function register(issuer: string, cinema: string, redirectUri: string): Promise<void> {
  const operator = operatorOf(issuer)
  const partner = (id: string, more: object) => ({
    id,
    clientId: 'tessera',
    clientSecret: `tessera-${id}-secret`,
    ...more,
  })
  await operator.put(
    '/v1/partners/cinema',
    partner('cinema', { name: { 'zh-CN': '光影院线', en: 'Lumen Cinemas' }, category: 'film', issuer: cinema }),
  )
  // Nobody listens there.
  const nowhere = `http://localhost:${await freePort()}`
  await operator.put(
    '/v1/partners/ghost',
    partner('ghost', { name: { 'zh-CN': '幽灵铁路', en: 'Ghost Railways' }, category: 'travel', issuer: nowhere }),
  )
  await operator.put('/v1/programmes/club', club)
  const { body } = await operator.get('/v1/partners/eleme')
  const { version: _version, appliedAt: _appliedAt, ...eleme } = body as Record<string, unknown>
  const redirectUris = [...((eleme['redirectUris'] as string[] | undefined) ?? []), redirectUri]
  await operator.put('/v1/partners/eleme', { ...eleme, clientSecret: 'tessera-eleme-secret', redirectUris })
}
