import { randomBytes } from 'node:crypto'
import { inject } from 'vitest'
import { dynamoDbClient, openTable, type Table } from '../../functions/kernel/table.ts'
import { createTable } from '../../functions/local/create-table.ts'

/** A fresh table on the engine that the whole test run shares, so that no test sees another's items. */
export async function freshTable(): Promise<{ table: Table; tableName: string; endpoint: string }> {
  const endpoint = inject('dynamodbEndpoint')
  const tableName = `test-${randomBytes(6).toString('hex')}`
  const client = dynamoDbClient({
    region: 'us-east-1',
    endpoint,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  })
  await createTable(client, tableName)
  return { table: openTable(client, tableName), tableName, endpoint }
}
