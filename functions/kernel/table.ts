import {
  ConditionalCheckFailedException,
  DynamoDBClient,
  type DynamoDBClientConfig,
  TransactionCanceledException,
  TransactionConflictException,
} from '@aws-sdk/client-dynamodb'
import {
  BatchGetCommand,
  DeleteCommand,
  type DeleteCommandInput,
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  type PutCommandInput,
  QueryCommand,
  TransactWriteCommand,
  UpdateCommand,
  type UpdateCommandInput,
} from '@aws-sdk/lib-dynamodb'
import { z } from 'zod'
import { type Key, table as names } from '../../schemas/table.ts'
import { notACursor } from './refusal.ts'
import { Conflict, type RecordType, type TransactItem, type Write } from './writes.ts'

export * from './writes.ts'

export type QueryOptions = {
  /** Partition of the table, or of the index if one is named. */
  partition: string
  index?: 'gsi1'
  startsWith?: string
  /** Sort keys from this one on / up to this one, both inclusive. */
  from?: string
  to?: string
  limit?: number
  descending?: boolean
  cursor?: string | undefined
}

export type Page<Item> = { items: Item[]; next?: string }
export type Table = ReturnType<typeof openTable>

/** Only this module knows the AWS SDK: items in and out are parsed by their record type. */
export function openTable(client: DynamoDBClient, tableName: string) {
  const documents = DynamoDBDocumentClient.from(client, {
    marshallOptions: { removeUndefinedValues: true },
    unmarshallOptions: { wrapNumbers: numberOf },
  })

  async function get<S extends z.ZodObject>(type: RecordType<S>, { pk, sk }: Key): Promise<z.output<S> | undefined> {
    const { Item } = await documents.send(
      new GetCommand({ TableName: tableName, Key: { pk, sk }, ConsistentRead: true }),
    )
    return Item && parse(type, Item)
  }

  /** In no particular order; those that do not exist are left out. */
  async function getMany<S extends z.ZodObject>(type: RecordType<S>, keys: Key[]): Promise<z.output<S>[]> {
    const found: z.output<S>[] = []
    for (let start = 0; start < keys.length; start += 100) {
      let wanted: Key[] = keys.slice(start, start + 100).map(({ pk, sk }) => ({ pk, sk }))
      while (wanted.length > 0) {
        const answer = await documents.send(
          new BatchGetCommand({ RequestItems: { [tableName]: { Keys: wanted, ConsistentRead: true } } }),
        )
        for (const item of answer.Responses?.[tableName] ?? []) found.push(parse(type, item))
        wanted = (answer.UnprocessedKeys?.[tableName]?.Keys ?? []) as Key[]
      }
    }
    return found
  }

  async function query<S extends z.ZodObject>(type: RecordType<S>, options: QueryOptions): Promise<Page<z.output<S>>> {
    const answer = await documents.send(new QueryCommand({ TableName: tableName, ...queryInput(options) }))
    const next = answer.LastEvaluatedKey && encodeCursor(answer.LastEvaluatedKey)
    return { items: (answer.Items ?? []).map(item => parse(type, item)), ...(next && { next }) }
  }

  /** Every item of a query, page by page. */
  async function* each<S extends z.ZodObject>(type: RecordType<S>, options: QueryOptions): AsyncGenerator<z.output<S>> {
    let cursor: string | undefined
    do {
      const page = await query(type, { ...options, cursor })
      yield* page.items
      cursor = page.next
    } while (cursor)
  }

  async function all<S extends z.ZodObject>(type: RecordType<S>, options: QueryOptions): Promise<z.output<S>[]> {
    return Array.fromAsync(each(type, options))
  }

  /** Items of several kinds that share a partition, in one Query: what is read together lies together. */
  async function collection<Types extends Record<string, RecordType<z.ZodObject>>>(
    types: Types,
    options: QueryOptions,
  ): Promise<{ [Name in keyof Types]: z.output<Types[Name]['schema']>[] }> {
    const found = Object.fromEntries(Object.keys(types).map(name => [name, [] as unknown[]]))
    let start: Record<string, unknown> | undefined
    do {
      const input = { TableName: tableName, ...queryInput(options), ...(start && { ExclusiveStartKey: start }) }
      const answer = await documents.send(new QueryCommand(input))
      for (const item of answer.Items ?? [])
        for (const [name, type] of Object.entries(types))
          if (item[names.kind] === type.kind) found[name]?.push(parse(type, item))
      start = answer.LastEvaluatedKey
    } while (start)
    return found as { [Name in keyof Types]: z.output<Types[Name]['schema']>[] }
  }

  /** All writes or none, at most 100. @throws Conflict when a condition does not hold or a rival is in the way */
  async function commit(writes: Write[]): Promise<void> {
    try {
      await documents.send(new TransactWriteCommand({ TransactItems: writes.map(write => write(tableName)) }))
    } catch (error) {
      throw conflictOf(error) ?? error
    }
  }

  return {
    get,
    getMany,
    query,
    each,
    all,
    collection,
    commit,
    write: (write: Write) => writeOne(documents, write(tableName)),
  }
}

