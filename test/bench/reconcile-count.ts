import { type ChainInputs, type ChainRunNeeds, runChain } from '../../functions/reconciliation/chain-run.ts'
import { openChain } from './reconcile-files.ts'

/** Lines by disposition, and how many uses those that matched stand for. */
export type Counts = { lines: Record<string, number>; matchedQuantity: number }

type Facts = Pick<ChainInputs, 'partner' | 'programmes' | 'contracts'> & {
  oldestOpen: Parameters<typeof openChain>[1]
}

/** Reconciles the chain whose files lie in a folder, from nothing to the last line's outcome. */
export async function countByRun(
  folder: string,
  { oldestOpen, ...facts }: Facts,
  needs: Omit<ChainRunNeeds, 'source'>,
): Promise<Counts> {
  await using files = await openChain(folder, oldestOpen)
  const { source, history, upTo } = files
  await using run = await runChain({ ...needs, source }, { ...facts, upTo, history, finals: nothingFinal })
  const lines: Record<string, number> = {}
  let matchedQuantity = 0
  for await (const outcomes of run.outcomes())
    for (const { disposition, matched } of outcomes) {
      lines[disposition] = (lines[disposition] ?? 0) + 1
      matchedQuantity += matched?.quantity ?? 0
    }
  return { lines, matchedQuantity }
}

async function* nothingFinal() {}
