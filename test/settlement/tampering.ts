import {
  type AttributeValue,
  BatchWriteItemCommand,
  DeleteItemCommand,
  type DynamoDBClient,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb'
import { dynamoDbClient } from '../../functions/kernel/table.ts'
import { localAccess } from '../../functions/local/engine.ts'
import { itemsOf, type RawItem } from '../simulation/dump.ts'

/** A way to a table around everything that guards it, as somebody with access to the database has. */
export type Intruder = {
  items(): Promise<RawItem[]>
  put(items: readonly RawItem[]): Promise<void>
  remove(item: RawItem): Promise<void>
  end(): void
}

export function intruder(endpoint: string, tableName: string): Intruder {
  const client: DynamoDBClient = dynamoDbClient({ endpoint, ...localAccess })
  return {
    items: () => itemsOf(client, tableName),
    async put(items) {
      if (items.length === 1) await client.send(new PutItemCommand({ TableName: tableName, Item: items[0] }))
      else
        for (let start = 0; start < items.length; start += 25) {
          const requests = items.slice(start, start + 25).map(Item => ({ PutRequest: { Item } }))
          await client.send(new BatchWriteItemCommand({ RequestItems: { [tableName]: requests } }))
        }
    },
    async remove({ pk, sk }) {
      if (pk && sk) await client.send(new DeleteItemCommand({ TableName: tableName, Key: { pk, sk } }))
    },
    end: () => client.destroy(),
  }
}

/** Another value in the place of this one, of the same type, as small a change as there is. */
export function changed(value: AttributeValue): AttributeValue {
  if (value.S !== undefined)
    return { S: value.S.endsWith('0') ? `${value.S.slice(0, -1)}1` : `${value.S.slice(0, -1)}0` }
  if (value.N !== undefined) return { N: String(BigInt(value.N) + 1n) }
  if (value.BOOL !== undefined) return { BOOL: !value.BOOL }
  if (value.B !== undefined) return { B: flipped(value.B) }
  if (value.L !== undefined) return { L: value.L.length > 0 ? value.L.slice(1) : [{ S: 'forged' }] }
  if (value.M !== undefined) {
    const [[name, inner] = []] = Object.entries(value.M)
    return { M: name !== undefined && inner ? { ...value.M, [name]: changed(inner) } : { forged: { S: 'forged' } } }
  }
  return { S: 'forged' }
}

/** A bit beyond the header: what gzip says of itself there (RFC 1952 §2.3), such as a system's name, changes no line. */
function flipped(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes)
  const at = Math.max(10, Math.floor(copy.length / 2))
  copy[at] = (copy[at] ?? 0) ^ 1
  return copy
}