/** A write of its own costs half of a transaction's. @throws Conflict when its condition does not hold */
async function writeOne(documents: DynamoDBDocumentClient, { Put, Delete, Update }: TransactItem): Promise<void> {
  try {
    if (Put) await documents.send(new PutCommand(Put as PutCommandInput))
    else if (Delete) await documents.send(new DeleteCommand(Delete as DeleteCommandInput))
    else if (Update) await documents.send(new UpdateCommand(Update as UpdateCommandInput))
  } catch (error) {
    throw conflictOf(error) ?? error
  }
}

function conflictOf(error: unknown): Conflict | undefined {
  if (error instanceof ConditionalCheckFailedException) return new Conflict([0])
  if (error instanceof TransactionConflictException) return new Conflict([])
  if (!(error instanceof TransactionCanceledException)) return undefined
  const codes = (error.CancellationReasons ?? []).map(reason => reason.Code ?? 'None')
  const refused = codes.flatMap((code, index) => (code === 'ConditionalCheckFailed' ? [index] : []))
  return refused.length > 0 || codes.includes('TransactionConflict') ? new Conflict(refused) : undefined
}

function parse<S extends z.ZodObject>(type: RecordType<S>, item: Record<string, unknown>): z.output<S> {
  const { pk: _pk, sk: _sk, gsi1pk: _gsi1pk, gsi1sk: _gsi1sk, ttl: _ttl, itemKind: _kind, ...record } = item
  return type.schema.parse(record)
}

/** Balances may pass 2^53: such integers come back as bigint instead of a wrong number. */
function numberOf(text: string): number | bigint {
  const isLarge = /^-?\d+$/.test(text) && !Number.isSafeInteger(Number(text))
  return isLarge ? BigInt(text) : Number(text)
}

function queryInput(options: QueryOptions) {
  const { partition, index, startsWith, from, to, limit, descending, cursor } = options
  const { partitionKey, sortKey } = names.indexes.find(({ name }) => name === index) ?? names
  const range =
    startsWith !== undefined
      ? 'begins_with(#sk, :from)'
      : from !== undefined && to !== undefined
        ? '#sk BETWEEN :from AND :to'
        : from !== undefined
          ? '#sk >= :from'
          : to !== undefined
            ? '#sk <= :to'
            : undefined
  return {
    ...(index && { IndexName: index }),
    KeyConditionExpression: range ? `#pk = :pk AND ${range}` : '#pk = :pk',
    ExpressionAttributeNames: { '#pk': partitionKey, ...(range && { '#sk': sortKey }) },
    ExpressionAttributeValues: {
      ':pk': partition,
      ...((startsWith ?? from) !== undefined && { ':from': startsWith ?? from }),
      ...(startsWith === undefined && to !== undefined && { ':to': to }),
    },
    ...(!index && { ConsistentRead: true }),
    ...(limit && { Limit: limit }),
    ...(descending && { ScanIndexForward: false }),
    ...(cursor && { ExclusiveStartKey: decodeCursor(cursor, options) }),
  }
}

const encodeCursor = (key: Record<string, unknown>): string => Buffer.from(JSON.stringify(key)).toString('base64url')

/**
 * A cursor may come from outside: it names a key within the very query that is asked, or it is none.
 * @throws Refusal invalid-request
 */
function decodeCursor(cursor: string, { partition, index, startsWith = '', from, to }: QueryOptions) {
  const asked = names.indexes.find(({ name }) => name === index)
  const parts = [names, ...(asked ? [asked] : [])].flatMap(({ partitionKey, sortKey }) => [partitionKey, sortKey])
  const key = keyOf(cursor)
  const { partitionKey, sortKey } = asked ?? names
  const place = key[sortKey] ?? ''
  const isWithin =
    Object.keys(key).length === parts.length &&
    parts.every(part => typeof key[part] === 'string' && key[part] !== '') &&
    key[partitionKey] === partition &&
    place.startsWith(startsWith) &&
    (from === undefined || place >= from) &&
    (to === undefined || place <= to)
  if (!isWithin) throw notACursor()
  return key
}

function keyOf(cursor: string): Record<string, string> {
  try {
    return CursorKey.parse(JSON.parse(Buffer.from(cursor.slice(0, 8000), 'base64url').toString()))
  } catch {
    throw notACursor()
  }
}
const CursorKey = z.record(z.string(), z.string())

export const dynamoDbClient = (config: DynamoDBClientConfig): DynamoDBClient => new DynamoDBClient(config)
