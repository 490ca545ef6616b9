import type { BatchPointer } from '../../schemas/usage.ts'
import { Conflict, type Table } from '../kernel/table.ts'
import { claimForSweep, claimFromUpload, releaseClaim, sweepChunk } from './store.ts'

type Needs = { table: Table }

/**
 * Clears away the chunks of a batch that never committed, once its `receiving` pointer has expired. The claim takes
 * the pointer's place, so that a retry of the same bytes either came first, and keeps its chunks, or has to wait. A
 * batch commits in one transaction with its pointer: where there is none, there is no manifest either. A sweep that
 * died half way is taken over by the next one, and by the next try of the same bytes.
 * @returns whether this call swept
 */
export const sweepBatch = ({ table }: Needs, pointer: BatchPointer): Promise<boolean> =>
  sweep(table, pointer, claim => claimForSweep(table, claim))

/**
 * Clears away what an upload has stored whose time is not over: its chunks are others than those that the same bytes are
 * now made into. If it is still at work it finds its pointer gone and begins anew.
 * @returns whether this call swept
 */
export const sweepUpload = ({ table }: Needs, pointer: BatchPointer): Promise<boolean> =>
  sweep(table, pointer, claim => claimFromUpload(table, claim, pointer))

async function sweep(
  table: Table,
  { id, partner, chunks }: BatchPointer,
  take: (claim: BatchPointer) => Promise<void>,
): Promise<boolean> {
  const claim: BatchPointer = { id, partner, state: 'sweeping', chunks }
  try {
    await take(claim)
    for (let index = 0; index < chunks; index++) await sweepChunk(table, claim, index)
    await releaseClaim(table, claim)
    return true
  } catch (error) {
    if (error instanceof Conflict) return false
    throw error
  }
}
