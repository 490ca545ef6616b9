import { connect, type Services } from '../../functions/connect.ts'
import { settlementNeeds } from '../../functions/gateway-needs.ts'
import { wholeGateway } from '../../functions/gateway-whole.ts'
import { sha256 } from '../../functions/kernel/canonical.ts'
import { testClock } from '../../functions/kernel/clock.ts'
import { jsonLog } from '../../functions/kernel/log.ts'
import type { Table } from '../../functions/kernel/table.ts'
import type { App } from '../../functions/kernel/validate.ts'
import { completeLink } from '../../functions/links/complete-link.ts'
import {
  brands,
  clientSecret,
  clients,
  contracts,
  partners,
  programme,
  relyingParty,
} from '../../functions/local/demo.ts'
import { saveClient } from '../../functions/oauth/register-client.ts'
import { requestClose, runClose } from '../../functions/settlement/close.ts'
import { developmentVault } from '../../functions/tokens/vault.ts'
import { Scope } from '../../schemas/client.ts'
import type { MembershipView } from '../../schemas/membership.ts'
import type { Instant, Period } from '../../schemas/primitives.ts'
import type { Statement } from '../../schemas/settlement.ts'
import type { BatchReceipt } from '../../schemas/usage.ts'
import { type Asked, faultsOfAnswer } from './answers.ts'
import { freshTable } from './table.ts'

export const issuer = 'https://tessera.example'
/** A brand of its own that may ask for anything and owns nothing here. */
export const outsider = { id: 'jd', brand: 'jd', scopes: Scope.options }
export const october = '2026-10' as Period

type Options = { table?: (table: Table) => Table; stream?: boolean }
export type GatewayWorld = Awaited<ReturnType<typeof gatewayWorld>>

/**
 * The whole gateway on a fresh table with the demo's clients. Every answer is held against what all answers have in
 * common, and every log line is kept, so that no test can forget either.
 */
