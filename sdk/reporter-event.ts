import { Buffer } from 'node:buffer'

/** One use of a benefit, as `POST /v1/usage-batches` takes it. */
export interface UsageEvent {
  /** The partner's own id of the use, unique for ever: what is reported twice under one id is counted once. */
  readonly id: string
  readonly entitlementId: string
  readonly benefit: string
  /** `sub` of the entitlement token. */
  readonly subject: string
  /** RFC 3339 in UTC with at most milliseconds, such as `2026-10-03T04:11:09Z`. */
  readonly occurredAt: string
  /** Default `use`. A `reversal` takes back the event that `reverses` names. */
  readonly type?: 'use' | 'reversal'
  readonly reverses?: string
  /** Whole number from 1; default 1. */
  readonly quantity?: number
  /** Gross transaction value in the currency's minor unit. */
  readonly amount?: { readonly amountMinor: number; readonly currency: string }
  readonly redemptionId?: string
  /** `jti` of the entitlement token. */
  readonly tokenId?: string
}

/** The event cannot be reported as it is. `field` is a JSON pointer, empty for the event as a whole. */
export class UsageEventInvalid extends Error {
  override readonly name = 'UsageEventInvalid'
  readonly code = 'usage-event-invalid'
  readonly field: string

  constructor(field: string, detail: string) {
    super(field === '' ? `usage event: ${detail}` : `usage event ${field}: ${detail}`)
    this.field = field
  }
}

/** An event as one line of NDJSON: from here on only its bytes count. */
export interface UsageLine {
  readonly event: UsageEvent
  /** With its line break. */
  readonly bytes: Buffer
  readonly quantity: number
}

type Rule = readonly [holds: (value: unknown) => boolean, wanted: string]

const MAX_LINE_BYTES = 65_536
const MAX_QUANTITY = 1_000_000_000
const MAX_AMOUNT_MINOR = 10_000_000_000_000
const INSTANT = /^\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,3})?Z$/

const matching =
  (pattern: RegExp) =>
  (value: unknown): boolean =>
    typeof value === 'string' && pattern.test(value)
const wholeNumber =
  (least: number, most: number) =>
  (value: unknown): boolean =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most
const text = (most: number): Rule => [
  value => typeof value === 'string' && value !== '' && value.length <= most && value.isWellFormed(),
  `text of 1 to ${most} characters`,
]
const foreignId: Rule = [matching(/^[\x21-\x7e]{1,128}$/), '1 to 128 visible ASCII characters']

/** In the order in which a line names them: equal events are equal bytes. */
const FIELDS: ReadonlyMap<string, Rule> = new Map([
  ['id', foreignId],
  ['entitlementId', text(64)],
  ['benefit', [matching(/^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/), 'the id of a benefit'] satisfies Rule],
  ['subject', text(128)],
  ['type', [value => value === 'use' || value === 'reversal', 'use or reversal'] satisfies Rule],
  ['reverses', foreignId],
  ['occurredAt', [isInstant, 'an RFC 3339 instant in UTC such as 2026-10-03T04:11:09Z'] satisfies Rule],
  ['quantity', [value => isQuantity(value), `a whole number from 1 to ${MAX_QUANTITY}`] satisfies Rule],
  ['amount', [value => isRecord(value), 'an object of amountMinor and currency'] satisfies Rule],
  ['redemptionId', foreignId],
  ['tokenId', foreignId],
])
const REQUIRED = ['id', 'entitlementId', 'benefit', 'subject', 'occurredAt'] as const
const AMOUNT_FIELDS: ReadonlyMap<string, Rule> = new Map([
  ['amountMinor', [wholeNumber(0, MAX_AMOUNT_MINOR), 'a whole number from 0'] satisfies Rule],
  ['currency', [matching(/^[A-Z]{3}$/), 'an ISO 4217 code such as CNY'] satisfies Rule],
])

/**
 * Judges the shape of an event and freezes it to bytes, so that a later change of the object changes nothing.
 * @throws UsageEventInvalid
 */
export function readUsageEvent(value: unknown): UsageLine {
  if (!isRecord(value)) throw new UsageEventInvalid('', 'not an object')
  for (const name of REQUIRED) if (value[name] === undefined) throw new UsageEventInvalid(`/${name}`, 'is missing')
  const event = readFields(value, FIELDS, '')
  if (event['amount'] !== undefined) {
    const amount = readFields(value['amount'] as Record<string, unknown>, AMOUNT_FIELDS, '/amount')
    for (const name of AMOUNT_FIELDS.keys()) {
      if (amount[name] === undefined) throw new UsageEventInvalid(`/amount/${name}`, 'is missing')
    }
    event['amount'] = Object.freeze(amount)
  }
  if ((event['type'] === 'reversal') !== (event['reverses'] !== undefined)) {
    throw new UsageEventInvalid('/reverses', 'a reversal names the event it reverses, and nothing else does')
  }
  const bytes = Buffer.from(`${JSON.stringify(event)}\n`)
  if (bytes.length > MAX_LINE_BYTES) throw new UsageEventInvalid('', `longer than ${MAX_LINE_BYTES} bytes`)
  const read = Object.freeze(event) as unknown as UsageEvent
  return { event: read, bytes, quantity: read.quantity ?? 1 }
}

function readFields(
  value: Readonly<Record<string, unknown>>,
  rules: ReadonlyMap<string, Rule>,
  path: string,
): Record<string, unknown> {
  // A misspelt optional field would be money that nobody bills.
  for (const name of Object.keys(value)) {
    if (!rules.has(name)) throw new UsageEventInvalid(`${path}/${shown(name)}`, 'unknown field')
  }
  const read: Record<string, unknown> = {}
  for (const [name, [holds, wanted]] of rules) {
    const field = value[name]
    if (field === undefined) continue
    if (!holds(field)) throw new UsageEventInvalid(`${path}/${name}`, `is not ${wanted}`)
    read[name] = field
  }
  return read
}

/** A name as a JSON pointer writes it (RFC 6901 section 3), cut to what an error message can bear. */
const shown = (name: string): string => name.slice(0, 64).replaceAll('~', '~0').replaceAll('/', '~1')

/** `Date` reads 30 February as 2 March, so the day must come back as it went in. */
function isInstant(value: unknown): boolean {
  if (typeof value !== 'string' || !INSTANT.test(value)) return false
  const milliseconds = Date.parse(value)
  return !Number.isNaN(milliseconds) && new Date(milliseconds).toISOString().slice(0, 19) === value.slice(0, 19)
}

export const isQuantity = (value: unknown): value is number => wholeNumber(1, MAX_QUANTITY)(value)

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
