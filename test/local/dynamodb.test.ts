import {
  DescribeTimeToLiveCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Engine, startEngine } from '../../functions/local/engine.ts'
import { client, key, makeTable, skipLoudly } from '../support/local-engines.ts'

for (const name of ['dynoxide', 'dynamodb-local'] as const) {
  describe.skipIf(skipLoudly(name))(`what the stores need of ${name}`, () => {
    let engine: Engine
    let db: DynamoDBClient

    beforeAll(async () => {
      engine = await startEngine({ choice: name })
      db = client(engine.endpoint)
      await makeTable(db, 'store')
    }, 60_000)
    afterAll(async () => {
      db.destroy()
      await engine.stop()
    })

    test('a transaction commits whole, or not at all with the reason and the item that stood in the way', async () => {
      const put = (pk: string) => ({ Put: { TableName: 'store', Item: key(pk) } })
      const create = (pk: string) => ({
        Put: {
          TableName: 'store',
          Item: key(pk),
          ConditionExpression: 'attribute_not_exists(pk)',
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD' as const,
        },
      })
      await db.send(new TransactWriteItemsCommand({ TransactItems: [put('t1'), create('t2')] }))
      const again = new TransactWriteItemsCommand({ TransactItems: [put('t3'), create('t2')] })
      await expect(db.send(again)).rejects.toMatchObject({
        name: 'TransactionCanceledException',
        CancellationReasons: [{ Code: 'None' }, { Code: 'ConditionalCheckFailed', Item: key('t2') }],
      })
      expect((await db.send(new GetItemCommand({ TableName: 'store', Key: key('t3') }))).Item).toBeUndefined()
    })

    test('a transaction repeated with its token is done once; other content under the token is refused', async () => {
      const add = (amount: string) =>
        new TransactWriteItemsCommand({
          ClientRequestToken: 'one-token',
          TransactItems: [
            {
              Update: {
                TableName: 'store',
                Key: key('counter'),
                UpdateExpression: 'ADD n :n',
                ExpressionAttributeValues: { ':n': { N: amount } },
              },
            },
          ],
        })
      await db.send(add('5'))
      await db.send(add('5'))
      const { Item } = await db.send(new GetItemCommand({ TableName: 'store', Key: key('counter') }))
      expect(Item).toMatchObject({ n: { N: '5' } })
      await expect(db.send(add('6'))).rejects.toMatchObject({ name: 'IdempotentParameterMismatchException' })
    })

    test('100 items fit a transaction, 101 do not', async () => {
      const items = (count: number) =>
        Array.from({ length: count }, (_, n) => ({ Put: { TableName: 'store', Item: key(`many${n}`) } }))
      await db.send(new TransactWriteItemsCommand({ TransactItems: items(100) }))
      const tooMany = new TransactWriteItemsCommand({ TransactItems: items(101) })
      await expect(db.send(tooMany)).rejects.toMatchObject({ name: 'ValidationException' })
    })

    test('a failed condition names itself and can give back the item', async () => {
      await db.send(new PutItemCommand({ TableName: 'store', Item: key('once') }))
      const again = new PutItemCommand({
        TableName: 'store',
        Item: key('once'),
        ConditionExpression: 'attribute_not_exists(pk)',
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      })
      await expect(db.send(again)).rejects.toMatchObject({ name: 'ConditionalCheckFailedException', Item: key('once') })
    })

    test('time to live is kept as it is set', async () => {
      const TimeToLiveSpecification = { AttributeName: 'expiresAt', Enabled: true }
      await db.send(new UpdateTimeToLiveCommand({ TableName: 'store', TimeToLiveSpecification }))
      const { TimeToLiveDescription } = await db.send(new DescribeTimeToLiveCommand({ TableName: 'store' }))
      expect(TimeToLiveDescription).toMatchObject({ AttributeName: 'expiresAt', TimeToLiveStatus: 'ENABLED' })
    })

    test('an index holds the items that have its keys, in order, and loses those that drop them', async () => {
      for (const rank of ['2', '3', '1']) {
        const Item = { ...key(`g${rank}`), group: { S: 'g' }, rank: { S: rank } }
        await db.send(new PutItemCommand({ TableName: 'store', Item }))
      }
      const UpdateExpression = 'REMOVE #group'
      const ExpressionAttributeNames = { '#group': 'group' }
      await db.send(
        new UpdateItemCommand({ TableName: 'store', Key: key('g2'), UpdateExpression, ExpressionAttributeNames }),
      )
      const { Items } = await db.send(
        new QueryCommand({
          TableName: 'store',
          IndexName: 'by-group',
          KeyConditionExpression: '#group = :g',
          ExpressionAttributeNames,
          ExpressionAttributeValues: { ':g': { S: 'g' } },
        }),
      )
      expect(Items).toMatchObject([{ rank: { S: '1' } }, { rank: { S: '3' } }])
      expect(Items).toHaveLength(2)
    })

    test('350 KB of bytes come back as they went in, and both ways the capacity used is told', async () => {
      const bytes = Uint8Array.from({ length: 350 * 1024 }, (_, at) => (at * 31 + (at >> 8)) % 256)
      const ReturnConsumedCapacity = 'TOTAL'
      const Item = { ...key('big'), bytes: { B: bytes } }
      const put = await db.send(new PutItemCommand({ TableName: 'store', Item, ReturnConsumedCapacity }))
      expect(put.ConsumedCapacity?.CapacityUnits).toBe(351)
      const got = await db.send(new GetItemCommand({ TableName: 'store', Key: key('big'), ReturnConsumedCapacity }))
      const { bytes: back } = got.Item ?? {}
      expect(Buffer.compare(back?.B ?? new Uint8Array(), bytes)).toBe(0)
      expect(got.ConsumedCapacity?.CapacityUnits).toBeGreaterThan(0)
      const tooBig = { ...key('bigger'), bytes: { B: new Uint8Array(401 * 1024) } }
      await expect(db.send(new PutItemCommand({ TableName: 'store', Item: tooBig }))).rejects.toMatchObject({
        name: 'ValidationException',
      })
    })
  })
}
