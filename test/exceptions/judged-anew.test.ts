import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb'
import { expect, inject, test } from 'vitest'
import { settleChanges } from '../../functions/consume.ts'
import { linksOfAccount } from '../../functions/links/find-links.ts'
import { contracts } from '../../functions/local/demo.ts'
import { findRequest } from '../../functions/reconciliation/provisional-store.ts'
import { bodyOf } from '../support/gateway.ts'
import { type ExceptionWorld, exceptionWorld } from './world.ts'

/** What the stream tells of an item as it is stored now. */
async function tell({ services }: ExceptionWorld, { pk, sk }: { pk: string; sk: string }, eventName = 'MODIFY') {
  const endpoint = inject('dynamodbEndpoint')
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' }
  const client = new DynamoDBClient({ region: 'us-east-1', endpoint, credentials })
  const Key = { pk: { S: pk }, sk: { S: sk } }
  const { Item } = await client.send(new GetItemCommand({ TableName: services.config.TABLE_NAME, Key }))
  client.destroy()
  if (!Item) throw new Error(`nothing is stored under ${pk} ${sk}`)
  await settleChanges(services, { Records: [{ eventName, dynamodb: { NewImage: Item } }] })
}
const tellRequest = (world: ExceptionWorld, partner: string) =>
  tell(world, { pk: `PROVISIONAL#${partner}`, sk: 'REQUEST' })

test('an exception for want of a contract vanishes once the contract is applied', async () => {
  const world = await exceptionWorld()
  const [youku] = contracts
  const apply = async (validTo: string) => {
    await bodyOf(await world.call('alibaba', 'PUT', '/v1/contracts/youku-2026', { ...youku, validTo }))
    await tell(world, { pk: 'PROGRAMME#88vip', sk: 'CONTRACT#youku-2026' })
  }
  await apply('2026-10-08')
  await world.report('youku', [{ id: 'uncovered' }])
  expect(await world.only('youku')).toMatchObject({ reason: 'no-contract' })
  await apply('2026-12-31')
  await tellRequest(world, 'youku')
  expect(await world.list('youku')).toEqual([])
  expect(await world.list('alibaba')).toEqual([])
})

test('an event that came before the capture of its redemption is judged by it, and the one that it displaces too', async () => {
  const world = await exceptionWorld()
  const [link] = await linksOfAccount(world.services, 'eleme', 'person-eleme')
  const request = { linkId: link?.id, benefit: world.eleme.benefit, quantity: 1 }
  const redemption = (id: string) => ({ pk: `REDEMPTION#eleme#${id}`, sk: 'HEAD' })
  const post = (path: string, body?: object) => world.call('eleme', 'POST', `/v1/redemptions${path}`, body)
  const overQuota = async () => (await world.only('eleme', '?reason=over-quota')).lines.map(({ id }) => id)
  for (const id of ['till-0', 'till-1']) await bodyOf(await post('', { id, ...request }), 201)
  const days = [10, 11, 12, 13]
  await world.report('eleme', [
    ...days.map(day => ({ id: `use-${day}`, occurredAt: `2026-10-${day}T04:00:00Z` })),
    { id: 'named', occurredAt: '2026-10-20T01:00:00Z', redemptionId: 'till-1' },
  ])
  await tell(world, { pk: 'USAGE#eleme', sk: 'MANIFEST#000000000001' }, 'INSERT')
  expect(await overQuota()).toEqual(['named'])
  // A capture that no event names is nobody's news.
  await bodyOf(await post('/till-0/capture'))
  await tell(world, redemption('till-0'))
  expect(await findRequest(world.services.table, 'eleme')).toBeUndefined()
  await bodyOf(await post('/till-1/capture'))
  await tell(world, redemption('till-1'))
  await tellRequest(world, 'eleme')
  expect(await overQuota()).toEqual(['use-13'])
})
