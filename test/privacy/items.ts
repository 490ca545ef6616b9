import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { DynamoDBDocumentClient, paginateScan } from '@aws-sdk/lib-dynamodb'
import { inject } from 'vitest'
import { canonicalJson } from '../../functions/kernel/canonical.ts'

export type Item = Record<string, unknown> & { pk: string; sk: string; itemKind: string }

/** Every item of a table, whatever it is: what is nowhere in them is not stored. */
export async function everyItem(tableName: string): Promise<Item[]> {
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' }
  const engine = new DynamoDBClient({ region: 'us-east-1', endpoint: inject('dynamodbEndpoint'), credentials })
  const client = DynamoDBDocumentClient.from(engine)
  const items: Item[] = []
  for await (const page of paginateScan({ client }, { TableName: tableName, ConsistentRead: true }))
    for (const item of page.Items ?? []) items.push(item as Item)
  engine.destroy()
  return items
}

/** The items that hold one of the texts, as `kind: text`. */
export const itemsWith = (items: Item[], texts: string[]): string[] =>
  items.flatMap(item =>
    texts.filter(text => JSON.stringify(item).includes(text)).map(text => `${item.itemKind}: ${text}`),
  )

const drawn = new Set(['orderKey', 'status', 'sealedClientSecret', 'sealed'])

/** Items without what is drawn at random, so that two worlds with the same history compare as equal. */
export const comparable = (items: Item[]): string[] =>
  items
    .map(item => JSON.stringify(item, (key, value) => (drawn.has(key) ? undefined : value)))
    .map(text => text.replaceAll(/[0-9A-HJKMNP-TV-Z]{26}/g, 'ID'))
    // Places that follow from a hash of an id.
    .map(text => text.replaceAll(/(ENTITLEMENTS#\w+#)[0-9a-f]{2}/g, '$1').replaceAll(/(DUE#)\d/g, '$1'))
    .map(text => canonicalJson(inOrder(JSON.parse(text))))
    .toSorted()

/** Entitlements of one instant sort by what is random in their ids. */
const inOrder = (item: Item) => ({
  ...item,
  ...(Array.isArray(item['entitlements']) && { entitlements: item['entitlements'].map(canonicalJson).toSorted() }),
})
