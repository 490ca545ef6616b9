import { thawBatch, type UsageBatch } from './reporter-batch.ts'
import { judgeChain, type ReceiptChain } from './reporter-chain.ts'
import { StoredBatchUnreadable } from './reporter-errors.ts'
import type { UsageStore } from './reporter-options.ts'

/** What an earlier run left. */
export interface LeftBatches {
  /** Oldest first. */
  readonly batches: readonly UsageBatch[]
  readonly unreadable: readonly StoredBatchUnreadable[]
  readonly chain: ReceiptChain | undefined
}

/** The reporter's side of a store; without one, everything counts as kept. */
export interface KeptBatches {
  /** @throws what the store throws; TypeError when its chain cannot be one */
  load(): Promise<LeftBatches>
  has(batch: UsageBatch): boolean
  put(batch: UsageBatch): Promise<void>
  settle(batch: UsageBatch, chain: ReceiptChain | undefined): Promise<void>
}

export function createKeptBatches(store: UsageStore | undefined): KeptBatches {
  // A settled batch stays in it: whoever looks before it has left the queue must not put it again.
  const kept = new WeakSet<UsageBatch>()
  return {
    async load() {
      const { batches: stored, chain } = (await store?.load()) ?? { batches: [] }
      const batches: UsageBatch[] = []
      const unreadable: StoredBatchUnreadable[] = []
      for (const thawed of stored.map(thawedOrTold)) {
        if (thawed instanceof StoredBatchUnreadable) unreadable.push(thawed)
        else batches.push(thawed)
      }
      for (const batch of batches) kept.add(batch)
      return { batches, unreadable, chain: judgeChain(chain) }
    },
    has: batch => store === undefined || kept.has(batch),
    async put(batch) {
      await store?.put(batch.digest, batch.bytes)
      kept.add(batch)
    },
    async settle(batch, chain) {
      await store?.settle(batch.digest, chain)
    },
  }
}

function thawedOrTold(bytes: Uint8Array): UsageBatch | StoredBatchUnreadable {
  try {
    return thawBatch(bytes)
  } catch (error) {
    if (error instanceof StoredBatchUnreadable) return error
    throw error
  }
}
