import type { ProvisionalRun } from '../../schemas/usage-view.ts'
import { usageHead } from '../usage/read.ts'
import { type ChainNeeds, type PresentInputs, presentInputs } from './chain-inputs.ts'
import { findRequest, findRun, putRequest } from './provisional-store.ts'

/**
 * Has a partner's chain judged again by the stream's consumer, if it was judged otherwise than it would be now: no batch
 * tells of a close or of other contracts.
 */
export async function requestRun(needs: ChainNeeds, partner: string): Promise<void> {
  const head = await usageHead(needs, partner)
  if (!head || head.sequence === 0) return
  const inputs = await presentInputs(needs, { partner, upTo: head.sequence })
  await askForRun(needs, inputs, await findRun(needs.table, partner))
}

export async function askForRun(
  { table }: Pick<ChainNeeds, 'table'>,
  { partner, basis }: Pick<PresentInputs, 'partner' | 'basis'>,
  run: ProvisionalRun | undefined,
): Promise<void> {
  if (run?.basis === basis) return
  const last = await findRequest(table, partner)
  if (last?.basis !== basis) await putRequest(table, { partner, basis })
}
