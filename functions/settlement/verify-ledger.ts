import { PostedOutput, type Transfer } from '../../schemas/settlement.ts'
import type { AnyItem, Table } from '../kernel/table.ts'
import { closesOf } from './closed-periods.ts'
import { type Block, changesOf } from './ledger.ts'
import { outputOf } from './steps.ts'
import { type ClosingPeriod, closeRecords, findOutput, ledgerItems, listBlocks } from './store.ts'
import { itemDifferences, placeOf, readable } from './verify-found.ts'
import { verifyPayments } from './verify-payments.ts'

/** The period's blocks and transfers, the chain from the period before, confirmed payments, and every balance. */
export async function verifyLedger(
  table: Table,
  closing: ClosingPeriod & { identity: string },
  blocks: readonly Block[],
): Promise<string[]> {
  const { programme, period, identity } = closing
  const found: AnyItem[] = []
  for (const prefix of ['BLOCK', 'TRANSFER'])
    found.push(...(await Array.fromAsync(ledgerItems(table, programme, `${prefix}#${period}#`))))
  const expected = blocks.flatMap(block => closeRecords.block(identity, block))
  return [
    ...itemDifferences(found, expected, nameIn(expected)),
    ...(await previousDifferences(table, closing)),
    ...(await verifyPayments(table, programme)),
    ...(await balanceDifferences(table, programme)),
  ]
}

/** A transfer by its id, which says which line it posts; what should not be there by its key. */
function nameIn(expected: readonly AnyItem[]): (item: AnyItem) => string {
  const known = new Map(expected.map(item => [item.sk, item]))
  return ({ pk, sk }) => {
    const item = known.get(sk)
    if (!item) return placeOf({ pk, sk })
    return sk.startsWith('TRANSFER#') ? `transfer ${item['id']}` : `ledger block ${item['number']} of ${item['period']}`
  }
}

/** The last block of the period before is the one that this period's first block names. */
async function previousDifferences(table: Table, { programme, period }: ClosingPeriod): Promise<string[]> {
  const before = (await closesOf({ table }, programme)).filter(close => close.period < period).at(-1)
  if (!before) return []
  const posted = await readable(`output posted of ${before.period}`, () =>
    findOutput(table, outputOf(before, 'posted'), PostedOutput),
  )
  if ('broken' in posted) return [posted.broken]
  const blocks = await readable(`ledger blocks of ${before.period}`, () => listBlocks(table, programme, before.period))
  if ('broken' in blocks) return [blocks.broken]
  const isChained = blocks.value.length === posted.value.blocks
  const isEnd = posted.value.blocks === 0 || blocks.value.at(-1)?.hash === posted.value.hash
  return isChained && isEnd ? [] : [`ledger blocks of ${before.period}`]
}

/** Every balance is the sum of its transfers, of all periods and payments, and no transfer is of a time that is open. */
async function balanceDifferences(table: Table, programme: string, attempts = 3): Promise<string[]> {
  const balances = await Array.fromAsync(ledgerItems(table, programme, 'BALANCE#'))
  const differences: string[] = []
  const transfers: Transfer[] = []
  const periods = new Set<string>()
  for await (const item of ledgerItems(table, programme, 'TRANSFER#')) {
    const transfer = closeRecords.transferIn(item)
    if (transfer) transfers.push(transfer)
    else differences.push(placeOf(item))
    periods.add(item.sk.split('#')[1] ?? '')
  }
  // Read after the transfers: a period is in the list of closed ones before any of its transfers is posted.
  const closed = new Set<string>((await closesOf({ table }, programme)).map(({ period }) => period))
  for (const period of periods)
    if (period !== 'PAYMENT' && !closed.has(period))
      differences.push(`ledger transfers of ${period}, which is not closed`)
  const sums = changesOf(transfers)
  const held = new Set(balances.map(({ sk }) => sk.slice('BALANCE#'.length)))
  const expected = [...new Set([...sums.keys(), ...held])].map(account =>
    closeRecords.balance(programme, { account, amountMinor: sums.get(account) ?? 0n }),
  )
  const off = itemDifferences(balances, expected, ({ sk }) => `balance ${sk.slice('BALANCE#'.length)}`)
  // A block of another period may have been posted between the two reads.
  if (off.length > 0 && attempts > 1) return balanceDifferences(table, programme, attempts - 1)
  return [...differences, ...off]
}
