import { isDeepStrictEqual } from 'node:util'
import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import type { TransactWriteCommandInput } from '@aws-sdk/lib-dynamodb'
import * as z from 'zod'
import { type IndexKey, type Key, table as names } from '../../schemas/table.ts'
import { notACursor } from './refusal.ts'

/** A kind of item: its name in `itemKind`, and the strict shape it is parsed by on write and on read. */
export type RecordType<S extends z.ZodObject> = { kind: string; schema: S }
export const recordType = <S extends z.ZodObject>(kind: string, schema: S): RecordType<S> => ({ kind, schema })

const anyKind = '*'
/** Any item as it lies there, with all that the table itself goes by: to read only, for who compares whole items. */
export const anyItem = recordType(anyKind, z.looseObject({ pk: z.string(), sk: z.string() }))
export type AnyItem = z.infer<(typeof anyItem)['schema']>

/** When a write may happen. `equals` compares top-level attributes; `absentOr` also allows that there is no item. */
export type Condition =
  | 'absent'
  | 'present'
  | { equals: Record<string, string | number> }
  | { absentOr: Record<string, string | number> }

export type TransactItem = NonNullable<TransactWriteCommandInput['TransactItems']>[number]
/** One write of a commit; made by `put`, `remove`, `check` and `add`. */
export type Write = (tableName: string) => TransactItem

type Address = Key & Partial<IndexKey>

export const put =
  <S extends z.ZodObject>(
    type: RecordType<S>,
    key: Address,
    item: z.input<S>,
    { when, ttl }: { when?: Condition; ttl?: number } = {},
  ): Write =>
  TableName => ({
    Put: {
      TableName,
      Item: { ...type.schema.parse(item), ...key, [names.kind]: type.kind, ...(ttl && { [names.timeToLive]: ttl }) },
      ...expressionOf(when),
    },
  })

/** The whole item that a `put` writes, to be compared with one that lies there. */
export const itemOf = (write: Write): AnyItem => anyItem.schema.parse(write('').Put?.Item)

/** Whether two items are the same in every attribute, those included that the table itself goes by. */
export const isSameItem = (one: Record<string, unknown>, other: Record<string, unknown>): boolean =>
  isDeepStrictEqual(comparable(one), comparable(other))

/**
 * Numbers come back as bigint where they are large, bytes as another class of array; undefined is not stored. The type
 * stands beside the value, lest a text be taken for the number or the bytes that it spells.
 */
function comparable(value: unknown): unknown {
  if (value instanceof Uint8Array) return ['bytes', Buffer.from(value).toString('base64')]
  if (typeof value === 'bigint' || typeof value === 'number') return ['number', String(value)]
  if (Array.isArray(value)) return ['list', ...value.map(comparable)]
  if (typeof value !== 'object' || value === null) return value
  const held = Object.entries(value).filter(([, inner]) => inner !== undefined)
  return Object.fromEntries(held.map(([name, inner]) => [name, comparable(inner)]))
}

export const remove =
  ({ pk, sk }: Key, when?: Condition): Write =>
  TableName => ({ Delete: { TableName, Key: { pk, sk }, ...expressionOf(when) } })

export const check =
  ({ pk, sk }: Key, when: Condition): Write =>
  TableName => ({
    ConditionCheck: { TableName, Key: { pk, sk }, ConditionExpression: '', ...expressionOf(when) },
  })

/** Adds to a number, creating the item. Only beside a create-only marker: alone it would count a retry twice. */
export const add =
  ({ pk, sk }: Key, kind: string, attribute: string, amount: bigint): Write =>
  TableName => ({
    Update: {
      TableName,
      Key: { pk, sk },
      UpdateExpression: 'ADD #attribute :amount SET #kind = :kind',
      ExpressionAttributeNames: { '#attribute': attribute, '#kind': names.kind },
      ExpressionAttributeValues: { ':amount': amount, ':kind': kind },
    },
  })

function expressionOf(when: Condition | undefined) {
  if (when === undefined) return {}
  if (when === 'absent') return { ConditionExpression: 'attribute_not_exists(pk)' }
  if (when === 'present') return { ConditionExpression: 'attribute_exists(pk)' }
  const wanted = Object.entries('equals' in when ? when.equals : when.absentOr)
  const equal = wanted.map((_, index) => `#c${index} = :c${index}`).join(' AND ')
  return {
    ConditionExpression: 'equals' in when ? equal : `attribute_not_exists(pk) OR (${equal})`,
    ExpressionAttributeNames: Object.fromEntries(wanted.map(([name], index) => [`#c${index}`, name])),
    ExpressionAttributeValues: Object.fromEntries(wanted.map(([, value], index) => [`:c${index}`, value])),
  }
}

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

/** The input of a Query or of one page of it. */
export function queryInput(options: QueryOptions) {
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

/** The input of the Query of a whole partition, of which `where` leaves out some. */
export function collectionInput(partition: string, where: Record<string, string>) {
  const wanted = Object.entries(where)
  return {
    KeyConditionExpression: '#pk = :pk',
    ...(wanted.length > 0 && { FilterExpression: wanted.map((_, at) => `#w${at} = :w${at}`).join(' AND ') }),
    ExpressionAttributeNames: {
      '#pk': names.partitionKey,
      ...Object.fromEntries(wanted.map(([name], at) => [`#w${at}`, name])),
    },
    ExpressionAttributeValues: {
      ':pk': { S: partition },
      ...Object.fromEntries(wanted.map(([, value], at) => [`:w${at}`, { S: value }])),
    },
    ConsistentRead: true,
  }
}

export const encodeCursor = (key: Record<string, unknown>): string =>
  Buffer.from(JSON.stringify(key)).toString('base64url')

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

/** Balances may pass 2^53: such integers come back as bigint instead of a wrong number. */
export function numberOf(text: string): number | bigint {
  const isLarge = /^-?\d+$/.test(text) && !Number.isSafeInteger(Number(text))
  return isLarge ? BigInt(text) : Number(text)
}

/** An item as the SDK's document client would give it, where it holds neither bytes nor sets. */
export const plainItem = (item: Record<string, AttributeValue>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(item).map(([name, value]) => [name, plainOf(value)]))

function plainOf({ S, N, BOOL, NULL, L, M }: AttributeValue): unknown {
  if (S !== undefined) return S
  if (N !== undefined) return numberOf(N)
  if (BOOL !== undefined) return BOOL
  if (NULL) return null
  if (L) return L.map(plainOf)
  if (M) return plainItem(M)
  throw new TypeError('an item of a collection has an attribute of another type')
}

export function parse<S extends z.ZodObject>(type: RecordType<S>, item: Record<string, unknown>): z.output<S> {
  if (type.kind === anyKind) return type.schema.parse(item)
  return type.schema.parse(recordIn(item))
}

function recordIn(item: Record<string, unknown>): Record<string, unknown> {
  const { pk: _pk, sk: _sk, gsi1pk: _gsi1pk, gsi1sk: _gsi1sk, ttl: _ttl, itemKind: _kind, ...record } = item
  return record
}

/** An item as a record of this kind; undefined where it is none. */
export const readAs = <S extends z.ZodObject>(type: RecordType<S>, item: AnyItem): z.output<S> | undefined =>
  type.schema.safeParse(recordIn(item)).data
