import { Agent, request } from 'node:http'
import { gzipSync } from 'node:zlib'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DynamoDBDocumentClient, PutCommand } from '@aws-sdk/lib-dynamodb'
import { localAccess } from '../../../functions/local/engine.ts'
import { type BenchEvent, benchEvents, ndjsonOf } from '../ingest-world.ts'
import { answering, processorMicroseconds } from './answering.ts'

export type BatchLoad = {
  port: number
  /** One sender each: senders take turns in this order. */
  authorizations: readonly string[]
  batches: number
  events: number
  gzip: boolean
  concurrency: number
}
export type PutLoad = { endpoint: string; tableName: string; events: number; concurrency: number }
/** Elapsed time; `cpuMilliseconds` is that of this process. */
export type IngestLoaded = { seconds: number; cpuMilliseconds: number }

/** Both contenders make their events before the clock starts, and keep the same number of requests under way. */
answering({
  async batches({ port, authorizations, batches, events, gzip, concurrency }: BatchLoad): Promise<IngestLoaded> {
    const plain = Array.from({ length: batches }, () => Buffer.from(ndjsonOf(benchEvents(events))))
    const bodies = gzip ? plain.map(body => gzipSync(body)) : plain
    const agent = new Agent({ keepAlive: true, maxSockets: concurrency })
    const coding: Record<string, string> = gzip ? { 'content-encoding': 'gzip' } : {}
    try {
      return await timed(bodies, concurrency, (body, place) =>
        post(agent, port, body, { ...coding, authorization: authorizations[place % authorizations.length] ?? '' }),
      )
    } finally {
      agent.destroy()
    }
  },
  async puts({ endpoint, tableName, events, concurrency }: PutLoad): Promise<IngestLoaded> {
    const documents = DynamoDBDocumentClient.from(new DynamoDBClient({ endpoint, ...localAccess }))
    try {
      return await timed(benchEvents(events), concurrency, event => put(documents, tableName, event))
    } finally {
      documents.destroy()
    }
  },
})

async function timed<T>(
  items: readonly T[],
  concurrency: number,
  send: (item: T, sender: number) => Promise<unknown>,
): Promise<IngestLoaded> {
  const [started, cpu] = [performance.now(), processorMicroseconds()]
  let next = 0
  await Promise.all(
    Array.from({ length: concurrency }, async (_, sender) => {
      for (let item = items[next++]; item !== undefined; item = items[next++]) await send(item, sender)
    }),
  )
  return {
    seconds: (performance.now() - started) / 1000,
    cpuMilliseconds: (processorMicroseconds() - cpu) / 1000,
  }
}

/** The other way to store usage: an item for each event, of which the id decides whether it is new. */
const put = (documents: DynamoDBDocumentClient, TableName: string, event: BenchEvent) =>
  documents.send(
    new PutCommand({
      TableName,
      Item: { pk: `EVENT#youku#${event.id}`, sk: 'HEAD', ...event },
      ConditionExpression: 'attribute_not_exists(pk)',
    }),
  )

function post(agent: Agent, port: number, body: Uint8Array, more: Record<string, string>): Promise<void> {
  const headers = { 'content-type': 'application/x-ndjson', 'content-length': body.byteLength, ...more }
  return new Promise((resolve, reject) => {
    const asked = request(
      { agent, host: '127.0.0.1', port, path: '/v1/usage-batches', method: 'POST', headers },
      answer => {
        const chunks: Buffer[] = []
        answer.on('data', chunk => chunks.push(chunk))
        answer.on('error', reject)
        answer.on('end', () => {
          const text = Buffer.concat(chunks).toString()
          if (answer.statusCode !== 202 || !text.includes('"malformed":[]'))
            reject(new Error(`a batch was answered ${answer.statusCode}: ${text.slice(0, 300)}`))
          else resolve()
        })
      },
    )
    asked.on('error', reject)
    asked.end(body)
  })
}
