import type { ReceiptChain } from './reporter-chain.ts'
import { ReporterRefused, UsageUndelivered } from './reporter-errors.ts'
import { readUsageEvent, type UsageEvent, type UsageLine } from './reporter-event.ts'
import { deliveryNeeds, readLimits, type UsageReporterOptions } from './reporter-options.ts'
import { createDeliveryQueue, type UsageRest } from './reporter-queue.ts'
import { createRounds } from './reporter-rounds.ts'

export interface UsageReporter {
  /**
   * Takes an event; it is sent with others, soon.
   * @throws UsageEventInvalid when its shape is wrong, ReporterRefused when the reporter is closed or its queue is full
   */
  report(event: UsageEvent): void
  /**
   * Sends everything reported so far and resolves once the gateway has signed for it.
   * @throws UsageUndelivered when it could not be delivered; it is kept and tried again
   * @throws UsageRejected, ReceiptChainBroken, StoredBatchUnreadable what has come up and no hook took
   */
  flush(): Promise<void>
  /**
   * Takes no more events, sends what is there, and answers with what was not accepted. Never rejects.
   * @param options.graceMilliseconds after which it answers, whatever gateway, store or hook still owes; default 10,000
   */
  close(options?: { readonly graceMilliseconds?: number }): Promise<UsageRest>
  /** Events taken and not yet accepted or rejected. */
  readonly pending: number
  /** The last known receipt's place in the chain. */
  readonly chain: ReceiptChain | undefined
}

const GRACE_MILLISECONDS = 10_000
const MAX_GRACE_MILLISECONDS = 2_147_483_647

/**
 * Reports usage in batches. A batch is frozen to bytes once and sent with these bytes until the gateway's signed receipt
 * proves that it holds them, so a lost answer neither loses an event nor counts it twice.
 * @throws TypeError or RangeError when the options cannot be right
 */
export function createUsageReporter(options: UsageReporterOptions): UsageReporter {
  const { maxEvents, maxBytes, flushAfterMilliseconds, maxPendingEvents } = readLimits(options)
  const closing = new AbortController()
  const delivery = deliveryNeeds({ ...options, gzip: options.gzip ?? true }, closing.signal)
  const queue = createDeliveryQueue({ ...options, delivery })
  const rounds = createRounds(queue, Math.max(flushAfterMilliseconds, delivery.retry.maxPauseMilliseconds))
  let open: UsageLine[] = []
  let openBytes = 0
  let company: NodeJS.Timeout | undefined
  let closed: Promise<UsageRest> | undefined

  function freeze(): void {
    clearTimeout(company)
    company = undefined
    if (open.length > 0) queue.add(open)
    open = []
    openBytes = 0
  }

  function sendSoon(): void {
    freeze()
    rounds.start()
  }

  function report(event: UsageEvent): void {
    if (closed !== undefined) throw new ReporterRefused('closed')
    const line = readUsageEvent(event)
    if (open.length + queue.waiting() + queue.unclaimed() >= maxPendingEvents) throw new ReporterRefused('queue-full')
    if (openBytes + line.bytes.length > maxBytes) sendSoon()
    open.push(line)
    openBytes += line.bytes.length
    if (open.length >= maxEvents) sendSoon()
    // The timer keeps the process alive: an event that waits must not be lost because a script has come to its end.
    else company ??= setTimeout(sendSoon, flushAfterMilliseconds)
  }

  async function flush(): Promise<void> {
    freeze()
    await rounds.run()
    queue.raise()
  }

  async function closeWithin(graceMilliseconds: number): Promise<UsageRest> {
    freeze()
    const grace = setTimeout(() => closing.abort(), Math.min(graceMilliseconds, MAX_GRACE_MILLISECONDS))
    const sent = rounds.run().then(
      () => undefined,
      error => error,
    )
    rounds.end()
    const reason = await Promise.race([sent, cutShort(closing.signal)])
    clearTimeout(grace)
    closing.abort()
    return queue.rest(reason)
  }

  // What an earlier run left is sent at once.
  if (options.store !== undefined) rounds.start()
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

/** Pauses and exchanges end with the signal by themselves; a store or a hook may never, and is left behind then. */
function cutShort(signal: AbortSignal): Promise<UsageUndelivered> {
  return new Promise(resolve => {
    const leave = () => setImmediate(() => resolve(new UsageUndelivered('closing', 0)))
    signal.addEventListener('abort', leave, { once: true })
  })
}
