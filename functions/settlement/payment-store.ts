import * as z from 'zod'
import { PaymentId } from '../../schemas/ids.ts'
import { ConfirmedPayment } from '../../schemas/payment.ts'
import { Period, Sha256, Slug } from '../../schemas/primitives.ts'
import type { LedgerBlock, Transfer } from '../../schemas/settlement.ts'
import { type AnyItem, itemOf, put, recordType, type Table, type Write } from '../kernel/table.ts'
import { changesOf, type PaymentBlock } from './ledger.ts'
import { balanceWrites, block, ledgerItems, ledgerPartition, transfer } from './store.ts'

/** Where the chain of a programme's payment blocks stands; of rivals that append, one finds the version it read. */
const PaymentChain = z.strictObject({ programme: Slug, version: z.int().min(1), hash: Sha256 })
export type PaymentChain = z.infer<typeof PaymentChain>
const chain = recordType('payment-chain', PaymentChain)

const ConfirmedRecord = z.strictObject({
  payment: PaymentId,
  programme: Slug,
  period: Period,
  confirmation: ConfirmedPayment,
})
export type ConfirmedRecord = z.infer<typeof ConfirmedRecord>
export const confirmed = recordType('confirmed-payment', ConfirmedRecord)

const chainKey = (programme: string) => ({ pk: ledgerPartition(programme), sk: 'PAYMENTS' })
const confirmedPrefix = (period?: Period) => (period === undefined ? 'PAYMENT#' : `PAYMENT#${period}#`)
const confirmedKey = ({ programme, period, payment }: Pick<ConfirmedRecord, 'programme' | 'period' | 'payment'>) => ({
  pk: ledgerPartition(programme),
  sk: `${confirmedPrefix(period)}${payment}`,
})

// No period is called PAYMENT: what lists a period's blocks and transfers by their prefix never meets these.
const blockPrefix = 'BLOCK#PAYMENT#'
const transferPrefix = 'TRANSFER#PAYMENT#'
const numbered = (number: number) => String(number).padStart(9, '0')

/** What an item of the confirmed payments is, by its key alone: what it holds may be anything. */
export type PaymentPlace =
  | { kind: 'end' }
  | { kind: 'confirmation'; payment: string }
  | { kind: 'block' | 'transfer'; number: number }

export function paymentPlaceOf({ sk }: Pick<AnyItem, 'sk'>): PaymentPlace | undefined {
  if (sk === 'PAYMENTS') return { kind: 'end' }
  if (sk.startsWith(confirmedPrefix())) return { kind: 'confirmation', payment: sk.split('#')[2] ?? '' }
  if (sk.startsWith(blockPrefix)) return { kind: 'block', number: Number(sk.slice(blockPrefix.length)) }
  if (sk.startsWith(transferPrefix)) return { kind: 'transfer', number: Number(sk.slice(transferPrefix.length)) }
  return undefined
}

/** Every item that is or calls itself one of them, as it lies there. */
export async function paymentItems(table: Table, programme: string): Promise<AnyItem[]> {
  const found: AnyItem[] = []
  for (const prefix of ['PAYMENT', blockPrefix, transferPrefix])
    found.push(...(await Array.fromAsync(ledgerItems(table, programme, prefix))))
  return found
}

/** The key under which a payment's confirmation lies or is missing. */
export const confirmationPlace = (of: Pick<ConfirmedRecord, 'programme' | 'period' | 'payment'>): AnyItem =>
  confirmedKey(of)

export const findPaymentChain = (table: Table, programme: string): Promise<PaymentChain | undefined> =>
  table.get(chain, chainKey(programme))

/** Of one period, or of all; by period and id. */
export const listConfirmed = (table: Table, programme: string, period?: Period): Promise<ConfirmedRecord[]> =>
  table.all(confirmed, { partition: ledgerPartition(programme), startsWith: confirmedPrefix(period) })

export const listPaymentBlocks = (table: Table, programme: string): Promise<LedgerBlock[]> =>
  table.all(block, { partition: ledgerPartition(programme), startsWith: blockPrefix })

/** In the order of the blocks: each has one. */
export const listPaymentTransfers = (table: Table, programme: string): Promise<Transfer[]> =>
  table.all(transfer, { partition: ledgerPartition(programme), startsWith: transferPrefix })

/**
 * A payment with its block, transfer and balances, whole or not at all. Its accounts must be open.
 * @throws Conflict from `commit` when the payment is confirmed already, or another one was appended meanwhile
 */
export function confirmationWrites(
  { block: marker, transfer: posted, record }: PaymentBlock,
  before: PaymentChain | undefined,
): Write[] {
  const { programme, number, hash } = marker
  const pk = ledgerPartition(programme)
  return [
    put(confirmed, confirmedKey(record), record, { when: 'absent' }),
    put(
      chain,
      chainKey(programme),
      { programme, version: number, hash },
      {
        when: before ? { equals: { version: before.version } } : 'absent',
      },
    ),
    put(block, { pk, sk: `${blockPrefix}${numbered(number)}` }, marker, { when: 'absent' }),
    put(transfer, { pk, sk: `${transferPrefix}${numbered(number)}` }, posted, { when: 'absent' }),
    ...balanceWrites(programme, changesOf([posted])),
  ]
}

/** The item that stands at the end of the chain, for who verifies it. */
export const chainItem = (record: PaymentChain): AnyItem => itemOf(put(chain, chainKey(record.programme), record))
