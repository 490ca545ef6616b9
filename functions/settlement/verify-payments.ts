import type { NetPayment } from '../../schemas/payment.ts'
import type { Period } from '../../schemas/primitives.ts'
import { type ClosingInputs, NettedOutput } from '../../schemas/settlement.ts'
import { genesisHash } from '../kernel/canonical.ts'
import { type AnyItem, itemOf, readAs, type Table } from '../kernel/table.ts'
import { closesOf } from './closed-periods.ts'
import { findClosingInputs } from './inputs.ts'
import { daysToPay, type PaymentBlock, paymentBlockOf } from './ledger.ts'
import {
  type ConfirmedRecord,
  chainItem,
  confirmationPlace,
  confirmationWrites,
  confirmed,
  type PaymentChain,
  paymentItems,
  paymentPlaceOf,
} from './payment-store.ts'
import { outputOf } from './steps.ts'
import { block, findOutput, transfer } from './store.ts'
import { itemDifferences, placeOf, readable } from './verify-found.ts'

/**
 * The programme's confirmed payments: each posts what a close netted, as it can have been paid, in a block that follows
 * the one before it, nothing else is in the chain, and of what was there at a later close nothing is gone.
 */
export async function verifyPayments(table: Table, programme: string, attempts = 3): Promise<string[]> {
  const found = await paymentItems(table, programme)
  const differences = await readable('confirmed payments', () => differencesOf(table, programme, found))
  const named = 'broken' in differences ? [differences.broken] : differences.value
  // A payment may have been confirmed between the reads.
  return named.length > 0 && attempts > 1 ? verifyPayments(table, programme, attempts - 1) : named
}

async function differencesOf(table: Table, programme: string, found: readonly AnyItem[]): Promise<string[]> {
  const { payments, anchors } = await nettedBy(table, programme)
  const { items, hashes } = expectedChain(programme, payments, found)
  const different = [
    ...itemDifferences(found, items, nameOf),
    ...recordsIn(found)
      .filter(record => !canBePaid(record, payments.get(record.payment)))
      .map(({ payment }) => `confirmation of payment ${payment}`),
  ]
  // Where items differ they are named, and what a close counted would only say so once more.
  return different.length > 0 ? [...new Set(different)] : anchors.flatMap(anchor => anchorDifferences(anchor, hashes))
}

function nameOf(item: AnyItem): string {
  const place = paymentPlaceOf(item)
  if (!place) return placeOf(item)
  if (place.kind === 'end') return endOfChain
  if (place.kind === 'confirmation') return `confirmation of payment ${place.payment}`
  return `${place.kind} ${place.number} of the confirmed payments`
}
const endOfChain = 'end of the chain of confirmed payments'

/** In full, and on a day on which it can have been. */
function canBePaid({ confirmation }: ConfirmedRecord, payment: Netted | undefined): boolean {
  if (!payment) return false
  const { paidOn, amountMinor, confirmedAt } = confirmation
  const { from, to } = daysToPay(payment.period, confirmedAt, payment.timeZone)
  return amountMinor === payment.netMinor && paidOn >= from && paidOn <= to
}

function anchorDifferences({ period, blocks, hash }: Anchor, hashes: readonly string[]): string[] {
  if (blocks === 0 || hashes[blocks - 1] === hash) return []
  return [
    blocks > hashes.length
      ? `${endOfChain} (the close of ${period} counted ${blocks} of them)`
      : `block ${blocks} of the confirmed payments (the close of ${period} has another hash)`,
  ]
}

const recordsIn = (found: readonly AnyItem[]): ConfirmedRecord[] =>
  found.flatMap(item => (paymentPlaceOf(item)?.kind === 'confirmation' ? (readAs(confirmed, item) ?? []) : []))

function numberedIn<Read>(found: readonly AnyItem[], kind: 'block' | 'transfer', read: (item: AnyItem) => Read) {
  const numbered = new Map<number, Read>()
  for (const item of found) {
    const place = paymentPlaceOf(item)
    if (place?.kind === kind) numbered.set(place.number, read(item))
  }
  return numbered
}

/** What confirming the same payments in the same order writes. */
function expectedChain(programme: string, netted: ReadonlyMap<string, Netted>, found: readonly AnyItem[]) {
  const records = new Map<string, ConfirmedRecord>(recordsIn(found).map(record => [record.payment, record]))
  const blocks = numberedIn(found, 'block', item => readAs(block, item))
  const transfers = numberedIn(found, 'transfer', item => readAs(transfer, item))
  const end = found.find(item => paymentPlaceOf(item)?.kind === 'end')
  const items: AnyItem[] = []
  const hashes: string[] = []
  const used = new Set<string>()
  let before: PaymentChain | undefined
  for (const number of [...new Set([...blocks.keys(), ...transfers.keys()])].sort((a, b) => a - b)) {
    const { hash: previousHash = genesisHash } = before ?? {}
    const postingOf = (record: ConfirmedRecord | undefined): PaymentBlock | undefined => {
      const own = record && netted.get(record.payment)
      if (!own || own.carried) return undefined
      return paymentBlockOf({ programme, number, previousHash, period: own.period }, own, record.confirmation)
    }
    const hash = blocks.get(number)?.hash
    const byTransfer = postingOf(records.get(transfers.get(number)?.payment ?? ''))
    const isBlock = (posting: PaymentBlock | undefined) => posting?.block.hash === hash
    // Either of the two that lies there tells which payment it is.
    const posting = isBlock(byTransfer)
      ? byTransfer
      : ([...records.values()].map(postingOf).find(isBlock) ?? byTransfer)
    const missing = netted.get(transfers.get(number)?.payment ?? '')
    if (!posting && missing && !used.has(missing.id))
      items.push(confirmationPlace({ programme, period: missing.period, payment: missing.id }))
    if (!posting || number !== (before?.version ?? 0) + 1) continue
    // One payment is confirmed once.
    used.add(posting.record.payment)
    records.delete(posting.record.payment)
    const follower = blocks.get(number + 1)?.previousHash ?? end?.['hash']
    // A block that the chain goes on from is right, so what was confirmed is not what it says now.
    const isRewritten = hash !== undefined && hash !== posting.block.hash && hash === follower
    const right = isRewritten ? { ...posting, block: { ...posting.block, hash } } : posting
    const left = isRewritten ? ['end', 'confirmation'] : ['end']
    const writes = confirmationWrites(right, before).filter(write => write('').Put)
    items.push(...writes.map(itemOf).filter(item => !left.includes(paymentPlaceOf(item)?.kind ?? '')))
    hashes.push(right.block.hash)
    before = { programme, version: number, hash: right.block.hash }
  }
  return { items: before ? [...items, chainItem(before)] : items, hashes }
}

type Netted = NetPayment & { period: Period; timeZone: string }
type Anchor = ClosingInputs['payments'] & { period: Period }

/** What the published closes netted, and what each counted of the payments that were confirmed before it. */
async function nettedBy(
  table: Table,
  programme: string,
): Promise<{ payments: Map<string, Netted>; anchors: Anchor[] }> {
  const payments = new Map<string, Netted>()
  const anchors: Anchor[] = []
  for (const close of await closesOf({ table }, programme)) {
    if (close.state !== 'published') continue
    const { period } = close
    const inputs = await findClosingInputs(table, close)
    const output = await findOutput(table, outputOf(close, 'netted'), NettedOutput)
    for (const payment of output.payments)
      payments.set(payment.id, { ...payment, period, timeZone: inputs.programme.timeZone })
    anchors.push({ period, ...inputs.payments })
  }
  return { payments, anchors }
}
