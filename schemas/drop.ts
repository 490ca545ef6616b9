import * as z from 'zod'
import { BatchId } from './ids.ts'
import { Instant, Slug } from './primitives.ts'
import { MalformedLine } from './usage.ts'

export const dropLimits = {
  /** Of the object as it was uploaded, and of what it inflates to. */
  bytes: 5_000_000_000,
  /** Blank lines included. */
  lines: 10_000_000,
  /** JSON lines shrink to a tenth, repetitive ones to a fiftieth; a bomb shrinks to a thousandth. */
  inflation: 200,
  /** What may inflate freely: a small file of equal lines is no bomb. */
  inflatedFreely: 10_000_000,
  /** A batch of a file stays below what one request may hold. */
  batchLines: 10_000,
  batchBytes: 4_500_000,
  /** Malformed lines told in the result itself; those of further batches have objects of their own. */
  told: 1_000,
  /** Batches from one note of the progress to the next. */
  batchesPerNote: 20,
} as const
export type DropLimits = { readonly [Name in keyof typeof dropLimits]: number }

/** One object of the bucket: uploading the same key again makes another version, which is another file. */
export const DroppedFile = z.strictObject({ key: z.string().min(1).max(1024), version: z.string().min(1).max(1024) })
export type DroppedFile = z.infer<typeof DroppedFile>

const count = z.int().min(0)
const place = z.int().min(1)

/** One batch that a file became. Line numbers are those of the file, from 1, blank lines counted. */
export const DroppedBatch = z.strictObject({
  id: BatchId,
  sequence: z.int().min(1),
  firstLine: place,
  lastLine: place,
  /** Lines of the batch: blank ones of the file are left out. */
  lines: place,
  /** Of its well-formed lines. */
  quantity: count,
  malformed: count,
  /** Key of the object that lists this batch's malformed lines, where the result has no room for them. */
  malformedIn: z.string().optional(),
  /** Compact JWS (`usage-receipt+jwt`). */
  receipt: z.string(),
})
export type DroppedBatch = z.infer<typeof DroppedBatch>

/**
 * What became of a file: `receiving` while batches are being stored, `complete` when all are. Totals are those of the
 * batches listed.
 */
export const DropResult = z.strictObject({
  state: z.enum(['receiving', 'complete']),
  partner: Slug,
  file: DroppedFile,
  at: Instant,
  /** Until when the file is a living run's, which notes this again as it goes on; absent once it has stopped. */
  heldUntil: Instant.optional(),
  /** The file as its first reading found it; `bytes` as they are without compression. */
  found: z.strictObject({ bytes: count, lines: count, blankLines: count }),
  /** Where the next batch begins: bytes of the uncompressed file and lines that are done with. */
  done: z.strictObject({ bytes: count, lines: count }),
  lines: count,
  quantity: count,
  malformedLines: count,
  batches: z.array(DroppedBatch),
  /** Malformed lines by their number in the file. */
  malformed: z.array(MalformedLine),
})
export type DropResult = z.infer<typeof DropResult>

/** A file that was not taken, and why. */
export const DropRefusal = z.strictObject({
  state: z.literal('refused'),
  file: DroppedFile,
  at: Instant,
  code: z.string(),
  detail: z.string(),
  /** Batches that were stored nevertheless, and stay stored. */
  batches: z.array(DroppedBatch),
})
export type DropRefusal = z.infer<typeof DropRefusal>
