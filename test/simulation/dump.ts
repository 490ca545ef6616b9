import { type AttributeValue, type DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb'
import { canonicalJson } from '../../functions/kernel/canonical.ts'

export type RawItem = Record<string, AttributeValue>

/** Every item of a table, as the database holds it. */
export async function itemsOf(client: DynamoDBClient, tableName: string): Promise<RawItem[]> {
  const items: RawItem[] = []
  let start: RawItem | undefined
  do {
    const page = await client.send(
      new ScanCommand({ TableName: tableName, ConsistentRead: true, ExclusiveStartKey: start }),
    )
    items.push(...(page.Items ?? []))
    start = page.LastEvaluatedKey
  } while (start)
  return items
}

/** What tells how often something was tried, and what is kept for a while only. */
const passing = new Set(['version', 'requests', 'ttl'])
const isPassing = (kind: string, name: string) => passing.has(name) || (kind === 'close' && name === 'changedAt')
const passingKinds = new Set(['idempotency'])
const passingPartitions = /^SPILL#/

/**
 * The lasting content of a table, item by item. A signature is drawn at random each time, so of a JWS its payload
 * stands; counters of tries are left out.
 */
export function contentOf(items: RawItem[]): Map<string, string> {
  const content = new Map<string, string>()
  for (const item of items) {
    const { pk, sk, itemKind, ...rest } = item
    if (passingKinds.has(itemKind?.S ?? '') || passingPartitions.test(pk?.S ?? '')) continue
    const kept = Object.entries(rest).filter(([name]) => !isPassing(itemKind?.S ?? '', name))
    content.set(`${pk?.S} ${sk?.S}`, canonicalJson(kept.map(([name, value]) => [name, plain(value)]).sort()))
  }
  return content
}

const compactJws = /^eyJ[\w-]+\.([\w-]+)\.[\w-]+$/

function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (typeof value === 'string') return compactJws.exec(value)?.[1] ?? value
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]))
}

/** The keys of what two tables hold differently. */
export function differences(a: Map<string, string>, b: Map<string, string>): string[] {
  return [...new Set([...a.keys(), ...b.keys()])].filter(key => a.get(key) !== b.get(key)).sort()
}
