import { AssignRequest, ResolveRequest, type UsageException } from '../../schemas/exception.ts'
import { minorUnitDigits } from '../../schemas/money.ts'
import { assignException } from '../exceptions/act.ts'
import { billingOutlook, resolveException } from '../exceptions/resolve.ts'
import { findOne } from '../exceptions/view.ts'
import { Refusal, refusals } from '../kernel/refusal.ts'
import type { Answer } from '../portal/visit.ts'
import { amongRivals, type Desk, type StaffPage, type StaffVisit } from './desk.ts'
import { exceptionPath } from './exception-paths.ts'
import { type FormName, loadShown, type Refused, type RefusedKind, requestOf } from './exception-shown.ts'
import { amountExample, typedAmount } from './typed-amount.ts'
import { exceptionView } from './views/exception-page.tsx'

const done = (id: string, form: FormName): Answer => ({ location: exceptionPath(id, `?done=${form}`) })

/** What the form said; it is shown again with whatever goes wrong. */
const typedIn = ({ form }: StaffVisit): Refused['typed'] => ({
  assignee: form.get('assignee') ?? '',
  // Browsers send line breaks as CRLF.
  reason: (form.get('reason') ?? '').replaceAll('\r\n', '\n'),
  amount: form.get('amount') ?? '',
})

/** The page once more, as the exception now stands, with what was typed. */
async function again(desk: Desk, visit: StaffVisit, refused: Omit<Refused, 'typed'>): Promise<Answer> {
  const shown = await loadShown(desk, visit)
  const status = refused.refusal ? refusals[refused.refusal.code][0] : refused.kind === 'changed' ? 409 : 422
  return { view: exceptionView(visit, { ...shown, refused: { ...refused, typed: typedIn(visit) } }, status) }
}

const shownKinds: readonly RefusedKind[] = ['exception-resolved', 'not-billable', 'wrong-state', 'busy']

/** Does it, and leads to the page that says so; an expected "no" is shown on the page. */
async function attempt(
  desk: Desk,
  visit: StaffVisit,
  { id, form }: { id: string; form: FormName },
  act: () => Promise<Answer | undefined>,
): Promise<Answer> {
  try {
    return (await amongRivals(act)) ?? done(id, form)
  } catch (error) {
    const kind = error instanceof Refusal && shownKinds.find(one => one === error.code)
    if (!kind) throw error
    return again(desk, visit, { form, kind, refusal: error, faults: {} })
  }
}

/** Whether somebody, or reconciliation, changed it since the form was made. */
const isStale = ({ form }: StaffVisit, { changedAt }: UsageException): boolean => form.get('seen') !== changedAt

/** To a colleague by name, or to who presses the button. */
export const assignOne: StaffPage = async (desk, visit) => {
  const { id, caller } = await requestOf(desk, visit)
  const { form, session, words } = visit
  const mine = (session.name || session.subject).trim().slice(0, 128)
  const asked = AssignRequest.safeParse({ assignee: form.get('to') === 'me' ? mine : typedIn(visit).assignee })
  const text = words.exceptions.one
  if (!asked.success)
    return again(desk, visit, { form: 'assigned', kind: 'form', faults: { assignee: text.faults.assignee } })
  const { assignee } = asked.data
  const before = await findOne(desk.exceptions, { caller, id })
  const isNew = before.state !== 'resolved' && before.assignee !== assignee
  if (isNew && isStale(visit, before)) return again(desk, visit, { form: 'assigned', kind: 'changed', faults: {} })
  return attempt(desk, visit, { id, form: 'assigned' }, async () => {
    await assignException(desk.exceptions, { caller, id, assignee })
    return undefined
  })
}

/** Accepts, rejects or bills another amount. */
export const resolveOne: StaffPage = async (desk, visit) => {
  const { id, caller } = await requestOf(desk, visit)
  const outcome = outcomes.find(known => known === visit.form.get('outcome'))
  if (!outcome) throw new Refusal('invalid-request', 'the form names no outcome')
  return attempt(desk, visit, { id, form: outcome }, async () => {
    const before = await findOne(desk.exceptions, { caller, id })
    const { resolution, faults } = await decisionOf(desk, visit, outcome, before)
    // What is decided already is told before what is wrong with the form.
    if (before.state !== 'resolved') {
      if (Object.keys(faults).length > 0) return again(desk, visit, { form: outcome, kind: 'form', faults })
      if (isStale(visit, before)) return again(desk, visit, { form: outcome, kind: 'changed', faults })
    }
    await resolveException(desk.exceptions, { caller, id, resolution })
    return undefined
  })
}

async function decisionOf(desk: Desk, visit: StaffVisit, outcome: ResolveRequest['outcome'], before: UsageException) {
  const typed = typedIn(visit)
  const reason = typed.reason.trim()
  const faults: Refused['faults'] = {}
  const isReason = ResolveRequest.safeParse({ outcome: 'rejected', reason }).success
  if (!isReason) faults.reason = visit.words.exceptions.one.faults.reason
  const { amountMinor, fault } = outcome === 'adjusted' ? await amountOf(desk, visit, typed.amount, before) : {}
  if (fault !== undefined) faults.amount = fault
  return { resolution: { outcome, reason, ...(amountMinor !== undefined && { amountMinor }) }, faults }
}

const outcomes = ['accepted', 'rejected', 'adjusted'] as const
type AmountOf = { amountMinor?: number; fault?: string }

/**
 * The amount in minor units of the currency that it would be billed in; of what is decided, in the one it was decided in.
 * @throws Refusal not-billable where no amount can be billed
 */
async function amountOf(desk: Desk, visit: StaffVisit, text: string, before: UsageException): Promise<AmountOf> {
  const { state, resolution } = before
  if (state === 'resolved' && !resolution?.amount) return {}
  const { caller, id } = await requestOf(desk, visit)
  const currency =
    resolution?.amount?.currency ??
    (await billingOutlook(desk.exceptions, { caller, id, outcome: 'adjusted' })).currency
  const amount = typedAmount(text, currency)
  return 'fault' in amount ? { fault: faultText(visit, amount.fault, currency) } : amount
}

function faultText(
  { words }: StaffVisit,
  fault: Extract<ReturnType<typeof typedAmount>, { fault: unknown }>['fault'],
  currency: string,
): string {
  const { faults } = words.exceptions.one
  const example = amountExample(currency)
  switch (fault) {
    case 'unreadable':
    case 'grouping':
      return faults[fault](example)
    case 'decimals':
      return faults.decimals(currency, String(minorUnitDigits(currency)))
    case 'other-currency':
      return faults[fault](currency)
    default:
      return faults[fault]
  }
}
