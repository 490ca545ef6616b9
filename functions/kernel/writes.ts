import type { TransactWriteCommandInput } from '@aws-sdk/lib-dynamodb'
import type { z } from 'zod'
import { type IndexKey, type Key, table as names } from '../../schemas/table.ts'

/** A kind of item: its name in `itemKind`, and the strict shape it is parsed by on write and on read. */
export type RecordType<S extends z.ZodObject> = { kind: string; schema: S }
export const recordType = <S extends z.ZodObject>(kind: string, schema: S): RecordType<S> => ({ kind, schema })

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

/** A condition did not hold or a rival was in the way: load again and decide again. */
export class Conflict extends Error {
  /** Indexes of the writes that were refused; empty when only a rival transaction was in the way. */
  readonly refused: number[]
  constructor(refused: number[]) {
    super('a conditional write was refused')
    this.name = 'Conflict'
    this.refused = refused
  }
}

/** `.catch(passOverConflict)`: for a write that an earlier run or a rival may have made already, with the same content. */
export function passOverConflict(error: unknown): void {
  if (!(error instanceof Conflict)) throw error
}

const longestPauseMilliseconds = 500

/**
 * Runs a load → decide → commit again when a rival got in between. The pauses grow and are drawn at random, so that
 * rivals part instead of meeting again.
 * @throws Conflict when the last attempt is refused too
 */
export async function againOnConflict<T>(attempt: () => Promise<T>, attempts = 12): Promise<T> {
  for (let made = 1; ; made++) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof Conflict) || made >= attempts) throw error
      await new Promise(resolve =>
        setTimeout(resolve, Math.random() * Math.min(longestPauseMilliseconds, 2 ** made * 4)),
      )
    }
  }
}
