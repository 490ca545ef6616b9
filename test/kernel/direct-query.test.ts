import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { dynamoDbClient, openTable, recordType, requestSigner } from '../../functions/kernel/table.ts'

type Received = { headers: Record<string, string>; body: string }
type Reply = { status: number; body: object } | 'hang up' | 'nonsense'

let server: Server
let endpoint: string
let replies: Reply[] = []
let received: Received[] = []

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      received.push({ headers: request.headers as Record<string, string>, body: Buffer.concat(chunks).toString() })
      const reply = replies.shift() ?? page('steady')
      if (reply === 'hang up') return void request.socket.destroy()
      response.statusCode = reply === 'nonsense' ? 200 : reply.status
      response.setHeader('content-type', 'application/x-amz-json-1.0')
      response.end(reply === 'nonsense' ? '<html>' : JSON.stringify(reply.body))
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})
beforeEach(() => {
  replies = []
  received = []
})

const thing = recordType('thing', z.strictObject({ name: z.string() }))
const page = (name: string, more = {}): Reply => ({
  status: 200,
  body: { Items: [{ pk: { S: 'P' }, sk: { S: name }, itemKind: { S: 'thing' }, name: { S: name } }], ...more },
})
const credentials = { accessKeyId: 'local', secretAccessKey: 'secret', sessionToken: 'session' }
const opened = () => openTable(dynamoDbClient({ region: 'eu-west-3', endpoint, credentials }), 'table')
const names = async (table: ReturnType<typeof opened>) =>
  (await table.collection({ things: thing }, { partition: 'P', where: { partner: 'youku' } })).things.map(
    ({ name }) => name,
  )
const bySdk = ({ headers }: Received) => headers['amz-sdk-invocation-id'] !== undefined

describe('a collection', () => {
  it('is asked for by the SDK once, which tells where, and then directly and in the same words', async () => {
    const table = opened()
    for (let times = 0; times < 3; times++) expect(await names(table)).toEqual(['steady'])
    expect(received.map(bySdk)).toEqual([true, false, false])
    const [first, second] = received.map(({ body }) => JSON.parse(body) as object)
    expect(second).toEqual(first)
    expect(received[1]?.headers).toMatchObject({
      'x-amz-target': 'DynamoDB_20120810.Query',
      'x-amz-security-token': 'session',
      host: new URL(endpoint).host,
    })
  })

  it.each<[string, Reply]>([
    ['a throttling', { status: 400, body: { __type: 'com.amazonaws.dynamodb.v20120810#ThrottlingException' } }],
    ['an error of the server', { status: 500, body: { __type: 'InternalServerError' } }],
    ['a connection that ends', 'hang up'],
    ['what is no JSON', 'nonsense'],
  ])('survives %s by the SDK, which asks again', async (_, fault) => {
    const table = opened()
    await names(table)
    replies = [fault, page('second')]
    expect(await names(table)).toEqual(['second'])
    expect(received.map(bySdk)).toEqual([true, false, true])
    expect(await names(table)).toEqual(['steady'])
    expect(received.map(bySdk)).toEqual([true, false, true, false])
  })

  it('is read to its last page', async () => {
    const table = opened()
    await names(table)
    const start = { pk: { S: 'P' }, sk: { S: 'one' } }
    replies = [page('one', { LastEvaluatedKey: start }), page('two')]
    expect(await names(table)).toEqual(['one', 'two'])
    expect(JSON.parse(received.at(-1)?.body ?? '')).toMatchObject({ ExclusiveStartKey: start })
  })

  it('lets through what the SDK finds wrong', async () => {
    const table = opened()
    replies = [{ status: 400, body: { __type: 'com.amazonaws.dynamodb.v20120810#ResourceNotFoundException' } }]
    await expect(names(table)).rejects.toThrow(expect.objectContaining({ name: 'ResourceNotFoundException' }))
  })
})

describe('a signature', () => {
  it("is the SDK's for the same request", async () => {
    const client = new DynamoDBClient({ region: 'eu-west-3', endpoint, credentials })
    await client.send(new PutItemCommand({ TableName: 'table', Item: { pk: { S: 'P' } } }))
    const [request] = received
    if (!request) throw new Error('nothing was sent')
    const { authorization = '', 'x-amz-date': date = '' } = request.headers
    const signed = /SignedHeaders=([^,]+)/.exec(authorization)?.[1]?.split(';') ?? []
    const given = signed.filter(name => !['x-amz-date', 'x-amz-security-token'].includes(name))
    const headers = Object.fromEntries(given.map(name => [name, request.headers[name] ?? '']))
    const now = new Date(date.replace(/(....)(..)(..T..)(..)(..Z)/, '$1-$2-$3:$4:$5'))
    const sign = requestSigner()
    const again = sign({ headers, body: request.body }, 'eu-west-3', credentials, now)
    expect(again['authorization']).toBe(authorization)
    const other = sign({ headers, body: request.body }, 'eu-west-1', credentials, now)
    expect(other['authorization']).not.toBe(authorization)
  })
})
