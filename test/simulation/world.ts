import { randomBytes } from 'node:crypto'
import { BatchWriteItemCommand, DeleteTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { connect, type Services } from '../../functions/connect.ts'
import { silentLog } from '../../functions/kernel/log.ts'
import { dynamoDbClient, openTable, type Table } from '../../functions/kernel/table.ts'
import { createTable } from '../../functions/local/create-table.ts'
import { localAccess } from '../../functions/local/engine.ts'
import { developmentVault } from '../../functions/tokens/vault.ts'
import type { Entitlement } from '../../schemas/entitlement.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { entitlementsAt, livedMonth } from '../settlement/generated-month.ts'
import { itemsOf, type RawItem } from './dump.ts'
import { type Meter, newMeter, type Trouble, troubledClient } from './wire.ts'

export const partners = ['eleme', 'youku'] as const
export type Partner = (typeof partners)[number]

/** What every simulated run begins with: members with links, made once and copied into a table for each run. */
export type Origin = { items: RawItem[]; vaultKey: Buffer; entitlements: Record<Partner, Entitlement[]> }

export async function origin(members: number): Promise<Origin> {
  const vaultKey = randomBytes(32)
  const { services } = await livedMonth(members, vaultKey)
  // The keys are made before anything goes wrong: who signs is no part of what is simulated.
  await services.keys.sign('statement', 'warm-up', {})
  const { DYNAMODB_ENDPOINT: endpoint, TABLE_NAME } = services.config
  const items = await itemsOf(dynamoDbClient({ ...localAccess, ...(endpoint && { endpoint }) }), TABLE_NAME)
  const [eleme, youku] = await Promise.all(partners.map(partner => entitlementsAt(services, partner)))
  return { items, vaultKey, entitlements: { eleme: eleme ?? [], youku: youku ?? [] } }
}

const beginning = '2026-10-28T03:00:00Z' as Instant

export type World = {
  tableName: string
  /** A way to the table on which nothing goes wrong. */
  clean: DynamoDBClient
  meter: Meter
  /** A process in the trouble of this run; the next one after it was killed. */
  process(): { services: Services; isDead: () => boolean }
  calm(): Services
  moveTo(instant: Instant): void
  /** Takes the table away: an engine with hundreds of them is slow. */
  end(): Promise<void>
}

/** A run's own table with a copy of the origin, and processes that reach it through trouble. */
export async function newWorld({ items, vaultKey }: Origin, endpoint: string, trouble: Trouble): Promise<World> {
  const tableName = `simulation-${randomBytes(6).toString('hex')}`
  const clean = dynamoDbClient({ endpoint, ...localAccess })
  await createTable(clean, tableName, { stream: false })
  for (let start = 0; start < items.length; start += 25) {
    const requests = items.slice(start, start + 25).map(Item => ({ PutRequest: { Item } }))
    await clean.send(new BatchWriteItemCommand({ RequestItems: { [tableName]: requests } }))
  }
  const meter = newMeter()
  let time = beginning
  const config = {
    TABLE_NAME: tableName,
    ISSUER: 'http://localhost:8787',
    IDENTITY_ISSUER: 'http://localhost:8788',
    IDENTITY_CLIENT_ID: 'tessera',
    ALLOW_LOOPBACK: true,
    AWS_REGION: 'us-east-1',
    DYNAMODB_ENDPOINT: endpoint,
  }
  const vault = developmentVault(vaultKey)
  const now = () => time
  const on = (table: Table): Services => connect(config, { table, vault, now, wallNow: now, log: silentLog })
  return {
    tableName,
    clean,
    meter,
    process() {
      const { client, isDead } = troubledClient(endpoint, trouble, meter)
      return { services: on(openTable(client, tableName)), isDead }
    },
    calm: () => on(openTable(clean, tableName)),
    moveTo(instant) {
      time = instant
    },
    async end() {
      await clean.send(new DeleteTableCommand({ TableName: tableName }))
      clean.destroy()
    },
  }
}
