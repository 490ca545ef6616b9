import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { inject, onTestFinished } from 'vitest'
import { connect } from '../../functions/connect.ts'
import { type PartnerEventInput, partnerEventClaims } from '../../functions/events/partner-event.ts'
import { eventRoutes } from '../../functions/events/routes.ts'
import { instantOf } from '../../functions/kernel/clock.ts'
import { jsonLog } from '../../functions/kernel/log.ts'
import { answerProblem } from '../../functions/kernel/problem.ts'
import { router } from '../../functions/kernel/validate.ts'
import { completeLink } from '../../functions/links/complete-link.ts'
import { findLinkRecord } from '../../functions/links/records.ts'
import { unlink } from '../../functions/links/unlink.ts'
import { followStream, type StreamRecord } from '../../functions/local/stream.ts'
import { sell } from '../../functions/memberships/sell.ts'
import { registerPartner } from '../../functions/partners/register-partner.ts'
import { applyProgramme } from '../../functions/programmes/apply-programme.ts'
import { jwksRoutes } from '../../functions/tokens/key-routes.ts'
import { developmentVault } from '../../functions/tokens/vault.ts'
import { Config } from '../../schemas/config.ts'
import type { MemberId } from '../../schemas/ids.ts'
import { MembershipRequest } from '../../schemas/membership.ts'
import { caller, identityIssuer, partnerDocument, programmeDocument } from '../memberships/world.ts'
import { freshTable } from '../support/table.ts'

export const clientId = 'tessera'
export const startSeconds = Date.parse('2026-10-01T00:00:00Z') / 1000

/** A server on a port of its own, gone with the test. @returns its base address */
export async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>(done => server.listen(0, 'localhost', done))
  onTestFinished(async () => {
    const closed = new Promise(done => server.close(done))
    server.closeAllConnections()
    await closed
  })
  return `http://localhost:${(server.address() as AddressInfo).port}`
}

export type Signer = Awaited<ReturnType<typeof signer>>
/** A key pair of an issuer, by the kid that its JWK Set has it under. */
export async function signer(kid: string, alg = 'ES256') {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
  const jwk: JWK = { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' }
  const sign = (claims: object, header: object = {}) =>
    new SignJWT({ ...claims }).setProtectedHeader({ alg, typ: 'secevent+jwt', kid, ...header }).sign(privateKey)
  return { jwk, publicKey, sign }
}

/** An OpenID issuer, as far as its metadata and keys; the test may change both, and counts how often they are read. */
export async function openidIssuer(kid: string) {
  const own = await signer(kid)
  const state = { keys: [own.jwk] as unknown, metadata: {} as object, status: 200, reads: 0 }
  const issuer = await serve((request, response) => {
    const isMetadata = request.url === '/.well-known/openid-configuration'
    if (!isMetadata) state.reads += 1
    response.statusCode = state.status
    response.setHeader('content-type', 'application/json')
    const named = { jwks_uri: `${issuer}/keys`, token_endpoint: `${issuer}/token` }
    const metadata = { issuer, authorization_endpoint: `${issuer}/authorize`, ...named, ...state.metadata }
    response.end(JSON.stringify(isMetadata ? metadata : { keys: state.keys }))
  })
  return { ...own, issuer, state }
}

/**
 * The gateway's event side on a table of its own: partners with issuers on this machine, a programme, and a member whose
 * accounts the tests link. Both clocks stand still until they are moved, each apart.
 */
export async function eventsWorld({ loopback = true }: { loopback?: boolean } = {}) {
  const { table, tableName } = await freshTable({ stream: true })
  const time = { business: startSeconds, wall: startSeconds }
  const lines: string[] = []
  let app: { fetch: (request: Request) => Response | Promise<Response> } = { fetch: () => new Response(null) }
  const issuer = await serve(getRequestListener(request => app.fetch(request)))
  const services = connect(
    Config.parse({
      TABLE_NAME: tableName,
      ISSUER: issuer,
      IDENTITY_ISSUER: identityIssuer,
      IDENTITY_CLIENT_ID: 'portal',
      ALLOW_LOOPBACK: String(loopback),
    }),
    {
      table,
      vault: developmentVault(),
      now: () => instantOf(time.business * 1000),
      wallNow: () => instantOf(time.wall * 1000),
      log: jsonLog(line => lines.push(line)),
    },
  )
  const routes = router()
  routes.onError(answerProblem(services.log))
  routes.route('/', eventRoutes(services))
  routes.route('/', jwksRoutes(services))
  app = routes

  const [youku, eleme] = [await openidIssuer('youku-1'), await openidIssuer('eleme-1')]
  const register = (id: string, change: object) =>
    registerPartner(services, { caller, document: partnerDocument(id, { clientId, ...change }) })
  await register('youku', { issuer: youku.issuer })
  await register('eleme', { issuer: eleme.issuer })
  await register('xiami', {})
  await applyProgramme(services, { caller, document: programmeDocument() })

  const records: StreamRecord[] = []
  const follower = followStream({
    endpoint: inject('dynamodbEndpoint'),
    tableName,
    onRecords: event => void records.push(...event.Records),
  })
  onTestFinished(() => follower.stop())

  return {
    services,
    table,
    issuer,
    youku,
    eleme,
    lines,
    register,
    /** Seconds, of both clocks or of one. */
    pass(seconds: number, clocks: (keyof typeof time)[] = ['business', 'wall']) {
      for (const clock of clocks) time[clock] += seconds
    },
    /** What has happened to the table since the last time, oldest first. */
    async changes(): Promise<StreamRecord[]> {
      await follower.idle()
      // The engine dates them by the machine's clock.
      const dated = { ApproximateCreationDateTime: time.wall }
      return records.splice(0).map(record => ({ ...record, dynamodb: { ...record.dynamodb, ...dated } }))
    },
    async sold(subject: string): Promise<MemberId> {
      const request = MembershipRequest.parse({
        programme: '88vip',
        plan: 'annual',
        member: { issuer: identityIssuer, subject },
        paid: { amountMinor: 8800, currency: 'CNY' },
        externalId: `order-${subject}`,
      })
      return (await sell(services, caller, request)).member
    },
    link: (member: MemberId, account: string, partner = 'youku') =>
      completeLink(services, { member, programme: '88vip', partner, account }),
    unlink: (member: MemberId, partner = 'youku') =>
      unlink(services, { member, programme: '88vip', partner, reason: 'member' }),
    stateOf: async (link: string) => (await findLinkRecord(table, link))?.state,
    reasonOf: async (link: string) => (await findLinkRecord(table, link))?.reason,
    claims: (change: Partial<PartnerEventInput> = {}) =>
      partnerEventClaims({
        issuer: youku.issuer,
        audience: clientId,
        account: 'account-1',
        type: 'accountPurged',
        id: 'event-1',
        at: time.wall,
        ...change,
      }),
    push: (body: string | ReadableStream, { partner = 'youku', ...headers }: Record<string, string> = {}) =>
      fetch(`${issuer}/events/${partner}`, {
        method: 'POST',
        headers: { 'content-type': 'application/secevent+jwt', ...headers },
        body,
        ...(typeof body !== 'string' && { duplex: 'half' }),
      } as RequestInit),
  }
}
export type EventsWorld = Awaited<ReturnType<typeof eventsWorld>>
