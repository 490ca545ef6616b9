import type { RejectedUse } from './reporter-batch.ts'
import { type ReceiptChainBroken, type StoredBatchUnreadable, UsageRejected } from './reporter-errors.ts'
import type { ReporterHooks } from './reporter-options.ts'
import type { UsageReceipt } from './reporter-receipt.ts'

/** What came of a batch, or of the store. */
export interface Finding {
  readonly receipt?: UsageReceipt | undefined
  readonly rejected?: readonly RejectedUse[]
  readonly chainBroken?: ReceiptChainBroken | undefined
  readonly unreadable?: readonly StoredBatchUnreadable[]
}

/** What no hook took. */
export interface Unclaimed {
  /** Not taken by the gateway, where no `onRejected` was there. */
  readonly rejected: readonly RejectedUse[]
  /** Where no `onChainBroken` was there. */
  readonly chainBroken: readonly ReceiptChainBroken[]
  /** Bytes in the store that are no batch, where no `onUnreadable` was there. */
  readonly unreadable: readonly StoredBatchUnreadable[]
}

export interface Findings {
  /** @throws what a hook throws */
  tell(finding: Finding): Promise<void>
  /** Holds what has no hook, until somebody asks. */
  hold(finding: Finding): void
  /** Throws what is held, once. @throws UsageRejected, ReceiptChainBroken, StoredBatchUnreadable */
  raise(): void
  unclaimed(): Unclaimed
}

export function createFindings(hooks: ReporterHooks): Findings {
  const { onReceipt, onRejected, onChainBroken, onUnreadable } = hooks
  const held = {
    rejected: [] as RejectedUse[],
    chainBroken: [] as ReceiptChainBroken[],
    unreadable: [] as StoredBatchUnreadable[],
  }
  return {
    async tell({ receipt, rejected = [], chainBroken, unreadable = [] }) {
      if (receipt !== undefined) await onReceipt?.(receipt)
      if (rejected.length > 0) await onRejected?.(rejected)
      if (chainBroken !== undefined) await onChainBroken?.(chainBroken)
      for (const one of unreadable) await onUnreadable?.(one)
    },
    hold({ rejected = [], chainBroken, unreadable = [] }) {
      if (onRejected === undefined) for (const use of rejected) held.rejected.push(use)
      if (onChainBroken === undefined && chainBroken !== undefined) held.chainBroken.push(chainBroken)
      if (onUnreadable === undefined) held.unreadable.push(...unreadable)
    },
    raise() {
      if (held.rejected.length > 0) throw new UsageRejected(held.rejected.splice(0))
      const first = held.chainBroken.shift() ?? held.unreadable.shift()
      if (first !== undefined) throw first
    },
    unclaimed: () => ({
      rejected: [...held.rejected],
      chainBroken: [...held.chainBroken],
      unreadable: [...held.unreadable],
    }),
  }
}
