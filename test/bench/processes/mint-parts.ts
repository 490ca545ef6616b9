import { Buffer } from 'node:buffer'
import { generateKeyPairSync, sign, verify } from 'node:crypto'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DynamoDBDocumentClient, QueryCommand } from '@aws-sdk/lib-dynamodb'
import { localAccess } from '../../../functions/local/engine.ts'
import { answering, processorMicroseconds } from './answering.ts'

export type PartsMaterial = {
  endpoint: string
  tableName: string
  partitions: string[]
  /** What an access token's signature covers, and what an entitlement token's does. */
  accessInput: string
  entitlementInput: string
}
type Part = (index: number) => unknown

const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const dsaEncoding = 'ieee-p1363' as const
let parts: Record<string, Part> = {}

/** What a mint is made of, each alone, in a loop, with as many at a time as there are requests at a time. */
answering({
  start: (material: PartsMaterial): void => {
    parts = { read: read(material), verify: verification(material), sign: signature(material) }
  },
  async run({ part, count, concurrency }: { part: string; count: number; concurrency: number }): Promise<number> {
    const perform = parts[part]
    if (!perform) throw new Error(`no part ${part}`)
    let next = 0
    const before = processorMicroseconds()
    await Promise.all(
      Array.from({ length: concurrency }, async () => {
        while (next < count) {
          next += 1
          await perform(next)
        }
      }),
    )
    return (processorMicroseconds() - before) / count
  },
})

/** The same item collection as a mint reads, with the SDK's document client as it comes. */
function read({ endpoint, tableName, partitions }: PartsMaterial): Part {
  const documents = DynamoDBDocumentClient.from(new DynamoDBClient({ endpoint, ...localAccess }))
  return async index => {
    const { Items } = await documents.send(
      new QueryCommand({
        TableName: tableName,
        KeyConditionExpression: '#pk = :pk',
        ExpressionAttributeNames: { '#pk': 'pk' },
        ExpressionAttributeValues: { ':pk': partitions[index % partitions.length] },
        ConsistentRead: true,
      }),
    )
    if (!Items?.length) throw new Error('the link is not there')
  }
}

function verification({ accessInput }: PartsMaterial): Part {
  const input = Buffer.from(accessInput)
  const proof = sign('sha256', input, { key: privateKey, dsaEncoding })
  return () => {
    if (!verify('sha256', input, { key: publicKey, dsaEncoding }, proof)) throw new Error('refused')
  }
}

function signature({ entitlementInput }: PartsMaterial): Part {
  const input = Buffer.from(entitlementInput)
  return () => sign('sha256', input, { key: privateKey, dsaEncoding })
}
