import { setTimeout as delay } from 'node:timers/promises'
import type { Fetch } from './bounded-fetch.ts'
import { boundedNumber } from './bounds.ts'
import { epochSeconds } from './clock.ts'
import { createSignatureVerifier, USAGE_RECEIPT_TYP } from './receipt.ts'
import type { RejectedUse } from './reporter-batch.ts'
import type { ReceiptChain } from './reporter-chain.ts'
import type { DeliveryNeeds, RetryPolicy } from './reporter-delivery.ts'
import type { ReceiptChainBroken, StoredBatchUnreadable, UsageUndelivered } from './reporter-errors.ts'
import type { UsageReceipt } from './reporter-receipt.ts'
import { createAccessTokens, type ReporterCredentials } from './reporter-token.ts'

/**
 * Where batches outlive the process. A batch is put as soon as its bytes are frozen, in the order in which batches are
 * sent, and settled once it is answered for good; each promise resolves when that is durable. One reporter owns a store.
 */
export interface UsageStore {
  /** What an earlier run left: the bytes of its unsettled batches, oldest first, and the end of its chain. */
  load(): Promise<{ readonly batches: readonly Uint8Array[]; readonly chain?: ReceiptChain | undefined }>
  put(digest: string, bytes: Uint8Array): Promise<void>
  /** In one step: forget the batch, and keep the chain's new end. */
  settle(digest: string, chain: ReceiptChain | undefined): Promise<void>
}

/** Hooks are awaited. One that throws stops delivery with `hook-failed`, and is called again when it is taken up. */
export interface ReporterHooks {
  /** A batch is accepted. Keep `receipt.token`. */
  readonly onReceipt?: ((receipt: UsageReceipt) => void | Promise<void>) | undefined
  /** The gateway did not take these events, and never will as they are. */
  readonly onRejected?: ((rejected: readonly RejectedUse[]) => void | Promise<void>) | undefined
  readonly onChainBroken?: ((broken: ReceiptChainBroken) => void | Promise<void>) | undefined
  /** The store holds bytes that are no batch. They stay there; everything else is delivered. */
  readonly onUnreadable?: ((unreadable: StoredBatchUnreadable) => void | Promise<void>) | undefined
  /** Delivery has stopped for now; the events are kept and tried again. For alarms: what it throws is passed over. */
  readonly onUndelivered?: ((error: UsageUndelivered) => void) | undefined
}

export interface UsageReporterOptions extends ReporterHooks {
  /** Issuer URL of the gateway. https, or http on a loopback host. */
  readonly issuer: string
  /** The partner's own id: `aud` of its receipts. */
  readonly audience: string
  readonly credentials: ReporterCredentials
  readonly fetch?: Fetch | undefined
  /** Epoch seconds. */
  readonly now?: (() => number) | undefined
  /** Events in a batch: 1 to 10,000, default 1,000. */
  readonly maxEvents?: number | undefined
  /** Bytes in a batch: 65,536 to 5,000,000, default 1,000,000. */
  readonly maxBytes?: number | undefined
  /** How long an event waits for company, default 5,000. */
  readonly flushAfterMilliseconds?: number | undefined
  /**
   * Events that may wait for delivery before `report` refuses more, default 100,000. Rejected ones that no hook took
   * count until `flush` has handed them out.
   */
  readonly maxPendingEvents?: number | undefined
  readonly retry?: Partial<RetryPolicy> | undefined
  /** For one request and its answer, default 15,000. */
  readonly requestTimeoutMilliseconds?: number | undefined
  /** Whether batches above 1 KB are sent under gzip, default true. The receipt is of the batch, whatever its coding. */
  readonly gzip?: boolean | undefined
  /** Where the chain of receipts ended; the store's own word goes before it. `CHAIN_START` for a new partner. */
  readonly chain?: ReceiptChain | undefined
  readonly store?: UsageStore | undefined
  /** Ends early, without throwing, when the signal is aborted. */
  readonly sleep?: ((milliseconds: number, signal: AbortSignal) => Promise<void>) | undefined
  readonly random?: (() => number) | undefined
}

const LIMITS = {
  maxEvents: { least: 1, most: 10_000, standard: 1_000 },
  maxBytes: { least: 65_536, most: 5_000_000, standard: 1_000_000 },
  flushAfterMilliseconds: { least: 0, most: 3_600_000, standard: 5_000 },
  maxPendingEvents: { least: 1, most: 10_000_000, standard: 100_000 },
  requestTimeoutMilliseconds: { least: 1, most: 600_000, standard: 15_000 },
} as const
const RETRY = {
  attempts: { least: 1, most: 100, standard: 6 },
  firstPauseMilliseconds: { least: 1, most: 3_600_000, standard: 500 },
  maxPauseMilliseconds: { least: 1, most: 3_600_000, standard: 30_000 },
} as const

export type ReporterLimits = Readonly<Record<keyof typeof LIMITS, number>>

/** @throws RangeError when the options cannot be right */
export function readLimits(options: UsageReporterOptions): ReporterLimits {
  const read = (name: keyof typeof LIMITS) => boundedNumber(name, options[name], LIMITS[name])
  return {
    maxEvents: read('maxEvents'),
    maxBytes: read('maxBytes'),
    flushAfterMilliseconds: read('flushAfterMilliseconds'),
    maxPendingEvents: read('maxPendingEvents'),
    requestTimeoutMilliseconds: read('requestTimeoutMilliseconds'),
  }
}

/** @throws RangeError when the options cannot be right */
function readRetry(retry: Partial<RetryPolicy> = {}): RetryPolicy {
  const read = (name: keyof typeof RETRY) => boundedNumber(`retry.${name}`, retry[name], RETRY[name])
  return {
    attempts: read('attempts'),
    firstPauseMilliseconds: read('firstPauseMilliseconds'),
    maxPauseMilliseconds: read('maxPauseMilliseconds'),
  }
}

/** @throws TypeError or RangeError when the options cannot be right */
export function deliveryNeeds(options: UsageReporterOptions, closing: AbortSignal): DeliveryNeeds {
  const { issuer, audience, credentials, fetch = globalThis.fetch as Fetch, now = epochSeconds } = options
  if (typeof audience !== 'string' || audience === '') throw new TypeError('audience must be a non-empty string')
  const receipts = createSignatureVerifier({ issuer, audience, typ: USAGE_RECEIPT_TYP, fetch, now })
  return {
    issuer,
    fetch,
    receipts,
    retry: readRetry(options.retry),
    closing,
    tokens: createAccessTokens({ issuer, fetch, now, credentials }),
    sleep: options.sleep ?? sleepUnlessAborted,
    random: options.random ?? Math.random,
    requestTimeoutMilliseconds: readLimits(options).requestTimeoutMilliseconds,
    coding: { gzip: options.gzip ?? false },
  }
}

async function sleepUnlessAborted(milliseconds: number, signal: AbortSignal): Promise<void> {
  await delay(milliseconds, undefined, { signal }).catch(() => undefined)
}
