import type { Caller } from '../../schemas/client.ts'
import type { Payment, PaymentConfirmation } from '../../schemas/payment.ts'
import type { Day } from '../../schemas/primitives.ts'
import type { CloseRecord } from '../../schemas/settlement.ts'
import { genesisHash } from '../kernel/canonical.ts'
import { Refusal } from '../kernel/refusal.ts'
import { againOnConflict, type Table } from '../kernel/table.ts'
import { majorAmount } from '../reports/amount.ts'
import { endToEndIdOf } from '../reports/pain.ts'
import type { SettlementNeeds } from './inputs.ts'
import { changesOf, daysToPay, paymentBlockOf } from './ledger.ts'
import { confirmationWrites, findPaymentChain } from './payment-store.ts'
import { paymentOf, paymentsOf, publishedClose } from './payments.ts'
import { type ClosingPeriod, openAccounts } from './store.ts'

type Needs = Pick<SettlementNeeds, 'table' | 'programmeOf' | 'now'>
type Confirming = ClosingPeriod & {
  caller: Pick<Caller, 'client'>
  /** Of the payment, or its end-to-end id, by which the bank names it. */
  id: string
  confirmation: PaymentConfirmation
}

/**
 * Notes that a payment was made, with the transfer that takes the debt off the ledger in the same transaction. The same
 * confirmation again gets the first answer.
 * @throws Refusal programme-not-found, period-not-found, period-not-closed, payment-not-found, payment-not-due,
 *   payment-mismatch, payment-confirmed, invalid-request for a day on which nobody can have paid
 */
export async function confirmPayment(needs: Needs, confirming: Confirming): Promise<Payment> {
  const { table, now } = needs
  const { caller, programme, period, id, confirmation } = confirming
  const { close, frame } = await publishedClose(needs, { programme, period })
  return againOnConflict(async () => {
    const payment = await paymentIn(table, close, id)
    if (payment.confirmation) return sameAgain(payment, confirmation)
    decide(payment, confirmation, daysToPay(period, now(), frame.timeZone))
    const { state: _state, ...netted } = payment
    const chain = await findPaymentChain(table, programme)
    const { version = 0, hash: previousHash = genesisHash } = chain ?? {}
    const confirmed = { ...confirmation, confirmedAt: now(), actor: caller.client }
    const posting = paymentBlockOf({ programme, period, number: version + 1, previousHash }, netted, confirmed)
    await openAccounts(table, programme, [...changesOf([posting.transfer]).keys()])
    await table.commit(confirmationWrites(posting, chain))
    return paymentOf(netted, confirmed)
  })
}

async function paymentIn(table: Table, close: CloseRecord, id: string): Promise<Payment> {
  const payment = (await paymentsOf(table, close)).find(found => found.id === id || endToEndIdOf(found.id) === id)
  if (!payment) throw new Refusal('payment-not-found', `the period ${close.period} has no payment ${id}`)
  return payment
}

function sameAgain(payment: Payment, { paidOn, reference, amountMinor }: PaymentConfirmation): Payment {
  const there = payment.confirmation
  if (there?.paidOn === paidOn && there.reference === reference && there.amountMinor === amountMinor) return payment
  throw new Refusal(
    'payment-confirmed',
    `it was confirmed as paid on ${there?.paidOn} at ${there?.confirmedAt}, and that stands. Did the bank return it? ` +
      'Transfer it again at the bank, under the same end-to-end id: the ledger is then right as it is',
  )
}

/** Whether this confirms that payment (pure). @throws Refusal */
export function decide(
  { state, currency, netMinor }: Payment,
  { paidOn, amountMinor }: PaymentConfirmation,
  { from, to }: { from: Day; to: Day },
): void {
  if (state === 'carried') throw new Refusal('payment-not-due', 'it is too small to pay and opens the next statements')
  if (state === 'settled') throw new Refusal('payment-not-due', 'what the two owe each other cancels out')
  if (amountMinor !== netMinor)
    throw new Refusal(
      'payment-mismatch',
      `${majorAmount(netMinor, currency)} ${currency} (${netMinor} minor units) is due, in one payment`,
    )
  if (paidOn < from || paidOn > to)
    throw new Refusal('invalid-request', undefined, {
      errors: [{ pointer: '/paidOn', detail: `a day from ${from}, after the period's last one, to today, ${to}` }],
    })
}
