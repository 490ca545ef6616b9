import { execFile } from 'node:child_process'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import {
  DeleteItemCommand,
  DeleteTableCommand,
  PutItemCommand,
  waitUntilTableNotExists,
} from '@aws-sdk/client-dynamodb'
import { afterAll, expect, inject, onTestFinished, test } from 'vitest'
import { type FollowOptions, followStream, type StreamRecord } from '../../functions/local/stream.ts'
import { parentsFirst } from '../../functions/local/stream-reader.ts'
import { client, key, makeTable } from '../support/local-engines.ts'

const endpoint = inject('dynamodbEndpoint')
const db = client(endpoint)
afterAll(() => db.destroy())

test('changes arrive in order, with the images before and after, in the shape Lambda gives', async () => {
  const tableName = await makeStreamed('images')
  const seen: StreamRecord[] = []
  const follower = follow({ tableName, onRecords: ({ Records }) => void seen.push(...Records) })
  const bytes = { B: new Uint8Array([0, 255, 7]) }
  await put(tableName, 'a', { n: { N: '1' } })
  await put(tableName, 'a', {
    n: { N: '2' },
    deep: { M: { list: { L: [bytes, { NULL: true }] }, sets: { BS: [bytes.B] } } },
  })
  await db.send(new DeleteItemCommand({ TableName: tableName, Key: key('a') }))
  await follower.idle()
  const Keys = key('a')
  const second = {
    ...Keys,
    n: { N: '2' },
    deep: { M: { list: { L: [{ B: 'AP8H' }, { NULL: true }] }, sets: { BS: ['AP8H'] } } },
  }
  expect(seen.map(record => record.eventName)).toEqual(['INSERT', 'MODIFY', 'REMOVE'])
  expect(seen.map(({ dynamodb: { Keys, OldImage, NewImage } }) => ({ Keys, OldImage, NewImage }))).toEqual([
    { Keys, OldImage: undefined, NewImage: { ...Keys, n: { N: '1' } } },
    { Keys, OldImage: { ...Keys, n: { N: '1' } }, NewImage: second },
    { Keys, OldImage: second, NewImage: undefined },
  ])
  for (const record of seen) {
    expect(record).toMatchObject({ eventSource: 'aws:dynamodb', awsRegion: 'us-east-1' })
    expect(record.dynamodb.StreamViewType).toBe('NEW_AND_OLD_IMAGES')
    expect(Math.abs(record.dynamodb.ApproximateCreationDateTime - Date.now() / 1000)).toBeLessThan(120)
  }
  expect(new Set(seen.map(record => record.eventID)).size).toBe(3)
  expect(JSON.parse(JSON.stringify(seen))).toEqual(seen)
})

test('a consumer that throws gets the same batch again, and nothing behind it in between', async () => {
  const tableName = await makeStreamed('retry')
  const batches: string[][] = []
  const lines: string[] = []
  for (const pk of ['a', 'b']) await put(tableName, pk)
  const follower = follow({
    tableName,
    log: line => lines.push(line),
    async onRecords({ Records }) {
      batches.push(keys(Records))
      if (batches.length === 1) await put(tableName, 'c')
      if (batches.length < 3) throw new Error('not now')
    },
  })
  await follower.idle()
  expect(batches).toEqual([['a', 'b'], ['a', 'b'], ['a', 'b'], ['c']])
  expect(lines).toHaveLength(2)
  expect(lines[0]).toMatch(/2 records again in 50 ms: Error: not now/)
})

test('idle waits for each write made before it, in batches no larger than Lambda gives', async () => {
  const tableName = await makeStreamed('idle')
  let handled = 0
  let largest = 0
  const follower = follow({
    tableName,
    intervalMs: 60_000, // only idle's own wake-up may bring the records
    async onRecords({ Records }) {
      await new Promise(resolve => setTimeout(resolve, 5))
      handled += Records.length
      largest = Math.max(largest, Records.length)
    },
  })
  for (let written = 1; written <= 40; written += 1) {
    await put(tableName, `one${written}`)
    await follower.idle()
    expect(handled).toBe(written)
  }
  await Promise.all(Array.from({ length: 230 }, (_, n) => put(tableName, `many${n}`)))
  await Promise.all([follower.idle(), follower.idle()])
  expect(handled).toBe(270)
  expect(largest).toBe(100)
})

test('LATEST gives what is written after the first idle, nothing from before', async () => {
  const tableName = await makeStreamed('latest')
  await put(tableName, 'before')
  const seen: string[] = []
  const follower = follow({ tableName, from: 'LATEST', onRecords: ({ Records }) => void seen.push(...keys(Records)) })
  await follower.idle()
  await put(tableName, 'after')
  await follower.idle()
  expect(seen).toEqual(['after'])
})

