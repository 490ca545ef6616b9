import { randomBytes, randomUUID } from 'node:crypto'
import { connect } from '../../functions/connect.ts'
import { silentLog } from '../../functions/kernel/log.ts'
import { dynamoDbClient } from '../../functions/kernel/table.ts'
import { createTable } from '../../functions/local/create-table.ts'
import { type EngineOptions, localAccess, startEngine } from '../../functions/local/engine.ts'
import { developmentVault } from '../../functions/tokens/vault.ts'
import { Config } from '../../schemas/config.ts'
import { tokenTypes } from '../../schemas/token.ts'
import type { Stage } from './stage.ts'

const issuer = 'https://tessera.example'
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const entitled = 10_000

export type BenchEvent = ReturnType<typeof eventOf>
type Ids = 'orders' | 'random'

/** 26 characters of Crockford base 32, as ids have them: nothing that a compressor could guess. */
const randomName = (): string => Array.from(randomBytes(26), byte => alphabet[byte % 32]).join('')
/** Order numbers as a till counts them: others fall between those that used a benefit. */
let order = Math.floor(Math.random() * 9e9)
let people: { entitlementId: string; subject: string }[] = []

function eventOf(index: number, ids: Ids) {
  people = people.length > 0 ? people : Array.from({ length: entitled }, person)
  order += 1 + Math.floor(Math.random() * 8)
  const { entitlementId, subject } = people[Math.floor(Math.random() * entitled)] ?? person()
  return {
    id: ids === 'random' ? randomUUID() : `order-20261003-${String(order).padStart(10, '0')}`,
    entitlementId,
    benefit: 'youku-vip',
    subject,
    occurredAt: new Date(Date.UTC(2026, 9, 1) + index * 1000).toISOString().replace('.000', ''),
    quantity: 1,
    amount: { amountMinor: 100 + Math.floor(Math.random() * 9_900), currency: 'CNY' },
  }
}
const person = () => ({ entitlementId: `ent_${randomName()}`, subject: `sub_${randomName()}` })

/** Events of about 250 bytes: order numbers as the kit's documentation has them, or ids that tell nothing at all. */
export const benchEvents = (count: number, ids: Ids = 'orders'): BenchEvent[] =>
  Array.from({ length: count }, (_, index) => eventOf(index, ids))
export const ndjsonOf = (events: readonly object[]): string =>
  events.map(event => `${JSON.stringify(event)}\n`).join('')

export type IngestWorld = Awaited<ReturnType<typeof ingestWorld>>

/** An engine of its own with an empty table, and access tokens of partners. */
export async function ingestWorld({ defer, progress }: Stage, choice?: EngineOptions['choice']) {
  const engine = await startEngine({ log: progress, ...(choice && { choice }) })
  defer(() => engine.stop())
  const client = dynamoDbClient({ endpoint: engine.endpoint, ...localAccess })
  await createTable(client, 'bench', { stream: false })
  await createTable(client, 'events', { stream: false })
  client.destroy()
  const config = Config.parse({
    TABLE_NAME: 'bench',
    ISSUER: issuer,
    IDENTITY_ISSUER: 'https://identity.example',
    IDENTITY_CLIENT_ID: 'tessera',
    DYNAMODB_ENDPOINT: engine.endpoint,
  })
  const vaultKey = randomBytes(32)
  const services = connect(config, { vault: developmentVault(vaultKey), log: silentLog })

  async function authorization(partner: string): Promise<string> {
    const iat = Math.floor(Date.now() / 1000)
    const caller = { sub: partner, client_id: partner, brand: partner, partner, scope: 'usage:write' }
    const claims = { iss: issuer, aud: issuer, ...caller, jti: randomUUID(), iat, exp: iat + 600 }
    return `Bearer ${await services.keys.sign('access', tokenTypes.access, claims)}`
  }
  return { engine, config, vaultKey, authorization }
}
