import { Buffer, isUtf8 } from 'node:buffer'
import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { StoredBatchUnreadable } from './reporter-errors.ts'
import { isQuantity, isRecord, type UsageEvent, type UsageLine } from './reporter-event.ts'

/** What delivery knows of a batch. Every attempt sends these bytes, so the gateway can tell a repetition from a new one. */
export interface SentBatch {
  /** Lower-case hexadecimal SHA-256 of the bytes. */
  readonly digest: string
  readonly bytes: Buffer<ArrayBuffer>
  /** Line n of the batch is `lines[n - 1]`. */
  readonly lines: readonly { readonly quantity: number }[]
  /** Sum of the quantities, the control total. */
  readonly quantity: number
}

/** Events frozen to bytes. */
export interface UsageBatch extends SentBatch {
  readonly lines: readonly BatchLine[]
}

/** What a line of a batch says; its bytes are in the batch's. */
export type BatchLine = Omit<UsageLine, 'bytes'>

/** Why a part of a line was refused, by JSON pointer (RFC 6901) into it. */
export interface PointedFault {
  readonly pointer: string
  readonly detail: string
}

/** What the gateway said in refusing a batch, as far as it could be read. */
export interface GatewayProblem {
  readonly status: number
  /** Stable code of the problem, or the OAuth error; `unreadable` where the answer names none. */
  readonly code: string
  readonly detail?: string
  readonly errors: readonly PointedFault[]
}

/** An event that the gateway did not take. Correct it and report it under an id of its own. */
export interface RejectedUse {
  readonly event: UsageEvent
  /** Its line, from 1, in the batch of this digest. */
  readonly line: number
  readonly digest: string
  /** What is wrong with this line; empty where the whole batch was refused. */
  readonly errors: readonly PointedFault[]
  /** Why the whole batch was refused. */
  readonly problem?: GatewayProblem
}

export function freezeBatch(lines: readonly UsageLine[]): UsageBatch {
  return batchOf(
    Buffer.concat(lines.map(({ bytes }) => bytes)),
    lines.map(({ event, quantity }) => ({ event, quantity })),
  )
}

/**
 * A batch that an earlier run froze, perhaps under other rules: its bytes are sent as they are, since others would be
 * another batch to the gateway, and what is wrong with a line the gateway says.
 * @throws StoredBatchUnreadable
 */
export function thawBatch(stored: Uint8Array): UsageBatch {
  const bytes = Buffer.from(stored)
  try {
    if (!isUtf8(bytes)) throw new TypeError('not UTF-8')
    const lines = bytes
      .toString('utf8')
      .split('\n')
      .filter(line => !/^[ \t\r]*$/.test(line))
      .map(readLine)
    if (lines.length === 0) throw new TypeError('no events')
    return batchOf(bytes, lines)
  } catch (cause) {
    throw new StoredBatchUnreadable(digestOf(bytes), { cause })
  }
}

function batchOf(bytes: Buffer<ArrayBuffer>, lines: readonly BatchLine[]): UsageBatch {
  return { digest: digestOf(bytes), bytes, lines, quantity: lines.reduce((sum, line) => sum + line.quantity, 0) }
}

const digestOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

function readLine(line: string): BatchLine {
  const event = jsonOf(line)
  if (!isRecord(event)) throw new TypeError('a line is no JSON object')
  const { quantity } = event
  // Of a quantity that is none, any number will do: the gateway leaves its line out of the sum.
  return { event: event as unknown as UsageEvent, quantity: isQuantity(quantity) ? quantity : 1 }
}

/** The parser's own error quotes the text, and what people use is nobody's to log. */
function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

/** A batch as it goes over the wire. */
export interface WireBatch {
  readonly headers: Record<string, string>
  readonly body: Uint8Array<ArrayBuffer>
}

/** Below this, compressing saves no packet. */
const GZIP_FROM_BYTES = 1_024
const compress = promisify<Buffer, Buffer<ArrayBuffer>>(gzip)

/**
 * A batch with its type, its control totals and the digest of the bytes as they are sent (RFC 9530 section 2), under gzip
 * where that pays. The gateway knows a batch by its decoded bytes, so that the coding may change from try to try.
 */
export async function wireOf(
  batch: SentBatch,
  { withQuantity, gzip: wanted }: { withQuantity: boolean; gzip: boolean },
): Promise<WireBatch> {
  const isCoded = wanted && batch.bytes.byteLength >= GZIP_FROM_BYTES
  const body = isCoded ? await compress(batch.bytes) : batch.bytes
  const digest = isCoded ? digestOf(body) : batch.digest
  const headers = {
    accept: 'application/json, application/problem+json',
    'content-type': 'application/x-ndjson',
    ...(isCoded && { 'content-encoding': 'gzip' }),
    'content-digest': `sha-256=:${Buffer.from(digest, 'hex').toString('base64')}:`,
    'tessera-control-count': String(batch.lines.length),
    ...(withQuantity && { 'tessera-control-quantity': String(batch.quantity) }),
  }
  return { headers, body }
}

const MAX_FAULTS = 100
const MAX_TEXT = 500

/** The gateway's problem (RFC 9457) or OAuth error (RFC 6749 section 5.2), cut to what a log can bear. */
export function problemOf(status: number, body: unknown): GatewayProblem {
  const told = isRecord(body) ? body : {}
  const code = [told['code'], told['error']].find(isCode)
  const detail = [told['detail'], told['error_description'], told['title']].find(text => typeof text === 'string')
  return {
    status,
    code: code ?? 'unreadable',
    ...(detail !== undefined && { detail: String(detail).slice(0, MAX_TEXT) }),
    errors: faultsOf(told['errors']) ?? [],
  }
}

const isCode = (value: unknown): value is string => typeof value === 'string' && /^[a-z][a-z0-9_-]{0,63}$/.test(value)

/** `undefined` when the list is none of pointers and details. */
export function faultsOf(list: unknown): readonly PointedFault[] | undefined {
  if (!Array.isArray(list)) return undefined
  const faults: PointedFault[] = []
  for (const fault of list.slice(0, MAX_FAULTS)) {
    if (!isRecord(fault)) return undefined
    const { pointer, detail } = fault
    if (typeof pointer !== 'string' || typeof detail !== 'string') return undefined
    faults.push({ pointer: pointer.slice(0, MAX_TEXT), detail: detail.slice(0, MAX_TEXT) })
  }
  return faults
}
