import type { GatewayProblem, RejectedUse } from './reporter-batch.ts'
import type { ReceiptChain } from './reporter-chain.ts'

/** Why events are still in the reporter's hands. */
export type DeliveryFault =
  /** No answer in time. */
  | 'gateway-unreachable'
  /** 408, 425, 429 or 5xx. */
  | 'gateway-busy'
  /** The gateway knows the caller not, or does not let it report: credentials, scope or address are wrong. */
  | 'caller-refused'
  | 'token-unavailable'
  /** An answer that proves nothing: unreadable, with a receipt that does not verify, or with one of another batch. */
  | 'answer-unreadable'
  | 'receipt-refused'
  | 'receipt-of-other-batch'
  /** A refusal that is none of the gateway's own: that of a proxy or a firewall. */
  | 'refused-on-the-way'
  /** The gateway has received other bytes than were sent, and stored nothing. */
  | 'batch-altered'
  /** The caller's own hook or store threw. */
  | 'hook-failed'
  | 'store-failed'
  | 'closing'
  | 'internal-error'

/**
 * The oldest batch could not be delivered; it and all after it are kept and tried again later. Whether the gateway has
 * them is unknown, and does not matter: the same bytes are stored once however often they come.
 */
export class UsageUndelivered extends Error {
  override readonly name = 'UsageUndelivered'
  readonly code: DeliveryFault
  readonly attempts: number
  /** What the gateway said last, where it said anything. */
  readonly problem: GatewayProblem | undefined
  /** Where the gateway asks for more than the longest pause, at most an hour: nothing is sent until it is over. */
  readonly retryAfterMilliseconds: number | undefined

  constructor(
    code: DeliveryFault,
    attempts: number,
    options: { problem?: GatewayProblem; cause?: unknown; retryAfterMilliseconds?: number } = {},
  ) {
    const { problem, cause, retryAfterMilliseconds } = options
    const told = problem === undefined ? '' : ` (${problem.status} ${problem.code})`
    super(`usage is not delivered after ${attempts} attempts: ${code}${told}`, cause === undefined ? {} : { cause })
    this.code = code
    this.attempts = attempts
    this.problem = problem
    this.retryAfterMilliseconds = retryAfterMilliseconds
  }
}

/**
 * Bytes in the store that are no batch. They are neither sent nor settled, and everything else is delivered: look at
 * them, and take them out of the store.
 */
export class StoredBatchUnreadable extends Error {
  override readonly name = 'StoredBatchUnreadable'
  /** Lower-case hexadecimal SHA-256 of the bytes as they are now. */
  readonly digest: string

  constructor(digest: string, options?: ErrorOptions) {
    super(`the stored batch ${digest} cannot be read`, options)
    this.digest = digest
  }
}

/** Events that the gateway did not take and that no `onRejected` was there for. */
export class UsageRejected extends Error {
  override readonly name = 'UsageRejected'
  readonly rejected: readonly RejectedUse[]

  constructor(rejected: readonly RejectedUse[]) {
    super(`the gateway did not take ${rejected.length} events`)
    this.rejected = rejected
  }
}

/**
 * A genuine receipt that does not follow the last known one. The events of its batch are accepted all the same; what is
 * in doubt is the history before it. `gap`: batches lie between that this reporter has not sent. `fork`: the issuer has
 * signed two histories.
 */
export class ReceiptChainBroken extends Error {
  override readonly name = 'ReceiptChainBroken'
  readonly code: 'gap' | 'fork'
  readonly known: ReceiptChain
  readonly received: ReceiptChain & { readonly previousHash: string }

  constructor(code: 'gap' | 'fork', known: ReceiptChain, received: ReceiptChainBroken['received']) {
    super(`the receipt ${received.sequence} does not follow the receipt ${known.sequence}: ${code}`)
    this.code = code
    this.known = known
    this.received = received
  }
}

/** `report` was called in a state in which nothing can be taken. */
export class ReporterRefused extends Error {
  override readonly name = 'ReporterRefused'
  readonly code: 'closed' | 'queue-full'

  constructor(code: 'closed' | 'queue-full') {
    super(code === 'closed' ? 'the reporter is closed' : 'too many events wait for delivery')
    this.code = code
  }
}
