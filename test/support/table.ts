import { randomBytes } from 'node:crypto'
import { inject } from 'vitest'
import { dynamoDbClient, openTable, type Table } from '../../functions/kernel/table.ts'
import { createTable } from '../../functions/local/create-table.ts'

/**
 * A fresh table on the engine that the whole test run shares, so that no test sees another's items. Its changes can be
 * followed only where a test says so: streams make the engine slow.
 */
export async function freshTable(options: { stream: boolean } = { stream: false }): Promise<{
  table: Table
  tableName: string
  endpoint: string
}> {
  const endpoint = inject('dynamodbEndpoint')
  const tableName = `test-${randomBytes(6).toString('hex')}`
  const client = dynamoDbClient({
    region: 'us-east-1',
    endpoint,
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  })
  await createTable(client, tableName, options)
  return { table: openTable(client, tableName), tableName, endpoint }
}
