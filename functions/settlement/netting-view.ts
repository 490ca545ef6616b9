import type { Payment } from '../../schemas/payment.ts'
import type { CloseRecord, NettingView, Statement } from '../../schemas/settlement.ts'
import { type Frame, findClosingInputs, loadPast, type SettlementNeeds } from './inputs.ts'
import { net, positionsOf } from './netting.ts'
import { paymentOf, paymentsOf } from './payments.ts'
import { knownPeriod, preview } from './periods.ts'
import { ratedStatements } from './steps.ts'
import { type ClosingPeriod, findClose } from './store.ts'

type Needs = Omit<SettlementNeeds, 'keys' | 'issuer' | 'wallNow'>

/**
 * Who owes whom, gross and net. Of a period that has not netted yet it is provisional: what a close would make of it now.
 * @throws Refusal programme-not-found, period-not-found
 */
export async function viewNetting(needs: Needs, closing: ClosingPeriod): Promise<NettingView> {
  const frame = await knownPeriod(needs, closing)
  const { programme, period } = closing
  const close = await findClose(needs.table, closing)
  const { statements, payments } =
    close && hasNetted(close) ? await netted(needs, close) : await provisional(needs, frame, closing, close)
  return {
    programme,
    period,
    state: close?.state ?? 'open',
    gross: statements.map(({ debtor, creditor, currency, totalMinor }) => ({
      debtor,
      creditor,
      currency,
      amountMinor: totalMinor,
    })),
    brands: positionsOf(statements),
    payments,
  }
}

type Settled = { statements: Statement[]; payments: Payment[] }

const hasNetted = ({ state }: CloseRecord): boolean => ['netted', 'signed', 'published'].includes(state)

const netted = async ({ table }: Needs, close: CloseRecord): Promise<Settled> => ({
  statements: await ratedStatements(table, close),
  payments: await paymentsOf(table, close),
})

async function provisional(
  needs: Needs,
  { brand }: Frame,
  closing: ClosingPeriod,
  close: CloseRecord | undefined,
): Promise<Settled> {
  const { table, contractsOf } = needs
  const { statements } = await preview(needs, closing)
  const contracts = close ? (await findClosingInputs(table, close)).contracts : await contractsOf(closing.programme)
  const { standings } = await loadPast(table, closing, [])
  const { payments } = net(statements, contracts, standings, brand)
  return { statements, payments: payments.map(payment => paymentOf(payment)) }
}
