import type { PaymentId } from '../../schemas/ids.ts'
import type { ConfirmedPayment, NetPayment } from '../../schemas/payment.ts'
import type { Day, Instant, Period } from '../../schemas/primitives.ts'
import type { LedgerBlock, Statement, Transfer } from '../../schemas/settlement.ts'
import { dayOf, nextPeriod, periodDays } from '../kernel/calendar.ts'
import { hashOf } from '../kernel/canonical.ts'

export const positionOf = (brand: string, currency: string): string => `position:${brand}:${currency}`

/**
 * What a statement moves: each line and the tax from debtor to creditor, a credit the other way. The opening balance was
 * moved by the statements it comes from.
 */
export function transfersOf(statement: Statement): Transfer[] {
  const { id, debtor, creditor, currency, lines, taxMinor } = statement
  const entries = [
    ...lines.map(line => ({ line: line.id, amountMinor: line.amountMinor })),
    { line: 'tax', amountMinor: taxMinor },
  ]
  return entries
    .filter(({ amountMinor }) => amountMinor !== 0)
    .map(({ line, amountMinor }) => {
      const [from, to] = amountMinor > 0 ? [debtor, creditor] : [creditor, debtor]
      return {
        id: `${id}/${line}`,
        statement: id,
        line,
        debit: positionOf(from, currency),
        credit: positionOf(to, currency),
        amountMinor: Math.abs(amountMinor),
        currency,
      }
    })
}

/** What each account changes by: credits minus debits, which is what its brand is owed. Adds up to zero. */
export function changesOf(transfers: Transfer[]): Map<string, bigint> {
  const changes = new Map<string, bigint>()
  const change = (account: string, amount: bigint) => changes.set(account, (changes.get(account) ?? 0n) + amount)
  for (const { debit, credit, amountMinor } of transfers) {
    change(debit, -BigInt(amountMinor))
    change(credit, BigInt(amountMinor))
  }
  return changes
}

export type Block = { block: LedgerBlock; transfers: Transfer[] }

const mostTransfers = 49
/** Items of one transaction: the block marker, its transfers, and the balances they touch. */
const mostItems = 100

/** Cuts transfers into blocks that each fit one transaction, chained from the last block of the period before. */
export function blocksOf(programme: string, period: Period, transfers: Transfer[], previousHash: string): Block[] {
  const blocks: Block[] = []
  for (const group of groups(transfers)) {
    const unhashed = {
      programme,
      period,
      number: blocks.length + 1,
      transfers: group.length,
      previousHash: blocks.at(-1)?.block.hash ?? previousHash,
    }
    blocks.push({ block: { ...unhashed, hash: hashOf({ ...unhashed, transfers: group }) }, transfers: group })
  }
  return blocks
}

function groups(transfers: Transfer[]): Transfer[][] {
  const done: Transfer[][] = []
  let group: Transfer[] = []
  let accounts = new Set<string>()
  for (const transfer of transfers) {
    const touched = new Set([...accounts, transfer.debit, transfer.credit])
    if (group.length === mostTransfers || 1 + group.length + 1 + touched.size > mostItems) {
      done.push(group)
      group = []
      accounts = new Set()
    }
    group.push(transfer)
    accounts.add(transfer.debit).add(transfer.credit)
  }
  return group.length > 0 ? [...done, group] : done
}

/** A payment that was confirmed, as the ledger keeps it: its block has this one transfer. */
export type PaymentBlock = {
  block: LedgerBlock
  transfer: Transfer
  record: { payment: PaymentId; programme: string; period: Period; confirmation: ConfirmedPayment }
}

/**
 * The block of a confirmed payment: the payer's debt goes down by it, and the other's claim. It is chained to the
 * programme's payment block before it and to no period, so that a closed one stays as it was. Its hash covers what was
 * confirmed, too.
 */
export function paymentBlockOf(
  { programme, period, number, previousHash }: Omit<LedgerBlock, 'transfers' | 'hash'>,
  { id, from, to, currency, netMinor }: NetPayment,
  confirmation: ConfirmedPayment,
): PaymentBlock {
  const transfer: Transfer = {
    id,
    payment: id,
    line: 'payment',
    debit: positionOf(to, currency),
    credit: positionOf(from, currency),
    amountMinor: netMinor,
    currency,
  }
  const unhashed = { programme, period, number, transfers: 1, previousHash }
  const hash = hashOf({ ...unhashed, transfers: [transfer], confirmation })
  return {
    block: { ...unhashed, hash },
    transfer,
    record: { payment: id, programme, period, confirmation },
  }
}

/**
 * On which days a payment can have been made that is confirmed at an instant: nobody knew of it before its period was
 * over, and no bank executes tomorrow.
 */
export const daysToPay = (period: Period, confirmedAt: Instant, timeZone: string): { from: Day; to: Day } => ({
  from: periodDays(nextPeriod(period)).first,
  to: dayOf(confirmedAt, timeZone),
})
