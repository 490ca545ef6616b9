import { DescribeTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb'
import {
  DescribeStreamCommand,
  DynamoDBStreamsClient,
  GetRecordsCommand,
  type GetRecordsCommandOutput,
  GetShardIteratorCommand,
  type Shard,
} from '@aws-sdk/client-dynamodb-streams'
import { localAccess } from './engine.ts'
import { lambdaRecord, type StreamEvent } from './stream-record.ts'

export interface StreamSource {
  readonly endpoint: string
  readonly tableName: string
  readonly region?: string
  /** TRIM_HORIZON (default): everything the stream still holds. LATEST: what is written after the first `idle()`. */
  readonly from?: 'TRIM_HORIZON' | 'LATEST'
  readonly log?: (line: string) => void
}

/** Lambda's default batch size for streams, so that a consumer meets the same splits here as there. */
const batchSize = 100
const shardListMaxAgeMs = 5_000

interface Position {
  iterator: string | undefined
  lastHandled: string | undefined
  ended: boolean
}

/** Where the reading of one table's stream stands, shard by shard. */
export class StreamReader {
  readonly #source: StreamSource
  readonly #handOver: (event: StreamEvent) => Promise<boolean>
  readonly #region: string
  readonly #tables: DynamoDBClient
  readonly #streams: DynamoDBStreamsClient
  readonly #positions = new Map<string, Position>()
  #streamArn = ''
  #shards: Shard[] = []
  #listedAt = Number.NEGATIVE_INFINITY
  #begun = false

  constructor(source: StreamSource, handOver: (event: StreamEvent) => Promise<boolean>) {
    this.#source = source
    this.#handOver = handOver
    this.#region = source.region ?? localAccess.region
    const access = { ...localAccess, endpoint: source.endpoint, region: this.#region }
    this.#tables = new DynamoDBClient(access)
    this.#streams = new DynamoDBStreamsClient(access)
  }

  close(): void {
    this.#tables.destroy()
    this.#streams.destroy()
  }

  /** One look at every shard, parents before children; true when each open one had nothing more to give. */
  async round(listAnew: boolean): Promise<boolean> {
    const due = listAnew || performance.now() - this.#listedAt > shardListMaxAgeMs
    try {
      if (due || [...this.#positions.values()].every(position => position.ended)) await this.#list()
      let complete = true
      for (const { ShardId = '', ParentShardId = '' } of parentsFirst(this.#shards)) {
        const position = this.#positions.get(ShardId)
        if (position === undefined || position.ended) continue
        const drained = this.#positions.get(ParentShardId)?.ended !== false && (await this.#drain(ShardId, position))
        complete = complete && drained
      }
      return complete
    } catch (error) {
      if (error instanceof Error && error.name === 'ResourceNotFoundException') this.#forget()
      throw error
    }
  }

  /** Reads one shard until it answers empty; false if it ended (its children come next) or the follower stopped. */
  async #drain(shardId: string, position: Position): Promise<boolean> {
    while (true) {
      position.iterator ??= await this.#iterator(shardId, position.lastHandled, 'TRIM_HORIZON')
      const { Records = [], NextShardIterator } = await this.#read(shardId, position)
      if (Records.length > 0) {
        const records = Records.map(record => lambdaRecord(record, this.#streamArn, this.#region))
        if (!(await this.#handOver({ Records: records }))) return false
        position.lastHandled = records.at(-1)?.dynamodb.SequenceNumber
      }
      position.iterator = NextShardIterator
      // The missing next iterator is the only sure sign of a closed shard: dynoxide gives open ones an ending number.
      position.ended = NextShardIterator === undefined
      if (position.ended) this.#listedAt = Number.NEGATIVE_INFINITY
      if (position.ended || Records.length === 0) return !position.ended
    }
  }

  /** After any failed read the iterator is asked for anew, after the last handled record. */
  async #read(shardId: string, position: Position): Promise<GetRecordsCommandOutput> {
    try {
      const query = new GetRecordsCommand({ ShardIterator: position.iterator, Limit: batchSize })
      return await this.#streams.send(query)
    } catch (error) {
      position.iterator = undefined
      if (error instanceof Error && error.name === 'TrimmedDataAccessException') {
        position.lastHandled = undefined
        this.#source.log?.(`stream of ${this.#source.tableName}: shard ${shardId} dropped records nobody had read`)
      }
      throw error
    }
  }

  async #list(): Promise<void> {
    const streamArn = await this.#findStream()
    // A stream outlives its table, so only its name tells that the table was made again.
    if (streamArn !== this.#streamArn) this.#forget()
    this.#streamArn = streamArn
    const found: Shard[] = []
    let after: string | undefined
    do {
      const query = new DescribeStreamCommand({ StreamArn: this.#streamArn, ExclusiveStartShardId: after })
      const { StreamDescription: page } = await this.#streams.send(query)
      found.push(...(page?.Shards ?? []))
      after = page?.LastEvaluatedShardId
    } while (after !== undefined)
    // Only the shards of the first look may be skipped to their end: a later one began after we did.
    const skip = !this.#begun && this.#source.from === 'LATEST'
    for (const { ShardId = '' } of found) {
      if (this.#positions.has(ShardId)) continue
      const iterator = skip ? await this.#iterator(ShardId, undefined, 'LATEST') : undefined
      this.#positions.set(ShardId, { iterator, lastHandled: undefined, ended: false })
    }
    const listed = new Set(found.map(shard => shard.ShardId))
    for (const shardId of this.#positions.keys()) if (!listed.has(shardId)) this.#positions.delete(shardId)
    this.#shards = found
    this.#listedAt = performance.now()
    this.#begun = true
  }

  async #findStream(): Promise<string> {
    const { Table } = await this.#tables.send(new DescribeTableCommand({ TableName: this.#source.tableName }))
    if (Table?.LatestStreamArn === undefined) throw new Error(`table ${this.#source.tableName} has no stream`)
    return Table.LatestStreamArn
  }

  async #iterator(shardId: string, after: string | undefined, start: 'TRIM_HORIZON' | 'LATEST'): Promise<string> {
    const from =
      after === undefined
        ? { ShardIteratorType: start }
        : { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER' as const, SequenceNumber: after }
    const query = new GetShardIteratorCommand({ StreamArn: this.#streamArn, ShardId: shardId, ...from })
    const { ShardIterator } = await this.#streams.send(query)
    if (ShardIterator === undefined) throw new Error(`no iterator for shard ${shardId}`)
    return ShardIterator
  }

  /** The table is gone; one of the same name may come, with a stream of its own. */
  #forget(): void {
    this.#streamArn = ''
    this.#shards = []
    this.#positions.clear()
  }
}

/** Shards ordered so that each comes after its parent, if the list has it. */
export function parentsFirst(shards: readonly Shard[]): Shard[] {
  const known = new Map(shards.map(shard => [shard.ShardId, shard]))
  const ordered = new Set<Shard>()
  for (const shard of shards) {
    const line: Shard[] = []
    for (let at: Shard | undefined = shard; at !== undefined && !ordered.has(at) && !line.includes(at); ) {
      line.unshift(at)
      at = at.ParentShardId === undefined ? undefined : known.get(at.ParentShardId)
    }
    for (const one of line) ordered.add(one)
  }
  return [...ordered]
}
