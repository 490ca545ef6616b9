import { CreateTableCommand, DynamoDBClient, waitUntilTableExists } from '@aws-sdk/client-dynamodb'
import { type Candidate, dynamodbLocal, dynoxide, localAccess } from '../../functions/local/engine.ts'

const usable = {
  dynoxide: await whyNot(dynoxide),
  'dynamodb-local': await whyNot(dynamodbLocal),
}

/** Why a candidate cannot run here, or undefined where it can. */
async function whyNot(candidate: Candidate): Promise<string | undefined> {
  try {
    await candidate.command(1)
    return undefined
  } catch (error) {
    return String(error)
  }
}

/** For `skipIf`: true, and said aloud, where an engine cannot run on this machine. */
export function skipLoudly(name: keyof typeof usable): boolean {
  const fault = usable[name]
  if (fault !== undefined) console.warn(`SKIPPED, not proven here: ${name} (${fault})`)
  return fault !== undefined
}

export function client(endpoint: string): DynamoDBClient {
  return new DynamoDBClient({ endpoint, ...localAccess })
}

/** A whole item of the table below, and its key. */
export function key(pk: string) {
  return { pk: { S: pk }, sk: { S: 'x' } }
}

/** A table with a key, one index, and a stream of both images; ready for use. */
export async function makeTable(db: DynamoDBClient, TableName: string): Promise<void> {
  const attributes = ['pk', 'sk', 'group', 'rank']
  await db.send(
    new CreateTableCommand({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: attributes.map(AttributeName => ({ AttributeName, AttributeType: 'S' })),
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_AND_OLD_IMAGES' },
      GlobalSecondaryIndexes: [
        {
          IndexName: 'by-group',
          KeySchema: [
            { AttributeName: 'group', KeyType: 'HASH' },
            { AttributeName: 'rank', KeyType: 'RANGE' },
          ],
          Projection: { ProjectionType: 'ALL' },
        },
      ],
    }),
  )
  await waitUntilTableExists({ client: db, maxWaitTime: 10, minDelay: 0.05, maxDelay: 0.2 }, { TableName })
}
