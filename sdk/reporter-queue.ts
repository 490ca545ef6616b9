import { freezeBatch, type RejectedUse, thawBatch, type UsageBatch } from './reporter-batch.ts'
import { type ChainStep, followChain, judgeChain, type ReceiptChain } from './reporter-chain.ts'
import { type Delivered, type DeliveryNeeds, deliver } from './reporter-delivery.ts'
import { type DeliveryFault, type ReceiptChainBroken, UsageRejected, UsageUndelivered } from './reporter-errors.ts'
import type { UsageEvent, UsageLine } from './reporter-event.ts'
import type { ReporterHooks, UsageStore } from './reporter-options.ts'

/** What a closed reporter still holds. Nothing that was reported is anywhere else but accepted or handed to a hook. */
export interface UsageRest {
  /** Neither accepted nor rejected, oldest first; a store has them too. Reporting them again is safe. */
  readonly undelivered: readonly UsageEvent[]
  /** Why they are undelivered. */
  readonly reason?: unknown
  /** Not taken by the gateway, where no `onRejected` was there. */
  readonly rejected: readonly RejectedUse[]
  /** Where no `onChainBroken` was there. */
  readonly chainBroken: readonly ReceiptChainBroken[]
  /** Where the chain of receipts ends: for the next run. */
  readonly chain: ReceiptChain | undefined
}

export interface DeliveryQueue {
  add(lines: readonly UsageLine[]): void
  /** Delivers what is in the queue by now, oldest first, one batch at a time. @throws UsageUndelivered */
  drain(): Promise<void>
  /** Throws what no hook took, once. @throws UsageRejected, ReceiptChainBroken */
  raise(): void
  /** Puts what is left into the store and hands it out. */
  rest(reason: unknown): Promise<UsageRest>
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
  const { store, delivery, onReceipt, onRejected, onChainBroken, onUndelivered } = needs
  const batches: UsageBatch[] = []
  const stored = new Set<UsageBatch>()
  const rejected: RejectedUse[] = []
  const broken: ReceiptChainBroken[] = []
  let chain = judgeChain(needs.chain)
  let restored: Promise<void> | undefined
  let flight: Promise<void> | undefined

  async function restore(): Promise<void> {
    const left = await store?.load()
    if (left === undefined) return
    const thawed = left.batches.map(thawBatch)
    for (const batch of thawed) stored.add(batch)
    batches.unshift(...thawed)
    chain = judgeChain(left.chain) ?? chain
  }

  async function keep(batch: UsageBatch): Promise<void> {
    if (store === undefined || stored.has(batch)) return
    await store.put(batch.digest, batch.bytes)
    stored.add(batch)
  }

  async function deliverOldest(): Promise<void> {
    const [batch] = batches
    if (batch === undefined) return
    await guarded('store-failed', () => keep(batch))
    const delivered = await deliver(delivery, batch)
    const step = delivered.kind === 'accepted' ? followChain(chain, delivered.receipt) : standingStill(chain)
    const refused = rejectedBy(delivered, batch)
    await guarded('hook-failed', async () => {
      if (delivered.kind === 'accepted') await onReceipt?.(delivered.receipt)
      if (refused.length > 0) await onRejected?.(refused)
      if (step.broken !== undefined) await onChainBroken?.(step.broken)
    })
    await guarded('store-failed', async () => store?.settle(batch.digest, step.chain))
    // Only now: until here a failure leaves all as it was, and the same bytes bring the same answer again.
    chain = step.chain
    batches.shift()
    stored.delete(batch)
    if (onRejected === undefined) rejected.push(...refused)
    if (onChainBroken === undefined && step.broken !== undefined) broken.push(step.broken)
  }

  /** One at a time, whoever asks: the chain has an order. */
  function deliverNext(): Promise<void> {
    flight ??= deliverOldest()
      .catch(tellAndThrow)
      .finally(() => {
        flight = undefined
      })
    return flight
  }

  function restoreOnce(): Promise<void> {
    restored ??= guarded('store-failed', restore).catch(error => {
      restored = undefined
      return tellAndThrow(error)
    })
    return restored
  }

  function tellAndThrow(error: unknown): never {
    const undelivered =
      error instanceof UsageUndelivered ? error : new UsageUndelivered('internal-error', 1, { cause: error })
    try {
      onUndelivered?.(undelivered)
    } catch {
      // An alarm that fails must not stop delivery as well.
    }
    throw undelivered
  }

  return {
    add(lines) {
      batches.push(freezeBatch(lines))
    },
    async drain() {
      await restoreOnce()
      const last = batches.at(-1)
      while (last !== undefined && batches.includes(last)) await deliverNext()
    },
    raise() {
      if (rejected.length > 0) throw new UsageRejected(rejected.splice(0))
      const first = broken.shift()
      if (first !== undefined) throw first
    },
    async rest(reason) {
      for (const batch of batches) await keep(batch).catch(() => undefined)
      const undelivered = batches.flatMap(({ lines }) => lines.map(({ event }) => event))
      const left = { undelivered, rejected: [...rejected], chainBroken: [...broken], chain }
      return reason === undefined ? left : { ...left, reason }
    },
    waiting: () => batches.reduce((sum, { lines }) => sum + lines.length, 0),
    unclaimed: () => rejected.length,
    chain: () => chain,
  }
}

const standingStill = (chain: ReceiptChain | undefined): Partial<ChainStep> => (chain === undefined ? {} : { chain })

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

async function guarded(code: DeliveryFault, act: () => Promise<void>): Promise<void> {
  try {
    await act()
  } catch (cause) {
    throw new UsageUndelivered(code, 1, { cause })
  }
}