test('an expired iterator is replaced after the last handled record: none lost, none twice', async () => {
  const tableName = await makeStreamed('expiry')
  let reads = 0
  const proxy = await faultyProxy(target => {
    if (!target.endsWith('.GetRecords')) return undefined
    reads += 1
    return reads % 2 === 0 ? 'ExpiredIteratorException' : undefined
  })
  const seen: string[] = []
  const onRecords = ({ Records }: { Records: StreamRecord[] }) => void seen.push(...keys(Records))
  const follower = follow({ tableName, endpoint: proxy, onRecords })
  for (const pk of ['a', 'b', 'c']) {
    await put(tableName, pk)
    await follower.idle()
  }
  expect(seen).toEqual(['a', 'b', 'c'])
  expect(reads).toBeGreaterThan(4)
})

test('a table made again under the same name is followed again', async () => {
  const tableName = await makeStreamed('again')
  const seen: string[] = []
  const follower = follow({ tableName, intervalMs: 10, onRecords: ({ Records }) => void seen.push(...keys(Records)) })
  await put(tableName, 'first')
  await follower.idle()
  await db.send(new DeleteTableCommand({ TableName: tableName }))
  await waitUntilTableNotExists({ client: db, maxWaitTime: 10, minDelay: 0.05 }, { TableName: tableName })
  const waiting = follower.idle()
  await makeStreamed('again')
  await put(tableName, 'second')
  await waiting
  await follower.idle()
  // dynoxide keeps the records of the old table in the stream of the new one, so 'first' may come once more.
  expect(seen[0]).toBe('first')
  expect(seen.at(-1)).toBe('second')
})

test('stop ends a consumer that keeps failing, and refuses whoever waits', async () => {
  const tableName = await makeStreamed('stop')
  await put(tableName, 'a')
  const follower = follow({ tableName, onRecords: () => Promise.reject(new Error('never')) })
  const waiting = expect(follower.idle()).rejects.toThrow('stopped before the stream was read')
  await new Promise(resolve => setTimeout(resolve, 400))
  await follower.stop()
  await waiting
  await expect(follower.idle()).rejects.toThrow('stopped')
})

test('a process ends by itself once its follower is stopped', async () => {
  const tableName = await makeStreamed('exit')
  const module = JSON.stringify(new URL('../../functions/local/stream.ts', import.meta.url).href)
  const options = JSON.stringify({ endpoint, tableName, intervalMs: 60_000 })
  const script = `
    const { followStream } = await import(${module})
    const follower = followStream({ ...${options}, onRecords() {} })
    await follower.idle()
    await follower.stop()
    console.log('stopped')`
  const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { timeout: 15_000 })
  expect((await run).stdout).toBe('stopped\n')
}, 20_000)

test('shards are read parents first, whatever the order of the list', () => {
  const shards = [
    { ShardId: 'c', ParentShardId: 'b' },
    { ShardId: 'b', ParentShardId: 'a' },
    { ShardId: 'x', ParentShardId: 'trimmed' },
    { ShardId: 'a' },
  ]
  expect(parentsFirst(shards).map(shard => shard.ShardId)).toEqual(['a', 'b', 'c', 'x'])
})

function follow(options: Partial<FollowOptions> & Pick<FollowOptions, 'tableName' | 'onRecords'>) {
  const follower = followStream({ endpoint, intervalMs: 20, ...options })
  onTestFinished(() => follower.stop())
  return follower
}

function keys(records: readonly StreamRecord[]): string[] {
  return records.map(({ dynamodb }) => {
    const { pk } = dynamodb.Keys
    return pk !== undefined && 'S' in pk ? pk.S : ''
  })
}

async function put(TableName: string, pk: string, rest: PutItemCommand['input']['Item'] = {}): Promise<void> {
  await db.send(new PutItemCommand({ TableName, Item: { ...key(pk), ...rest } }))
}

async function makeStreamed(purpose: string): Promise<string> {
  const tableName = `stream-test-${purpose}-${process.pid}`
  await makeTable(db, tableName)
  return tableName
}

/** Stands before the engine and answers with the named AWS error where `fault` says so. */
async function faultyProxy(fault: (target: string) => string | undefined): Promise<string> {
  const server = createServer(async (request, response) => {
    const body = await bodyOf(request)
    const name = fault(String(request.headers['x-amz-target']))
    if (name !== undefined) {
      response.writeHead(400, { 'content-type': 'application/x-amz-json-1.0' })
      response.end(JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${name}`, message: name }))
      return
    }
    const { 'content-length': _length, host: _host, connection: _connection, ...headers } = request.headers
    const answer = await fetch(endpoint, { method: 'POST', headers: headers as Record<string, string>, body })
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' })
    response.end(Buffer.from(await answer.arrayBuffer()))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    return new Promise<void>(resolve => server.close(() => resolve()))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function bodyOf(request: IncomingMessage): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return new Uint8Array(Buffer.concat(chunks))
}
