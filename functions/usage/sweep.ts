import type { BatchPointer } from '../../schemas/usage.ts'
import { Conflict, type Table } from '../kernel/table.ts'
import { claimForSweep, releaseClaim, sweepChunk } from './store.ts'

type Needs = { table: Table }

/**
 * Clears away the chunks of a batch that never committed, once its `receiving` pointer has expired. The claim takes
 * the pointer's place, so that a retry of the same bytes either came first, and keeps its chunks, or has to wait. A
 * batch commits in one transaction with its pointer: where there is none, there is no manifest either. A sweep that
 * died half way is taken over by the next one, and by the next try of the same bytes.
 * @returns whether this call swept
 */
export async function sweepBatch({ table }: Needs, pointer: BatchPointer): Promise<boolean> {
  const claim: BatchPointer = { id: pointer.id, partner: pointer.partner, state: 'sweeping', chunks: pointer.chunks }
  try {
    await claimForSweep(table, claim)
    for (let index = 0; index < pointer.chunks; index++) await sweepChunk(table, claim, index)
    await releaseClaim(table, claim)
    return true
  } catch (error) {
    if (error instanceof Conflict) return false
    throw error
  }
}
