import * as z from 'zod'
import { BatchId } from './ids.ts'
import { Money } from './money.ts'
import { ForeignId, Instant, Period, Sha256, Slug } from './primitives.ts'

export const usageLimits = {
  bytes: 5_000_000,
  lines: 10_000,
  lineBytes: 65_536,
  /** Caps that keep every sum of a batch, a chain and a period an exact integer (2^53). */
  quantity: 1_000_000_000,
  amountMinor: 10_000_000_000_000,
} as const

/** Canonical JSON (RFC 8785) exists only for text of whole characters. */
const wellFormed = (text: string): boolean => text.isWellFormed()
const wellFormedMessage = 'text of whole Unicode characters'

/** One use as the partner reports it. Unknown fields are refused, so that a typo is not silently unbilled money. */
export const UsageEvent = z
  .strictObject({
    id: ForeignId,
    entitlementId: z.string().min(1).max(64).refine(wellFormed, wellFormedMessage),
    benefit: Slug,
    subject: z.string().min(1).max(128).refine(wellFormed, wellFormedMessage),
    type: z.enum(['use', 'reversal']).default('use'),
    /** The event that a reversal takes back. */
    reverses: ForeignId.optional(),
    occurredAt: Instant,
    quantity: z.int().min(1).max(usageLimits.quantity).default(1),
    /** Gross transaction value. */
    amount: Money.extend({ amountMinor: z.int().min(0).max(usageLimits.amountMinor) }).optional(),
    redemptionId: ForeignId.optional(),
    tokenId: ForeignId.optional(),
  })
  .refine(event => (event.type === 'reversal') === (event.reverses !== undefined), {
    message: 'a reversal names the event it reverses, and nothing else does',
    path: ['reverses'],
  })
  .meta({ id: 'UsageEvent' })
export type UsageEvent = z.infer<typeof UsageEvent>

/** Why a line or a field was refused: a JSON pointer (RFC 6901) into it and what is wrong there. */
export const PointedError = z.strictObject({ pointer: z.string(), detail: z.string() }).meta({ id: 'PointedError' })
export type PointedError = z.infer<typeof PointedError>

/**
 * Which chunks a batch was made into: the same bytes that are judged or cut in another way, by another release, are
 * other chunks. 128 bits of a SHA-256 in base64url, short because the committed pointer must stay below 1 KB.
 */
const Fingerprint = z.string().length(22)

/** A committed batch: without its manifest a batch does not exist. Manifests form a hash chain for each partner. */
export const Manifest = z.strictObject({
  id: BatchId,
  partner: Slug,
  sequence: z.int().min(1),
  /** Lines of the batch, malformed ones included. */
  lines: z.int().min(1),
  malformed: z.int().min(0),
  /** Sum of the well-formed lines' quantities, the control total. */
  quantity: z.int().min(0),
  chunks: z.int().min(1),
  /** SHA-256 of the request body's bytes, decoded. */
  digest: Sha256,
  receivedAt: Instant,
  /** The oldest open period of each programme when the batch committed: no event is accounted earlier. */
  oldestOpen: z.record(Slug, Period),
  /** Of the chunks, so that the signed hash speaks of every stored byte; manifests of earlier releases have none. */
  fingerprint: Fingerprint.optional(),
  previousHash: Sha256,
  /** SHA-256 of this manifest's canonical JSON (RFC 8785) without `hash`. */
  hash: Sha256,
})
export type Manifest = z.infer<typeof Manifest>

/** The end of a partner's chain of manifests. A close cuts here: it raises `oldestOpen`, which later batches copy. */
export const UsageHead = z.strictObject({
  partner: Slug,
  version: z.int().min(1),
  sequence: z.int().min(0),
  hash: Sha256,
  lines: z.int().min(0),
  quantity: z.int().min(0),
  oldestOpen: z.record(Slug, Period),
})
export type UsageHead = z.infer<typeof UsageHead>

/**
 * Whether a batch of these bytes exists: `receiving` ones expire, `committed` ones have their sequence and the signed
 * receipt, which the same bytes get again.
 */
export const BatchPointer = z.strictObject({
  id: BatchId,
  partner: Slug,
  state: z.enum(['receiving', 'committed', 'sweeping']),
  chunks: z.int().min(1),
  /** Of the chunks. */
  fingerprint: Fingerprint.optional(),
  /** Of a `receiving` one: drawn when it is made, so that one that was swept and made again is told from the first. */
  upload: z.string().optional(),
  sequence: z.int().min(1).optional(),
  receipt: z.string().optional(),
})
export type BatchPointer = z.infer<typeof BatchPointer>

/** Gzip-compressed NDJSON lines of a batch, as received. */
export const Chunk = z.strictObject({
  batch: BatchId,
  index: z.int().min(0),
  /** Number of the chunk's first line, from 1. */
  firstLine: z.int().min(1),
  lines: z.int().min(1),
  /** Numbers within the batch of this chunk's malformed lines, ascending: what is stored is judged once. */
  malformed: z.array(z.int().min(1)),
  /** Of all the chunks that it is one of. */
  fingerprint: Fingerprint.optional(),
  data: z.instanceof(Uint8Array),
})
export type Chunk = z.infer<typeof Chunk>

export const MalformedLine = z.strictObject({ line: z.int().min(1), errors: z.array(PointedError) })
export type MalformedLine = z.infer<typeof MalformedLine>

export const BatchReceipt = z
  .strictObject({
    id: BatchId,
    sequence: z.int().min(1),
    lines: z.int().min(1),
    malformed: z.array(MalformedLine),
    receipt: z.string(),
  })
  .meta({ id: 'BatchReceipt' })
export type BatchReceipt = z.infer<typeof BatchReceipt>

/** Where a period's cutoff cut a partner's chain: batches up to and with this sequence belong to the close. */
export const UsageCut = z.strictObject({
  programme: Slug,
  period: Period,
  partner: Slug,
  sequence: z.int().min(0),
  hash: Sha256,
})
export type UsageCut = z.infer<typeof UsageCut>
