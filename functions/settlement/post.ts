import { canonicalJson } from '../kernel/canonical.ts'
import { againOnConflict, type Table } from '../kernel/table.ts'
import { type Block, changesOf } from './ledger.ts'
import { blockWrites, findBlock, Mismatch, openAccounts } from './store.ts'

/**
 * Posts blocks in order, each in one transaction with the balances it touches. Blocks that stand already are left alone,
 * so that posting resumes after a crash and two that post the same blocks post them once.
 * @throws Mismatch when another block stands in the place of one
 */
export async function postBlocks(
  { table }: { table: Table },
  { programme, identity, blocks }: { programme: string; identity: string; blocks: Block[] },
): Promise<void> {
  await openAccounts(table, programme, [...changesOf(blocks.flatMap(({ transfers }) => transfers)).keys()])
  for (const block of blocks) await againOnConflict(() => postBlock(table, identity, block))
}

async function postBlock(table: Table, identity: string, block: Block): Promise<void> {
  const there = await findBlock(table, identity, block.block)
  if (there) {
    if (canonicalJson(there) !== canonicalJson(block.block))
      throw new Mismatch(`ledger block ${block.block.number} of ${block.block.period}`)
    return
  }
  await table.commit(blockWrites(identity, block, changesOf(block.transfers)))
}
