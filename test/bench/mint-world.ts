import { randomBytes, randomUUID } from 'node:crypto'
import { PutItemCommand } from '@aws-sdk/client-dynamodb'
import { connect } from '../../functions/connect.ts'
import { silentLog } from '../../functions/kernel/log.ts'
import { dynamoDbClient } from '../../functions/kernel/table.ts'
import { completeLink } from '../../functions/links/complete-link.ts'
import { createTable } from '../../functions/local/create-table.ts'
import { localAccess, startEngine } from '../../functions/local/engine.ts'
import { sell } from '../../functions/memberships/sell.ts'
import { registerPartner } from '../../functions/partners/register-partner.ts'
import { applyProgramme } from '../../functions/programmes/apply-programme.ts'
import { developmentVault } from '../../functions/tokens/vault.ts'
import { Config } from '../../schemas/config.ts'
import { PartnerDocument } from '../../schemas/partner.ts'
import { ProgrammeDocument } from '../../schemas/programme.ts'
import { tokenTypes } from '../../schemas/token.ts'
import type { Stage } from './stage.ts'

const brand = 'alibaba'
const partner = 'youku'
const scopes = 'entitlements:read usage:write redemptions:write settlements:read'
const issuer = 'https://tessera.example'
const name = { en: 'Bench', 'zh-CN': '基准' }
const price = { amountMinor: 8800, currency: 'CNY' }
const benefit = { partner, linkRequired: true, category: 'video', name }

const programme = ProgrammeDocument.parse({
  id: 'bench',
  brand,
  name,
  currency: 'CNY',
  timeZone: 'Asia/Shanghai',
  plans: [{ id: 'annual', term: 'P1Y', price }],
  benefits: [
    { ...benefit, id: 'youku-vip', kind: 'access', limits: { screens: 2, quality: '4k' } },
    { ...benefit, id: 'youku-kids', kind: 'access' },
    { ...benefit, id: 'youku-cinema', kind: 'allowance', quota: { per: 'P1M', limit: 4 } },
  ],
})

/** What the processes of the mint topic are told. */
export type World = {
  config: Config
  vaultKey: Uint8Array
  links: string[]
  /** Partition keys of the links' item collections, as `schemas/table.ts` has them. */
  partitions: string[]
  /** @returns that many access tokens of the partner, each another text */
  accessTokens(count: number): Promise<string[]>
  client: OidcClient
}
export type OidcClient = { tableName: string; id: string; secret: string; scope: string; issuer: string }

/** An engine of its own, and in it links with three live entitlements each, made by the verbs that make them. */
export async function mintWorld({ defer, progress }: Stage, links: number): Promise<World> {
  const engine = await startEngine({ log: progress })
  defer(() => engine.stop())
  const tableName = 'bench'
  const client = dynamoDbClient({ endpoint: engine.endpoint, ...localAccess })
  await createTable(client, tableName, { stream: false })
  const config = Config.parse({
    TABLE_NAME: tableName,
    ISSUER: issuer,
    IDENTITY_ISSUER: 'https://identity.example',
    IDENTITY_CLIENT_ID: 'tessera',
    DYNAMODB_ENDPOINT: engine.endpoint,
  })
  const vaultKey = randomBytes(32)
  const services = connect(config, { vault: developmentVault(vaultKey), log: silentLog })
  progress(`mint: linking ${links} accounts`)
  const ids = await linkedAccounts(services, links)
  const oidc = { tableName: 'oidc', id: 'youku', secret: 'youku-secret-of-the-bench', scope: scopes, issuer }
  await createTable(client, oidc.tableName, { stream: false })
  await client.send(new PutItemCommand({ TableName: oidc.tableName, Item: clientItem(oidc) }))
  client.destroy()

  async function accessTokens(count: number): Promise<string[]> {
    const iat = Math.floor(Date.now() / 1000)
    const claims = {
      iss: issuer,
      aud: issuer,
      sub: partner,
      client_id: partner,
      scope: scopes,
      brand: partner,
      partner,
    }
    return Promise.all(
      Array.from({ length: count }, () =>
        services.keys.sign('access', tokenTypes.access, { ...claims, jti: randomUUID(), iat, exp: iat + 600 }),
      ),
    )
  }
  return { config, vaultKey, links: ids, partitions: ids.map(id => `LINK#${id}`), accessTokens, client: oidc }
}

async function linkedAccounts(services: ReturnType<typeof connect>, count: number): Promise<string[]> {
  const caller = { brand }
  const document = PartnerDocument.parse({
    id: partner,
    name,
    category: 'video',
    issuer: 'https://youku.example',
    clientId: 'tessera',
    clientSecret: 'tessera-youku-secret',
  })
  await registerPartner(services, { caller, document })
  await applyProgramme(services, { caller, document: programme })
  const ids: string[] = []
  for (let index = 0; index < count; index += 1) {
    const { member } = await sell(services, caller, {
      programme: programme.id,
      plan: 'annual',
      member: { issuer: 'https://identity.example', subject: `member-${index}` },
      paid: price,
      externalId: `sale-${index}`,
    })
    const account = `account-${index}`
    const link = await completeLink(services, { member, programme: programme.id, partner, account })
    if (link.entitlements.length !== 3) throw new Error(`a link has ${link.entitlements.length} entitlements, not 3`)
    ids.push(link.id)
  }
  return ids
}

/** The client's metadata as oidc-provider takes it, in the form that its adapter of the bench reads back. */
const clientItem = ({ id, secret, scope }: OidcClient) => ({
  pk: { S: `Client#${id}` },
  sk: { S: 'HEAD' },
  payload: {
    S: JSON.stringify({
      client_id: id,
      client_secret: secret,
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
      token_endpoint_auth_method: 'client_secret_basic',
      scope,
    }),
  },
})
