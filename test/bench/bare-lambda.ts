import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb'
import { Hono } from 'hono'
import { handle } from 'hono/aws-lambda'

/** The least Lambda that answers from a table over Hono: one route, one read. */
const documents = DynamoDBDocumentClient.from(new DynamoDBClient({}))
const app = new Hono()
app.get('/items/:id', async c => {
  const { Item } = await documents.send(
    new GetCommand({ TableName: process.env['TABLE_NAME'] ?? '', Key: { pk: c.req.param('id'), sk: 'HEAD' } }),
  )
  return Item ? c.json(Item) : c.notFound()
})
export const handler = handle(app)
