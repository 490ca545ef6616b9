import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { connect, type Services } from '../../functions/connect.ts'
import { applyContract } from '../../functions/contracts/apply-contract.ts'
import { choose } from '../../functions/entitlements/choose.ts'
import { noteUses } from '../../functions/entitlements/quota-use.ts'
import { wholeGateway } from '../../functions/gateway-whole.ts'
import { sha256 } from '../../functions/kernel/canonical.ts'
import { testClock } from '../../functions/kernel/clock.ts'
import { jsonLog } from '../../functions/kernel/log.ts'
import { completeLink } from '../../functions/links/complete-link.ts'
import { demoAccounts } from '../../functions/local/accounts.ts'
import { clientSecret, clients, contracts, partners, programme } from '../../functions/local/demo.ts'
import { startPartnerPlatform } from '../../functions/local/partner-platform.ts'
import { sell } from '../../functions/memberships/sell.ts'
import { saveClient } from '../../functions/oauth/register-client.ts'
import { registerPartner } from '../../functions/partners/register-partner.ts'
import { applyProgramme } from '../../functions/programmes/apply-programme.ts'
import { developmentVault } from '../../functions/tokens/vault.ts'
import { eachLine } from '../../functions/usage/read.ts'
import { Config } from '../../schemas/config.ts'
import { ContractDocument } from '../../schemas/contract.ts'
import { MembershipRequest } from '../../schemas/membership.ts'
import { PartnerDocument } from '../../schemas/partner.ts'
import { Instant } from '../../schemas/primitives.ts'
import { ProgrammeDocument } from '../../schemas/programme.ts'
import { freshTable } from '../support/table.ts'

const caller = { brand: programme.brand }

/** A programme of the same brand with a benefit at one of the same partners. */
const second = ProgrammeDocument.parse({
  id: 'sport-pass',
  brand: programme.brand,
  name: { 'zh-CN': '体育通', en: 'Sport pass' },
  currency: 'CNY',
  timeZone: 'Asia/Shanghai',
  plans: [{ id: 'annual', term: 'P1Y', price: { amountMinor: 9900, currency: 'CNY' } }],
  benefits: [
    {
      id: 'youku-sport',
      partner: 'youku',
      kind: 'access',
      category: 'video',
      linkRequired: true,
      name: { 'zh-CN': '优酷体育', en: 'Youku Sport' },
    },
  ],
})

type Answer = (request: Request, next: () => Promise<Response>) => Promise<Response>

/** The real gateway and two demo partners over HTTP, with members sold and linked by the verbs behind the routes. */
export async function partnerWorld() {
  const pass: Answer = (_request, next) => next()
  const seen = { calls: [] as string[], batches: [] as string[], lines: [] as string[] }
  // What stands between a partner and the gateway: a test may forge, lose or count what passes.
  const between = {
    answer: pass,
    reset() {
      between.answer = pass
    },
  }
  let app: ReturnType<typeof wholeGateway> | undefined
  const server = createServer(
    getRequestListener(async request => {
      const { pathname } = new URL(request.url)
      seen.calls.push(`${request.method} ${pathname}`)
      if (request.method === 'POST' && pathname === '/v1/usage-batches') seen.batches.push(await request.clone().text())
      return between.answer(request, async () => (await app?.fetch(request)) ?? new Response(null, { status: 503 }))
    }),
  )
  await new Promise<void>(done => server.listen(0, 'localhost', done))
  const issuer = `http://localhost:${(server.address() as AddressInfo).port}`

  const { table, tableName } = await freshTable()
  const clock = testClock(Instant.parse('2026-10-03T04:00:00Z'))
  const log = jsonLog(line => seen.lines.push(line))
  const config = Config.parse({
    TABLE_NAME: tableName,
    ISSUER: issuer,
    IDENTITY_ISSUER: 'http://localhost:9',
    IDENTITY_CLIENT_ID: 'tessera',
  })
  const services = connect(config, { table, vault: developmentVault(randomBytes(32)), now: clock.now, log })
  app = wholeGateway(services)
  await register(services)

  const start = (id: string) => {
    const display = partners.find(partner => partner.id === id)?.display
    if (!display) throw new Error(`no demo partner ${id}`)
    return startPartnerPlatform({
      id,
      display,
      port: 0,
      gateway: issuer,
      client: { id, secret: clientSecret(id) },
      accounts: demoAccounts(),
      now: clock.now,
      log,
    })
  }
  const [youku, eleme] = await Promise.all([start('youku'), start('eleme')])
  return {
    issuer,
    services,
    clock,
    seen,
    between,
    start,
    youku,
    eleme,
    sell: (subject: string, name: '88vip' | 'sport-pass' = '88vip') => sold(services, subject, name),
    link: (member: Awaited<ReturnType<typeof sold>>, partner: string, account: string) =>
      completeLink(services, { member: member.member, programme: member.programme, partner, account }),
    /** What the change stream does after a batch. */
    async noteUses(partner: string) {
      await noteUses(services, partner, await Array.fromAsync(eachLine(services, { partner })))
    },
    async stop() {
      await Promise.all([youku.stop(), eleme.stop()])
      server.closeAllConnections()
      await new Promise(done => server.close(done))
    },
  }
}

async function register(services: Services): Promise<void> {
  for (const { id, category, display } of partners) {
    const document = { id, name: display.name, category, issuer: 'http://localhost:9', clientId: 'tessera' }
    await registerPartner(services, { caller, document: PartnerDocument.parse(document) })
  }
  for (const client of clients)
    await saveClient(services, {
      ...client,
      authentication: 'client_secret_basic',
      secretHash: sha256(clientSecret(client.id)),
    })
  await applyProgramme(services, { caller, document: programme })
  await applyProgramme(services, { caller, document: second })
  for (const contract of contracts)
    await applyContract(services, { caller, document: ContractDocument.parse(contract) })
}

async function sold(services: Services, subject: string, name: '88vip' | 'sport-pass') {
  const { plans, id } = name === '88vip' ? programme : second
  const [plan] = plans
  const membership = await sell(
    services,
    caller,
    MembershipRequest.parse({
      programme: id,
      plan: plan?.id,
      member: { issuer: 'http://localhost:9', subject },
      paid: plan?.price,
      externalId: `${id}-${subject}`,
    }),
  )
  if (name === '88vip')
    await choose(services, { member: membership.member, programme: id, group: 'video', benefits: ['youku-vip'] })
  return membership
}
