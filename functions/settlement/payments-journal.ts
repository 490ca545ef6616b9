import { periodDays } from '../kernel/calendar.ts'
import type { Table } from '../kernel/table.ts'
import { journal, type PaidTransfer } from '../reports/journal.ts'
import { transfersOfPeriod } from './balances.ts'
import { compareText } from './lines.ts'
import { listConfirmed, listPaymentTransfers } from './payment-store.ts'
import type { ClosingPeriod } from './store.ts'

type Needs = { table: Table }

/** What a period posted to the ledger, and what was paid of it since, as a plain-text journal. */
export async function periodJournal({ table }: Needs, closing: ClosingPeriod): Promise<string> {
  const { programme, period } = closing
  const posted = await transfersOfPeriod({ table }, closing)
  const paid = await paidTransfers(table, closing)
  return journal(posted, periodDays(period).last, `${programme} ${period}`, paid)
}

/** Confirmed payments by the day on which they were paid. */
async function paidTransfers(table: Table, { programme, period }: ClosingPeriod): Promise<PaidTransfer[]> {
  const confirmed = new Map<string, PaidTransfer['paidOn']>()
  for (const { payment, confirmation } of await listConfirmed(table, programme, period))
    confirmed.set(payment, confirmation.paidOn)
  if (confirmed.size === 0) return []
  return (await listPaymentTransfers(table, programme))
    .flatMap(transfer => {
      const paidOn = confirmed.get(transfer.payment ?? '')
      return paidOn === undefined ? [] : [{ paidOn, transfer }]
    })
    .sort((a, b) => compareText(`${a.paidOn} ${a.transfer.id}`, `${b.paidOn} ${b.transfer.id}`))
}
