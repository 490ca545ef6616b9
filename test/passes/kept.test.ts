import { ScanCommand } from '@aws-sdk/client-dynamodb'
import { expect, it } from 'vitest'
import { dynamoDbClient } from '../../functions/kernel/table.ts'
import { createPass, findPass, redemptionWrites } from '../../functions/passes/store.ts'
import { PassRecord, type PassRedemption } from '../../schemas/pass.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { freshTable } from '../support/table.ts'

const ulid = '01JZZZZZZZZZZZZZZZZZZZZZZZ'
const at = '2026-10-05T02:00:00Z' as Instant
const pass = PassRecord.parse({
  id: 'pass-1',
  member: `mem_${ulid}`,
  programme: '88vip',
  partner: 'eleme',
  link: `lnk_${ulid}`,
  issuedAt: at,
  expiresAt: '2026-10-05T02:01:00Z',
  state: 'issued',
})

it('a code that was only looked at is kept for an hour, a redeemed one for a week', async () => {
  const { table, tableName, endpoint } = await freshTable()
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' }
  const client = dynamoDbClient({ region: 'us-east-1', endpoint, credentials })
  const now = Date.parse(at) / 1000
  const keptSeconds = async () => {
    const { Items: items = [] } = await client.send(new ScanCommand({ TableName: tableName }))
    return items.map(item => Number(item['ttl']?.N) - now)
  }
  await createPass(table, pass, () => at)
  expect(await keptSeconds()).toEqual([3600])
  const redemption: PassRedemption = {
    id: 'till-1',
    pass: pass.id,
    linkId: pass.link,
    entitlements: [{ id: `ent_${ulid}`, bid: 'eleme-5off', st: 'active', vu: now + 60 } as never],
    redeemedAt: at,
  }
  await table.commit(redemptionWrites(pass, redemption, () => at))
  expect(await keptSeconds()).toEqual([604_800, 604_800])
  expect((await findPass(table, pass.id))?.state).toBe('redeemed')
})
