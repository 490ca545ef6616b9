import type { SettlementAccount } from '../../schemas/brand.ts'
import type { Payment } from '../../schemas/payment.ts'
import type { Day, Instant } from '../../schemas/primitives.ts'
import { settlementAccounts } from '../brands/find-brand.ts'
import { dayOf, plusDuration } from '../kernel/calendar.ts'
import { Refusal } from '../kernel/refusal.ts'
import { type CreditTransfer, painXml } from '../reports/pain.ts'
import type { SettlementNeeds } from './inputs.ts'
import { compareText } from './lines.ts'
import { paymentsOf, publishedClose } from './payments.ts'
import type { ClosingPeriod } from './store.ts'

type Needs = Pick<SettlementNeeds, 'table' | 'programmeOf' | 'now'>
type Asked = ClosingPeriod & {
  /** Only payments in this currency. */
  currency?: string | undefined
  /** Only payments of this brand: its bank takes no other's. */
  debtor?: string | undefined
  /** When the bank is to pay; today unless given. */
  executionDate?: Day | undefined
}

/**
 * The payments of a closed period that are due, as a file for a bank (pain.001). Confirmed ones are left out; a payment
 * that was made but not confirmed is in the file again, under the ids that it had, by which a bank refuses to execute it
 * twice. The same day, payments, accounts and question give the same bytes. Only the brands of the chosen payments need
 * an account.
 * @throws Refusal programme-not-found, period-not-found, period-not-closed, payment-not-due, settlement-account-missing,
 *   invalid-request for a day before today or more than a year ahead
 */
export async function paymentsFile(
  needs: Needs,
  { programme, period, currency, debtor, executionDate }: Asked,
): Promise<{ name: string; xml: string }> {
  const { close, frame } = await publishedClose(needs, { programme, period })
  const days = daysToExecute(needs.now(), frame.timeZone)
  if (executionDate !== undefined && (executionDate < days.today || executionDate > days.last))
    throw new Refusal('invalid-request', undefined, {
      errors: [{ pointer: '/executionDate', detail: `a day from today, ${days.today}, to ${days.last}` }],
    })
  const due = (await paymentsOf(needs.table, close))
    .filter(payment => payment.state === 'due')
    .filter(payment => currency === undefined || payment.currency === currency)
    .filter(payment => debtor === undefined || payment.from === debtor)
    .sort((a, b) => compareText(`${a.from} ${a.currency} ${a.to}`, `${b.from} ${b.currency} ${b.to}`))
  if (due.length === 0) {
    const chosen = [debtor && ` of ${debtor}`, currency && ` in ${currency}`].join('')
    throw new Refusal('payment-not-due', `no payment of ${period}${chosen} is due: all are paid, carried or settled`)
  }
  const parties = new Set(due.flatMap(({ from, to }) => [from, to]))
  const accounts = await settlementAccounts(needs, { operator: frame.brand, brands: [...parties, frame.brand] })
  const missing = [...parties].filter(brand => !accounts.has(brand)).sort(compareText)
  if (missing.length > 0) throw accountsMissing(missing)
  const xml = await painXml({
    initiator: accounts.get(frame.brand)?.name ?? frame.brand,
    createdOn: days.today,
    executionDate: executionDate ?? days.today,
    transfers: due.map(payment => transferOf(payment, accounts, `${programme} ${period} net settlement`)),
  })
  return { name: `${[programme, period, 'payments', debtor, currency].filter(Boolean).join('-')}.xml`, xml }
}

/** Banks take orders for a day to come, and not for any that far away. */
const daysToExecute = (at: Instant, timeZone: string): { today: Day; last: Day } => ({
  today: dayOf(at, timeZone),
  last: dayOf(plusDuration(at, 'P1Y', timeZone), timeZone),
})

const accountsMissing = (brands: string[]): Refusal =>
  new Refusal(
    'settlement-account-missing',
    `the brands ${brands.join(', ')} have none that this programme may use: register each with PUT /v1/brands/{id}`,
    {
      errors: brands.map(brand => ({ pointer: `/${brand}`, detail: `PUT /v1/brands/${brand} with settlementAccount` })),
    },
  )

function transferOf(
  { id, from, to, currency, netMinor }: Payment,
  accounts: Map<string, SettlementAccount>,
  remittance: string,
): CreditTransfer {
  const [debtor, creditor] = [accounts.get(from), accounts.get(to)]
  if (!debtor || !creditor) throw new Error(`a payment from ${from} to ${to} without their accounts`)
  return { id, debtor, creditor, currency, amountMinor: netMinor, remittance }
}
