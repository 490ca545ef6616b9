import type { ConfirmedPayment, NetPayment, Payment } from '../../schemas/payment.ts'
import { type CloseRecord, NettedOutput } from '../../schemas/settlement.ts'
import { Refusal } from '../kernel/refusal.ts'
import type { Table } from '../kernel/table.ts'
import type { Frame, SettlementNeeds } from './inputs.ts'
import { listConfirmed } from './payment-store.ts'
import { knownPeriod } from './periods.ts'
import { outputOf } from './steps.ts'
import { type ClosingPeriod, findClose, findOutput } from './store.ts'

/** A payment with where it stands (pure). */
export function paymentOf(payment: NetPayment, confirmation?: ConfirmedPayment): Payment {
  if (confirmation) return { ...payment, state: 'paid', confirmation }
  return { ...payment, state: payment.carried ? 'carried' : payment.netMinor === 0 ? 'settled' : 'due' }
}

/** The payments of a close that has netted, with what was confirmed of them since. */
export async function paymentsOf(table: Table, close: CloseRecord): Promise<Payment[]> {
  const { payments } = await findOutput(table, outputOf(close, 'netted'), NettedOutput)
  const confirmed = new Map(
    (await listConfirmed(table, close.programme, close.period)).map(record => [record.payment, record.confirmation]),
  )
  return payments.map(payment => paymentOf(payment, confirmed.get(payment.id)))
}

/**
 * The close of a period whose payments are final. Before that nobody has anything to pay.
 * @throws Refusal programme-not-found, period-not-found, period-not-closed
 */
export async function publishedClose(
  needs: Pick<SettlementNeeds, 'table' | 'programmeOf' | 'now'>,
  closing: ClosingPeriod,
): Promise<{ close: CloseRecord; frame: Frame }> {
  const frame = await knownPeriod(needs, closing)
  const close = await findClose(needs.table, closing)
  if (close?.state !== 'published')
    throw new Refusal(
      'period-not-closed',
      `the period ${closing.period} is ${close ? `being closed (${close.state})` : 'open'}: payments are due once it is published`,
    )
  return { close, frame }
}
