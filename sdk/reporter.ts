import type { ReceiptChain } from './reporter-chain.ts'
import { ReporterRefused } from './reporter-errors.ts'
import { readUsageEvent, type UsageEvent, type UsageLine } from './reporter-event.ts'
import { deliveryNeeds, readLimits, type UsageReporterOptions } from './reporter-options.ts'
import { createDeliveryQueue, type UsageRest } from './reporter-queue.ts'

export interface UsageReporter {
  /**
   * Takes an event; it is sent with others, soon.
   * @throws UsageEventInvalid when its shape is wrong, ReporterRefused when the reporter is closed or its queue is full
   */
  report(event: UsageEvent): void
  /**
   * Sends everything reported so far and resolves once the gateway has signed for it.
   * @throws UsageUndelivered when it could not be delivered; it is kept and tried again
   * @throws UsageRejected, ReceiptChainBroken what has come up since the last time and no hook took
   */
  flush(): Promise<void>
  /**
   * Takes no more events, sends what is there, and answers with what is left. Never rejects for want of a gateway.
   * @param options.graceMilliseconds after which pauses and exchanges are cut short, default 10,000
   */
  close(options?: { readonly graceMilliseconds?: number }): Promise<UsageRest>
  /** Events taken and not yet accepted or rejected. */
  readonly pending: number
  /** The last known receipt's place in the chain. */
  readonly chain: ReceiptChain | undefined
}

const GRACE_MILLISECONDS = 10_000

/**
 * Reports usage in batches. A batch is frozen to bytes once and sent with these bytes until the gateway's signed receipt
 * proves that it holds them, so a lost answer neither loses an event nor counts it twice.
 * @throws TypeError or RangeError when the options cannot be right
 */
export function createUsageReporter(options: UsageReporterOptions): UsageReporter {
  const { maxEvents, maxBytes, flushAfterMilliseconds, maxPendingEvents } = readLimits(options)
  const closing = new AbortController()
  const delivery = deliveryNeeds(options, closing.signal)
  const queue = createDeliveryQueue({ ...options, delivery })
  let open: UsageLine[] = []
  let openBytes = 0
  let timer: NodeJS.Timeout | undefined
  let closed: Promise<UsageRest> | undefined

  function freeze(): void {
    clearTimeout(timer)
    timer = undefined
    if (open.length > 0) queue.add(open)
    open = []
    openBytes = 0
  }

  /** The timer keeps the process alive: an event that waits must not be lost because a script has come to its end. */
  function sendAfter(milliseconds: number): void {
    timer ??= setTimeout(sendNow, milliseconds)
  }

  async function send(): Promise<void> {
    freeze()
    try {
      await queue.drain()
    } catch (error) {
      if (closed === undefined) sendAfter(Math.max(flushAfterMilliseconds, delivery.retry.maxPauseMilliseconds))
      throw error
    }
  }

  function sendNow(): void {
    // Told by onUndelivered; the batch is kept.
    send().catch(() => undefined)
  }

  function report(event: UsageEvent): void {
    if (closed !== undefined) throw new ReporterRefused('closed')
    const line = readUsageEvent(event)
    if (open.length + queue.waiting() + queue.unclaimed() >= maxPendingEvents) throw new ReporterRefused('queue-full')
    if (openBytes + line.bytes.length > maxBytes) sendNow()
    open.push(line)
    openBytes += line.bytes.length
    if (open.length >= maxEvents) sendNow()
    else sendAfter(flushAfterMilliseconds)
  }

  async function flush(): Promise<void> {
    await send()
    queue.raise()
  }

  async function closeWithin(graceMilliseconds: number): Promise<UsageRest> {
    freeze()
    const grace = setTimeout(() => closing.abort(), graceMilliseconds)
    let reason: unknown
    await queue.drain().catch(error => {
      reason = error
    })
    clearTimeout(grace)
    closing.abort()
    return queue.rest(reason)
  }

  // What an earlier run left is sent at once.
  if (options.store !== undefined) sendNow()
  return {
    report,
    flush,
    close({ graceMilliseconds = GRACE_MILLISECONDS } = {}) {
      closed ??= closeWithin(graceMilliseconds)
      return closed
    },
    get pending() {
      return open.length + queue.waiting()
    },
    get chain() {
      return queue.chain()
    },
  }
}
