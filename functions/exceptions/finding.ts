import type { ExceptionReason } from '../../schemas/exception.ts'
import type { BatchId } from '../../schemas/ids.ts'
import type { Instant, Period } from '../../schemas/primitives.ts'
import type { UsageEvent } from '../../schemas/usage.ts'

/** A line that is exceptional now: any disposition but matched and duplicate. */
export type Finding = {
  line: number
  disposition: ExceptionReason
  /** Absent of malformed lines. */
  event?: UsageEvent
  programme?: string
  period?: Period
  /** Whether a close made the disposition final. */
  final: boolean
  /** Of a conflict, where the caller knows it: the earlier line of the same id. */
  earlier?: { sequence: number; line: number }
}

export type BatchFindings = {
  partner: string
  batch: BatchId
  sequence: number
  receivedAt: Instant
  /** Up to which sequence the run had read the partner's chain; the batch's own unless given. */
  upTo?: number
  /** All lines of the batch that are exceptional now. */
  findings: Finding[]
}
