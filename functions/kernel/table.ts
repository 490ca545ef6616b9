import {
  type AttributeValue,
  ConditionalCheckFailedException,
  DynamoDBClient,
  type DynamoDBClientConfig,
  QueryCommand as PlainQueryCommand,
  type QueryCommandInput,
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
import type * as z from 'zod'
import { type Key, table as names } from '../../schemas/table.ts'
import { Conflict } from './refusal.ts'
import {
  collectionInput,
  encodeCursor,
  numberOf,
  parse,
  plainItem,
  type QueryOptions,
  queryInput,
  type RecordType,
  type TransactItem,
  type Write,
} from './requests.ts'

export { againOnConflict, Conflict, passOverConflict } from './refusal.ts'
export * from './requests.ts'

export type Page<Item> = { items: Item[]; next?: string }
export type Table = ReturnType<typeof openTable>

/** Only this module knows the AWS SDK: items in and out are parsed by their record type. */
export function openTable(client: DynamoDBClient, tableName: string) {
  const documents = DynamoDBDocumentClient.from(client, {
    marshallOptions: { removeUndefinedValues: true },
    unmarshallOptions: { wrapNumbers: numberOf },
  })
  const queryDirectly = directQuery(client)

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

  /** The keys of one page of a query, whatever the items hold: of what is to be removed. */
  async function keys(options: Omit<QueryOptions, 'index'>): Promise<Key[]> {
    const { ExpressionAttributeNames, ...input } = queryInput(options)
    const projected = {
      ...input,
      ProjectionExpression: '#pk, #sk',
      ExpressionAttributeNames: { ...ExpressionAttributeNames, '#sk': names.sortKey },
    }
    const answer = await documents.send(new QueryCommand({ TableName: tableName, ...projected }))
    return (answer.Items ?? []) as Key[]
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

  /**
   * Items of several kinds that share a partition, in one Query: what is read together lies together. `where` names
   * attributes that they must have; DynamoDB leaves out the others. Items of text, numbers and what is made of them.
   */
  async function collection<Types extends Record<string, RecordType<z.ZodObject>>>(
    types: Types,
    { partition, where = {} }: { partition: string; where?: Record<string, string> },
  ): Promise<{ [Name in keyof Types]: z.output<Types[Name]['schema']>[] }> {
    const found = Object.fromEntries(Object.keys(types).map(name => [name, [] as unknown[]]))
    const input = { TableName: tableName, ...collectionInput(partition, where) }
    let start: CollectionPage['LastEvaluatedKey']
    do {
      const page = await queryDirectly({ ...input, ...(start && { ExclusiveStartKey: start }) })
      for (const item of page.Items ?? []) {
        const plain = plainItem(item)
        for (const [name, type] of Object.entries(types))
          if (plain[names.kind] === type.kind) found[name]?.push(parse(type, plain))
      }
      start = page.LastEvaluatedKey
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

  /**
   * Adds to a number of an item that exists, and gives the item as it then is; undefined where there is none. The SDK may
   * repeat the request after a lost answer: for numbers of which some may be left out, such as those drawn from a row.
   */
  async function increase<S extends z.ZodObject>(
    type: RecordType<S>,
    { pk, sk }: Key,
    attribute: string & keyof z.output<S>,
    amount: number,
  ): Promise<z.output<S> | undefined> {
    try {
      const { Attributes } = await documents.send(
        new UpdateCommand({
          TableName: tableName,
          Key: { pk, sk },
          UpdateExpression: 'ADD #attribute :amount',
          ConditionExpression: 'attribute_exists(pk)',
          ExpressionAttributeNames: { '#attribute': attribute },
          ExpressionAttributeValues: { ':amount': amount },
          ReturnValues: 'ALL_NEW',
        }),
      )
      return Attributes && parse(type, Attributes)
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return undefined
      throw error
    }
  }

  return {
    get,
    getMany,
    increase,
    query,
    keys,
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

type CollectionPage = {
  Items?: Record<string, AttributeValue>[] | undefined
  LastEvaluatedKey?: Record<string, AttributeValue> | undefined
}
type Signer = Awaited<ReturnType<DynamoDBClient['config']['signer']>>
type HttpRequest = Parameters<Signer['sign']>[0]

/** An answer of DynamoDB takes milliseconds; what takes longer is left to the SDK and its retries. */
const directMilliseconds = 2_000

/**
 * A Query that the SDK's signer and HTTP client send without the layers between them, for less than half of the CPU time
 * (ADR 9). The SDK makes the first one, which tells what a request looks like, and any that has no good answer at once:
 * it knows all errors, corrects its clock and retries.
 */
function directQuery(client: DynamoDBClient): (input: QueryCommandInput) => Promise<CollectionPage> {
  const { config } = client
  let known: { signer: Signer; pattern: HttpRequest } | undefined

  async function direct({ signer, pattern }: NonNullable<typeof known>, input: QueryCommandInput) {
    const signingDate = new Date(Date.now() + config.systemClockOffset)
    const request = await signer.sign({ ...pattern, body: JSON.stringify(input) }, { signingDate })
    const abortSignal = AbortSignal.timeout(directMilliseconds)
    const { response } = await config.requestHandler.handle(request, { abortSignal })
    const body = Buffer.from(await config.streamCollector(response.body)).toString()
    if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`)
    return JSON.parse(body) as CollectionPage
  }

  return async input => {
    const answer = known && (await direct(known, input).catch(() => undefined))
    if (answer) return answer
    known = undefined
    const command = new PlainQueryCommand(input)
    let sent: HttpRequest | undefined
    command.middlewareStack.add(
      next => args => {
        sent = args.request as HttpRequest
        return next(args)
      },
      { step: 'finalizeRequest', priority: 'low' },
    )
    const page = await client.send(command)
    if (sent) known = { signer: await config.signer(), pattern: patternOf(sent) }
    return page
  }
}

/** What all Queries have in common: where they go, and the headers that say what they are. */
function patternOf({ method, protocol, hostname, port, path, headers }: HttpRequest): HttpRequest {
  const lasting = Object.entries(headers).filter(([name]) => ['host', 'content-type', 'x-amz-target'].includes(name))
  return { method, protocol, hostname, ...(port && { port }), path, query: {}, headers: Object.fromEntries(lasting) }
}

export const dynamoDbClient = (config: DynamoDBClientConfig): DynamoDBClient => new DynamoDBClient(config)
