import { createHmac, hash } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import * as z from 'zod'
import { dynamoDbClient, openTable, recordType } from '../../functions/kernel/table.ts'

type Received = { headers: Record<string, string>; body: string }
type Reply = { status: number; body: object } | 'hang up' | 'nonsense' | 'silence' | 'half'

let server: Server
let endpoint: string
let replies: Reply[] = []
let received: Received[] = []
/** How far the clock of the server is ahead. */
let aheadMilliseconds = 0

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      received.push({ headers: request.headers as Record<string, string>, body: Buffer.concat(chunks).toString() })
      const reply = replies.shift() ?? page('steady')
      if (reply === 'hang up') return void request.socket.destroy()
      if (reply === 'silence') return
      if (reply === 'half') return void response.writeHead(200, { 'content-length': 900 }).write('{"Items":[')
      response.statusCode = reply === 'nonsense' ? 200 : reply.status
      response.setHeader('content-type', 'application/x-amz-json-1.0')
      response.setHeader('date', new Date(Date.now() + aheadMilliseconds).toUTCString())
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
  aheadMilliseconds = 0
})

const thing = recordType('thing', z.strictObject({ name: z.string() }))
const page = (name: string, more = {}): Reply => ({
  status: 200,
  body: { Items: [{ pk: { S: 'P' }, sk: { S: name }, itemKind: { S: 'thing' }, name: { S: name } }], ...more },
})
const credentials = { accessKeyId: 'local', secretAccessKey: 'secret', sessionToken: 'session' }
type Held = typeof credentials & { expiration?: Date }
const opened = (held: Held | (() => Promise<Held>) = credentials) =>
  openTable(dynamoDbClient({ region: 'eu-west-3', endpoint, credentials: held }), 'table')
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
    ['silence', 'silence'],
    ['an answer that stops', 'half'],
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

/** AWS Signature Version 4 by its specification, over what the server received. */
function signatureOf({ headers, body }: Received, secret: string, region: string): string {
  const { signed } = authorizationOf(headers)
  const date = headers['x-amz-date'] ?? ''
  const canonical = [
    'POST\n/\n',
    ...signed.map(name => `${name}:${headers[name]}`),
    `\n${signed.join(';')}`,
    hash('sha256', body),
  ].join('\n')
  const scope = [date.slice(0, 8), region, 'dynamodb', 'aws4_request']
  const key = scope.reduce<Buffer | string>(
    (key, part) => createHmac('sha256', key).update(part).digest(),
    `AWS4${secret}`,
  )
  const text = ['AWS4-HMAC-SHA256', date, scope.join('/'), hash('sha256', canonical)].join('\n')
  return createHmac('sha256', key).update(text).digest('hex')
}

function authorizationOf({ authorization = '' }: Record<string, string>) {
  const [, id = '', names = '', signature = ''] =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/[^,]+, SignedHeaders=([^,]+), Signature=(\w+)$/.exec(authorization) ?? []
  return { id, signed: names.split(';'), signature }
}

describe('the signature of a direct Query', () => {
  it("covers what is sent, as the SDK's own does", async () => {
    const table = opened()
    for (let times = 0; times < 3; times++) await names(table)
    expect(received.map(bySdk)).toEqual([true, false, false])
    for (const request of received) {
      const { id, signed, signature } = authorizationOf(request.headers)
      expect(id).toBe('local')
      expect(signed).toEqual(expect.arrayContaining(['host', 'x-amz-date', 'x-amz-security-token', 'x-amz-target']))
      expect(signature).toBe(signatureOf(request, 'secret', 'eu-west-3'))
      expect(signature).not.toBe(signatureOf(request, 'secret', 'eu-west-1'))
      expect(signature).not.toBe(signatureOf(request, 'another', 'eu-west-3'))
    }
  })

  it('is made with the credentials of the moment', async () => {
    let renewals = 0
    const table = opened(async () => {
      renewals += 1
      const mark = `-${renewals}`
      const [accessKeyId, secretAccessKey, sessionToken] = [`id${mark}`, `secret${mark}`, `session${mark}`]
      return { accessKeyId, secretAccessKey, sessionToken, expiration: new Date(Date.now() + 1_000) }
    })
    for (let times = 0; times < 4; times++) await names(table)
    expect(received.map(bySdk)).toEqual([true, false, false, false])
    const used = received.map(({ headers }) => authorizationOf(headers).id)
    expect(new Set(used).size).toBe(4)
    for (const request of received) {
      const { id, signature } = authorizationOf(request.headers)
      expect(request.headers['x-amz-security-token']).toBe(id.replace('id', 'session'))
      expect(signature).toBe(signatureOf(request, id.replace('id', 'secret'), 'eu-west-3'))
    }
  })

  it('has the time of the server where its own clock is wrong, as the SDK found', async () => {
    aheadMilliseconds = 3_600_000
    const table = opened()
    await names(table)
    await names(table)
    expect(received.map(bySdk)).toEqual([true, false])
    const [first, second] = received.map(({ headers }) =>
      Date.parse((headers['x-amz-date'] ?? '').replace(/(....)(..)(..T..)(..)(..Z)/, '$1-$2-$3:$4:$5')),
    )
    expect((second ?? 0) - (first ?? 0)).toBeGreaterThan(3_000_000)
  })
})
