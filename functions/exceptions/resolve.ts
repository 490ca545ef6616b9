import type { AcceptedUse } from '../../schemas/disposition.ts'
import type { ExceptionRecord, ResolveRequest, UsageException } from '../../schemas/exception.ts'
import type { Money } from '../../schemas/money.ts'
import type { Instant, Period } from '../../schemas/primitives.ts'
import { contractsOf } from '../contracts/apply-contract.ts'
import { entitlementsById } from '../entitlements/history.ts'
import { periodOf } from '../kernel/calendar.ts'
import { againOnConflict, type Write } from '../kernel/table.ts'
import { laterOf } from '../reconciliation/accounting.ts'
import { coverageOf } from '../reconciliation/coverage.ts'
import { type Days, daysOf } from '../reconciliation/days.ts'
import { acceptanceWrites } from './accepted.ts'
import { eventMarkWrite } from './accepted-store.ts'
import { acceptedUses, adjustedUses, type Billable, billable, requireCurrency, type Terms } from './billable.ts'
import { marksOf, requireUnbilled, withTargets } from './billed-events.ts'
import { decideResolution, isNewResolution } from './decide.ts'
import { linesOf } from './exception-lines.ts'
import { NotBillable } from './not-billable.ts'
import { exceptionWrites } from './store.ts'
import { decidableException, type ExceptionNeeds, type Request, viewOf } from './view.ts'

/**
 * Decides an exception. What is accepted or adjusted is billed by the close of the present period: the decision and
 * what it bills are one transaction, which the cutoff of that period excludes.
 * @throws Refusal exception-not-found, not-yours, exception-resolved, not-billable, busy
 */
export async function resolveException(
  needs: ExceptionNeeds,
  { resolution, ...request }: Request & { resolution: ResolveRequest },
): Promise<UsageException> {
  return againOnConflict(async () => {
    const before = await decidableException(needs, request)
    const at = needs.now()
    const act = { actor: request.caller.client, at }
    if (!isNewResolution(before, resolution, act)) return viewOf(before, at)
    const billing = resolution.outcome === 'rejected' ? undefined : await bill(needs, before, resolution, at)
    const after = decideResolution(before, resolution, billing?.decided, act)
    await needs.table.commit([...exceptionWrites(after, before), ...(billing?.writes ?? [])])
    return viewOf(after, at)
  })
}

/** What a decision would bill: in the close of which period, in which currency, by which contracts. */
export type BillingOutlook = { billedIn: Period; currency: string; contracts: string[]; quantity: number }

/**
 * What accepting or adjusting would bill if it were decided now. Nothing is changed.
 * @throws Refusal exception-not-found, not-yours, not-billable, busy: as the decision itself would
 */
export async function billingOutlook(
  needs: ExceptionNeeds,
  { outcome, ...request }: Request & { outcome: 'accepted' | 'adjusted' },
): Promise<BillingOutlook> {
  const before = await decidableException(needs, request)
  const asked = { outcome, reason: '', ...(outcome === 'adjusted' && { amountMinor: 1 }) }
  const { decided, uses, currency } = await bill(needs, before, asked, needs.now())
  const contracts = [...new Set(uses.flatMap(({ matched }) => matched.contracts))].sort()
  const quantity = uses.reduce((sum, { matched }) => sum + matched.quantity, 0)
  return { billedIn: decided.billedIn, currency, contracts, quantity }
}

type Billing = {
  decided: { billedIn: Period; amount?: Money }
  writes: Write[]
  uses: AcceptedUse[]
  currency: string
}

async function bill(
  needs: ExceptionNeeds,
  record: ExceptionRecord,
  { outcome, amountMinor }: ResolveRequest,
  at: Instant,
): Promise<Billing> {
  const { programme } = record
  if (programme === undefined) throw new NotBillable('no-programme', undefined, 'the lines belong to no programme')
  const { timeZone, firstPeriod } = await needs.programmeOf(programme)
  const days = daysOf(timeZone)
  const present = laterOf(periodOf(at, timeZone), firstPeriod)
  const months = { programme, firstPeriod, present }
  const { lines: received, terms } = await billableLines(needs, record, programme, days)
  if (outcome === 'accepted') received.forEach(requireCurrency)
  const isSingle = received.length === 1 && !(outcome === 'adjusted' && record.reason === 'conflict')
  if (isSingle) await requireUnbilled(needs, record, received[0], months)
  const lines = outcome === 'accepted' ? await withTargets(needs, record, received, { months, terms }) : received
  const { currency } = lines[0].contracts[0]
  const usesIn = (period: Period): AcceptedUse[] =>
    amountMinor === undefined
      ? acceptedUses(record, lines, days, period)
      : adjustedUses(record, lines, amountMinor, days, period)
  const { period, writes } = await acceptanceWrites(needs, { programme, period: present }, usesIn)
  const { partner } = record
  const uses = usesIn(period)
  const marks = isSingle ? uses.flatMap(marksOf).map(mark => eventMarkWrite({ partner, ...mark }, record.id)) : []
  const decided = { billedIn: period, ...(amountMinor !== undefined && { amount: { currency, amountMinor } }) }
  return { decided, writes: [...writes, ...marks], uses, currency }
}

/** @throws Refusal not-billable, which names the first line that is not */
async function billableLines(
  { table }: ExceptionNeeds,
  record: ExceptionRecord,
  programme: string,
  days: Days,
): Promise<{ lines: [Billable, ...Billable[]]; terms: Terms }> {
  const received = await Array.fromAsync(linesOf({ table }, record))
  const ids = received.flatMap(({ event }) => (event ? [event.entitlementId] : []))
  const entitlements = await entitlementsById({ table }, record.partner, ids)
  const terms = { entitlements, coverage: coverageOf(await contractsOf({ table }, programme)), days }
  const [first, ...others] = received.map(line => billable(line, programme, terms))
  if (!first) throw new Error(`the batch of exception ${record.id} lacks its lines`)
  return { lines: [first, ...others], terms }
}
