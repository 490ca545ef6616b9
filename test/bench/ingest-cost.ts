import type { RecordedCall } from '../support/recorded-table.ts'
import { type Grid, number } from './report.ts'

/** US dollars, us-east-1, as the design's list of references has them; storage as DynamoDB's page of prices. */
const price = {
  writeUnit: 0.625 / 1e6,
  readUnit: 0.125 / 1e6,
  gigabyteSecond: 0.0000133334,
  invocation: 0.2 / 1e6,
  httpRequest: 1 / 1e6,
  storedGigabyte: 0.25,
}
/** `infra/lambdas.ts` gives the api Lambda 1,024 MB, and HTTP API counts a request for each 512 KB of it. */
const lambdaGigabytes = 1
const meteredBytes = 512 * 1024

type Consumed = { CapacityUnits?: number }

/**
 * Units as the engine itself counts them, of calls that write or of calls that read. Local engines do not count
 * transactions as DynamoDB does, which takes two units for each KB that an item begins.
 */
export function unitsOf(calls: readonly RecordedCall[], kind: 'read' | 'write'): number {
  const reads = new Set(['GetItem', 'Query', 'BatchGetItem'])
  return calls
    .filter(({ operation }) => reads.has(operation) === (kind === 'read'))
    .reduce((sum, call) => sum + (call.operation === 'TransactWriteItems' ? unitsByRule(call) : unitsTold(call)), 0)
}

const unitsTold = ({ answer }: RecordedCall): number =>
  ([answer.ConsumedCapacity ?? []].flat() as Consumed[]).reduce((sum, { CapacityUnits = 0 }) => sum + CapacityUnits, 0)

type Value = { S?: string; N?: string; B?: string; M?: Item; L?: Value[] }
type Item = { [name: string]: Value }
type Transaction = { TransactItems: { Put?: { Item: Item } }[] }

function unitsByRule({ input }: RecordedCall): number {
  const { TransactItems } = input as Transaction
  return TransactItems.reduce((sum, { Put }) => sum + 2 * Math.ceil((Put ? bytesOf(Put.Item) : 1) / 1024), 0)
}

/** As DynamoDB counts an item: names and values, a number two digits a byte, three bytes around a map or list. */
const bytesOf = (item: Item): number =>
  Object.entries(item).reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + bytesOfValue(value), 0)
function bytesOfValue({ S, N, B, M, L }: Value): number {
  if (S !== undefined) return Buffer.byteLength(S)
  if (N !== undefined) return Math.ceil(N.length / 2) + 1
  if (B !== undefined) return Buffer.byteLength(B, 'base64')
  if (M) return 3 + bytesOf(M) + Object.keys(M).length
  return 3 + (L ?? []).reduce((sum, value) => sum + 1 + bytesOfValue(value), 0)
}

/** What one batch takes, however it is stored. */
export type Measured = {
  name: string
  events: number
  writeUnits: number
  /** Of one reconciliation, which reads every event once. */
  readUnits: number
  storedBytes: number
  /** Processor time of the gateway's process. */
  milliseconds: number
  /** Of the request. */
  bytes: number
}

const months = [1e6, 1e8, 1e10] as const
const dollars = (value: number): string =>
  value < 10 ? `$${value.toFixed(2)}` : `$${Math.round(value).toLocaleString('en-US')}`

/** Dollars a month by what they are paid for; storage is that of one month's events, kept for a month. */
export function costGrid(stored: readonly Measured[]): Grid {
  const rows = months.flatMap(events =>
    stored.map(one => {
      const batches = events / one.events
      const parts = [
        batches * one.writeUnits * price.writeUnit,
        batches * one.readUnits * price.readUnit,
        (batches * one.storedBytes * price.storedGigabyte) / 1e9,
        batches * Math.ceil(one.bytes / meteredBytes) * price.httpRequest,
        batches * ((one.milliseconds / 1000) * lambdaGigabytes * price.gigabyteSecond + price.invocation),
      ]
      const whole = parts.reduce((sum, part) => sum + part, 0)
      return [`${number(events / 1e6)} M: ${one.name}`, ...[...parts, whole].map(dollars)]
    }),
  )
  return {
    columns: ['events a month', 'writes', 'reads', 'storage', 'HTTP API', 'Lambda', 'sum'],
    rows,
  }
}
