import { freezeBatch, type RejectedUse, type UsageBatch } from './reporter-batch.ts'
import { followChain, judgeChain, type ReceiptChain } from './reporter-chain.ts'
import { type Delivered, type DeliveryNeeds, deliver } from './reporter-delivery.ts'
import { type DeliveryFault, UsageUndelivered } from './reporter-errors.ts'
import type { UsageEvent, UsageLine } from './reporter-event.ts'
import { createFindings, type Unclaimed } from './reporter-findings.ts'
import { createKeptBatches } from './reporter-kept.ts'
import type { ReporterHooks, UsageStore } from './reporter-options.ts'

/** What a closed reporter still holds. Nothing that was reported is anywhere else but accepted or handed to a hook. */
export interface UsageRest extends Unclaimed {
  /**
   * Neither accepted nor rejected as far as is known, oldest first; a store that took them has them too. Reporting them
   * again is safe.
   */
  readonly undelivered: readonly UsageEvent[]
  /** Why they are undelivered. */
  readonly reason?: unknown
  /** Where the chain of receipts ends: for the next run. */
  readonly chain: ReceiptChain | undefined
}

export interface DeliveryQueue {
  add(lines: readonly UsageLine[]): void
  /** Puts every batch into the store, behind what an earlier run left there. @throws UsageUndelivered */
  keep(): Promise<void>
  /** Keeps and delivers what is in the queue by now, oldest first, one batch at a time. @throws UsageUndelivered */
  drain(): Promise<void>
  /** Throws what no hook took, once. @throws UsageRejected, ReceiptChainBroken, StoredBatchUnreadable */
  raise(): void
  rest(reason: unknown): UsageRest
  /** Events in its batches. */
  waiting(): number
  /** Rejected events that no hook took. */
  unclaimed(): number
  chain(): ReceiptChain | undefined
}

interface Needs extends ReporterHooks {
  readonly store?: UsageStore | undefined
  readonly chain?: ReceiptChain | undefined
  readonly delivery: DeliveryNeeds
}

export function createDeliveryQueue(needs: Needs): DeliveryQueue {
  const { onUndelivered } = needs
  const batches: UsageBatch[] = []
  const kept = createKeptBatches(needs.store)
  const findings = createFindings(needs)
  let chain = judgeChain(needs.chain)
  let isRestored = false

  const restore = telling(onUndelivered, async () => {
    if (isRestored) return
    const left = await guarded('store-failed', () => kept.load())
    await guarded('hook-failed', () => findings.tell(left))
    findings.hold(left)
    batches.unshift(...left.batches)
    chain = left.chain ?? chain
    isRestored = true
  })

  const nextUnkept = () => batches.find(batch => !kept.has(batch))
  const keepNext = telling(onUndelivered, async () => {
    const batch = nextUnkept()
    if (batch !== undefined) await guarded('store-failed', () => kept.put(batch))
  })

  const deliverOldest = telling(onUndelivered, async () => {
    const [batch] = batches
    if (batch === undefined) return
    const delivered = await deliver(needs.delivery, batch)
    const receipt = delivered.kind === 'accepted' ? delivered.receipt : undefined
    const step = receipt === undefined ? undefined : followChain(chain, receipt)
    const end = step?.chain ?? chain
    const finding = { receipt, rejected: rejectedBy(delivered, batch), chainBroken: step?.broken }
    await guarded('hook-failed', () => findings.tell(finding))
    await guarded('store-failed', () => kept.settle(batch, end))
    // Only now: until here a failure leaves all as it was, and the same bytes bring the same answer again.
    chain = end
    batches.shift()
    findings.hold(finding)
  })

  async function keep(): Promise<void> {
    await restore()
    while (nextUnkept() !== undefined) await keepNext()
  }

  return {
    add(lines) {
      batches.push(freezeBatch(lines))
    },
    keep,
    async drain() {
      await keep()
      const last = batches.at(-1)
      while (last !== undefined && batches.includes(last)) await deliverOldest()
    },
    raise: () => findings.raise(),
    rest(reason) {
      const undelivered = batches.flatMap(({ lines }) => lines.map(({ event }) => event))
      const left = { undelivered, ...findings.unclaimed(), chain }
      return reason === undefined ? left : { ...left, reason }
    },
    waiting: () => batches.reduce((sum, { lines }) => sum + lines.length, 0),
    unclaimed: () => findings.unclaimed().rejected.length,
    chain: () => chain,
  }
}

/** One at a time, whoever asks, since the chain has an order; and whoever asks meanwhile gets what comes of it. */
function telling(tell: ReporterHooks['onUndelivered'], act: () => Promise<void>): () => Promise<void> {
  let underWay: Promise<void> | undefined
  const once = async () => {
    try {
      await act()
    } catch (error) {
      const undelivered =
        error instanceof UsageUndelivered ? error : new UsageUndelivered('internal-error', 1, { cause: error })
      try {
        tell?.(undelivered)
      } catch {
        // An alarm that fails must not stop delivery as well.
      }
      throw undelivered
    }
  }
  return () => {
    underWay ??= once().finally(() => {
      underWay = undefined
    })
    return underWay
  }
}

function rejectedBy(delivered: Delivered, { digest, lines }: UsageBatch): RejectedUse[] {
  if (delivered.kind === 'rejected') {
    const { problem } = delivered
    return lines.map(({ event }, index) => ({ event, line: index + 1, digest, errors: [], problem }))
  }
  return delivered.malformed.flatMap(({ line, errors }) => {
    const event = lines[line - 1]?.event
    return event === undefined ? [] : [{ event, line, digest, errors }]
  })
}

async function guarded<T>(code: DeliveryFault, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (cause) {
    throw new UsageUndelivered(code, 1, { cause })
  }
}