export async function gatewayWorld({ table: around = table => table, stream = false }: Options = {}) {
  const { table: opened, tableName } = await freshTable({ stream })
  const lines: string[] = []
  const clock = testClock('2026-10-05T02:00:00Z' as Instant)
  const config = {
    TABLE_NAME: tableName,
    ISSUER: issuer,
    IDENTITY_ISSUER: 'https://identity.invalid',
    IDENTITY_CLIENT_ID: 'tessera',
    ALLOW_LOOPBACK: false,
    AWS_REGION: 'us-east-1',
  }
  const services: Services = connect(config, {
    table: around(opened),
    vault: developmentVault(),
    now: clock.now,
    log: jsonLog(line => lines.push(line)),
  })
  const app = wholeGateway(services)
  for (const client of [...clients, outsider])
    await saveClient(services, {
      ...client,
      authentication: 'client_secret_basic',
      secretHash: sha256(clientSecret(client.id)),
    })

  /** What must never be in a log: tokens and secrets as they are issued, and what the tests add. */
  const confidential = new Set([...clients, outsider].map(({ id }) => clientSecret(id)))
  const tokens = new Map<string, string>()

  async function request(asked: Asked, through: App = app): Promise<Response> {
    const { method, path, headers, body } = asked
    const answer = await through.request(path, { method, headers, ...(body !== undefined && { body }) })
    const faults = await faultsOfAnswer(asked, answer.clone())
    if (faults.length > 0) throw new Error(`${method} ${path.slice(0, 80)} → ${answer.status}: ${faults.join('; ')}`)
    return answer
  }

  /** An access token from the real token endpoint; all scopes of the client unless some are named. */
  async function tokenOf(client: string, scopes?: readonly Scope[]): Promise<string> {
    const key = `${client} ${scopes?.join(' ')}`
    const known = tokens.get(key)
    if (known !== undefined) return known
    const form = new URLSearchParams({ grant_type: 'client_credentials', ...(scopes && { scope: scopes.join(' ') }) })
    const answer = await request({
      method: 'POST',
      path: '/oauth/token',
      headers: {
        authorization: `Basic ${Buffer.from(`${client}:${clientSecret(client)}`).toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: form.toString(),
    })
    if (answer.status !== 200) throw new Error(`no token for ${key}: ${answer.status} ${await answer.text()}`)
    const { access_token: token } = (await answer.json()) as { access_token: string }
    confidential.add(token)
    tokens.set(key, token)
    return token
  }

  /** Text and bytes are sent as they are, anything else as JSON; `undefined` sends no body. */
  async function call(
    client: string | undefined,
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    const raw = body === undefined || typeof body === 'string' || body instanceof Uint8Array
    const sent = raw ? (body as Asked['body']) : JSON.stringify(body)
    return request({
      method,
      path,
      headers: {
        ...(client !== undefined && { authorization: `Bearer ${await tokenOf(client)}` }),
        ...(!raw && { 'content-type': 'application/json' }),
        ...headers,
      },
      body: sent,
    })
  }

  return { app, services, clock, lines, confidential, request, tokenOf, call }
}

/** The answer's JSON, where the status is the expected one. */
export async function bodyOf<T>(answer: Response, status = 200): Promise<T> {
  if (answer.status !== status) throw new Error(`expected ${status}: ${answer.status} ${await answer.text()}`)
  return (await answer.json()) as T
}

export const partnerDocument = (id: string) => ({
  id,
  name: id,
  category: 'video',
  issuer: `https://${id}.example`,
  clientId: relyingParty.id,
  clientSecret: relyingParty.secretAt(id),
})

export const sale = (subject: string, more: object = {}) => ({
  programme: programme.id,
  plan: 'annual',
  member: { issuer: 'https://identity.example', subject },
  paid: { amountMinor: 88_800, currency: 'CNY' },
  externalId: `order-${subject}`,
  ...more,
})

/** The four partners, the programme, its contracts and the brands' accounts, as the operator would apply them. */
export async function seedTerms({ call, confidential }: GatewayWorld): Promise<void> {
  for (const { id } of partners) {
    confidential.add(relyingParty.secretAt(id))
    await bodyOf(await call('alibaba', 'PUT', `/v1/partners/${id}`, partnerDocument(id)))
  }
  await bodyOf(await call('alibaba', 'PUT', `/v1/programmes/${programme.id}`, programme))
  for (const contract of contracts) await bodyOf(await call('alibaba', 'PUT', `/v1/contracts/${contract.id}`, contract))
  for (const brand of brands) {
    confidential.add(brand.settlementAccount.accountId ?? '')
    await bodyOf(await call('alibaba', 'PUT', `/v1/brands/${brand.id}`, brand))
  }
}

/** A membership whose youku account is linked, and one batch that youku reported of it; another membership besides. */
export async function seedUse(world: GatewayWorld) {
  const { call, services, clock, confidential } = world
  const [subject, account] = ['person-of-the-suite', 'account-of-the-suite']
  const sold = await bodyOf<MembershipView>(await call('alibaba', 'POST', '/v1/memberships', sale(subject)), 201)
  const spare = await bodyOf<MembershipView>(
    await call('alibaba', 'POST', '/v1/memberships', sale('spare-person')),
    201,
  )
  const link = await completeLink(services, { member: sold.member.id, programme: '88vip', partner: 'youku', account })
  for (const secret of [subject, account, 'spare-person', link.subject]) confidential.add(secret)
  const [entitlement] = link.entitlements
  if (!entitlement) throw new Error('the link gives nothing')

  clock.moveTo('2026-10-20T02:00:00Z' as Instant)
  const event = {
    id: 'use-1',
    entitlementId: entitlement.id,
    benefit: 'youku-vip',
    subject: link.subject,
    occurredAt: '2026-10-10T04:00:00Z',
  }
  const batch = await bodyOf<BatchReceipt>(await call('youku', 'POST', '/v1/usage-batches', { events: [event] }), 202)
  confidential.add(batch.receipt)
  return { membership: sold.id, spare: spare.id, subject, account, link, entitlement: entitlement.id, event, batch }
}

/** Closes October and moves the clock past it. @returns the statement between alibaba and youku */
export async function closeOctober({ services, clock, call }: GatewayWorld): Promise<Statement> {
  clock.moveTo('2026-11-02T00:00:00Z' as Instant)
  const closing = { programme: programme.id, period: october }
  await requestClose(settlementNeeds(services), closing)
  await runClose(settlementNeeds(services), closing)
  const { items } = await bodyOf<{ items: Statement[] }>(await call('youku', 'GET', '/v1/statements'))
  const [statement] = items
  if (!statement) throw new Error('the close made no statement')
  return statement
}

/** Log lines that carry what no log may: each as the first characters of what leaked, and the line's event. */
export function leaksOf({ lines, confidential }: Pick<GatewayWorld, 'lines' | 'confidential'>): string[] {
  return lines.flatMap(line =>
    [...confidential]
      .filter(secret => line.includes(secret))
      .map(secret => `${secret.slice(0, 20)}: ${line.slice(0, 200)}`),
  )
}
