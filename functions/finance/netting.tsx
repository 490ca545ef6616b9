import { type Payment, PaymentConfirmation } from '../../schemas/payment.ts'
import type { NettingView } from '../../schemas/settlement.ts'
import { Refusal, type RefusalCode, refusals } from '../kernel/refusal.ts'
import type { Answer } from '../portal/visit.ts'
import { tableFile } from '../reports/table.ts'
import { confirmPayment } from '../settlement/confirm.ts'
import { daysToPay } from '../settlement/ledger.ts'
import { viewNetting } from '../settlement/netting-view.ts'
import { paymentsFile } from '../settlement/payments-file.ts'
import { periodJournal } from '../settlement/payments-journal.ts'
import { type Month, monthAsked } from './close-month.ts'
import { amongRivals, callerFor, type Desk, type StaffPage, type StaffVisit } from './desk.ts'
import { dateIn } from './formats.ts'
import { nettingColumns, nettingRows } from './netting-table.ts'
import { monthPath } from './paths.ts'
import { brandNames, programmeName } from './statement-names.ts'
import { type NettingShown, nettingView } from './views/netting.tsx'
import type { Attempt } from './views/netting-confirm.tsx'

/** Who owes whom in a month, gross and net, and what of it is paid. */
export const showNetting: StaffPage = async (desk, visit) => page(desk, visit, await monthAsked(desk, visit))

type More = Pick<NettingShown, 'attempt' | 'status' | 'fileRefused'>

async function page(desk: Desk, visit: StaffVisit, month: Month, more: More = {}): Promise<Answer> {
  const netting = await viewNetting(desk.settlement, month)
  const paid = visit.url.searchParams.get('paid')
  return {
    view: nettingView(visit, {
      netting,
      programme: await programmeName(desk, visit, month.programme),
      nameOf: await brandNames(desk, visit, brandsOf(netting), month.frame.brand),
      days: daysOf(desk, month),
      done: netting.payments.find(({ id, state }) => id === paid && state === 'paid'),
      ...more,
    }),
  }
}

/** On which days a payment of the month can have been made that is confirmed now. */
const daysOf = ({ now }: Desk, { period, frame }: Month) => daysToPay(period, now(), frame.timeZone)

const brandsOf = ({ gross, brands, payments }: NettingView): string[] => [
  ...gross.flatMap(({ debtor, creditor }) => [debtor, creditor]),
  ...brands.map(({ brand }) => brand),
  ...payments.flatMap(({ from, to }) => [from, to]),
]

/** What is on the page as CSV or XLSX, the payment file, or the journal. */
export const downloadNetting: StaffPage = async (desk, visit) => {
  const month = await monthAsked(desk, visit)
  const { programme, period } = month
  const file = visit.parameters['file']
  const name = (what: string) => `${programme}-${period}-${what}`
  if (file === 'netting.csv' || file === 'netting.xlsx') {
    const rows = nettingRows(await viewNetting(desk.settlement, month))
    const form = file === 'netting.csv' ? 'csv' : 'xlsx'
    const table = await tableFile(form, 'netting', nettingColumns(visit.words), rows)
    return { download: { name: name(file), ...table } }
  }
  if (file === 'payments.xml') return paymentsXml(desk, visit, month)
  if (file === 'journal.journal') {
    const body = await periodJournal(desk, { programme, period })
    return { download: { name: `${programme}-${period}.journal`, type: 'text/plain; charset=utf-8', body } }
  }
  throw new Refusal('not-found')
}

async function paymentsXml(desk: Desk, visit: StaffVisit, month: Month): Promise<Answer> {
  try {
    const { name, xml } = await paymentsFile(desk.settlement, month)
    return { download: { name, type: 'application/xml; charset=utf-8', body: xml } }
  } catch (error) {
    if (!(error instanceof Refusal) || !isSaid(visit, error.code)) throw error
    return page(desk, visit, month, { fileRefused: error.code, status: refusals[error.code][0] })
  }
}

type Said = keyof StaffVisit['words']['money']['netting']['refusals']
const isSaid = ({ words }: StaffVisit, code: RefusalCode): code is Said => code in words.money.netting.refusals

/** Takes a confirmation from finance. What cannot be taken is said on the page, with what was typed. */
export const confirmPaid: StaffPage = async (desk, visit) => {
  const month = await monthAsked(desk, visit)
  const { form, parameters } = visit
  const [id, paidOn, reference] = [parameters['id'] ?? '', form.get('paidOn') ?? '', form.get('reference') ?? '']
  const typed = { id, paidOn, reference, refused: '', faults: {} }
  const confirmation = PaymentConfirmation.safeParse({
    paidOn,
    reference,
    amountMinor: Number(form.get('amountMinor')),
  })
  if (!confirmation.success) {
    const faulty = new Set(confirmation.error.issues.map(({ path }) => path[0]))
    return refused(desk, visit, month, { ...typed, faults: faultsOf(desk, visit, month, faulty) }, 'invalid-request')
  }
  try {
    const payment = await amongRivals(() => confirm(desk, visit, month, id, confirmation.data))
    return { location: `${monthPath(month, 'netting')}?${new URLSearchParams({ paid: payment.id })}` }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    if (error.code === 'invalid-request')
      return refused(
        desk,
        visit,
        month,
        { ...typed, faults: faultsOf(desk, visit, month, new Set(['paidOn'])) },
        error.code,
      )
    if (!isSaid(visit, error.code)) throw error
    return refused(desk, visit, month, typed, error.code)
  }
}

const confirm = (
  { settlement }: Desk,
  visit: StaffVisit,
  { programme, period, frame }: Month,
  id: string,
  confirmation: PaymentConfirmation,
): Promise<Payment> =>
  confirmPayment(settlement, { caller: callerFor(visit, frame.brand), programme, period, id, confirmation })

function faultsOf(
  desk: Desk,
  { words, language }: StaffVisit,
  month: Month,
  faulty: ReadonlySet<unknown>,
): Attempt['faults'] {
  const { faults } = words.money.netting
  const { from, to } = daysOf(desk, month)
  return {
    ...(faulty.has('paidOn') && { paidOn: faults.paidOn(dateIn(language, from), dateIn(language, to)) }),
    ...(faulty.has('reference') && { reference: faults.reference }),
  }
}

/** The page again, with why nothing was confirmed. */
function refused(desk: Desk, visit: StaffVisit, month: Month, attempt: Attempt, code: RefusalCode): Promise<Answer> {
  const { refusals: said, checkFields } = visit.words.money.netting
  const text = isSaid(visit, code)
    ? said[code]
    : Object.keys(attempt.faults).length > 0
      ? checkFields
      : said['payment-mismatch']
  return page(desk, visit, month, { attempt: { ...attempt, refused: text }, status: refusals[code][0] })
}
