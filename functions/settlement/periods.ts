import type { Caller } from '../../schemas/client.ts'
import type { Period } from '../../schemas/primitives.ts'
import {
  type CloseRecord,
  type PeriodView,
  type Preview,
  RatedOutput,
  ReconciledOutput,
} from '../../schemas/settlement.ts'
import { periodOf, periodsBetween } from '../kernel/calendar.ts'
import { Refusal } from '../kernel/refusal.ts'
import type { UsageTotal } from '../reconciliation/reconcile.ts'
import { computeStatements } from './compute.ts'
import { type Frame, findClosingInputs, frozenInputs, liveInputs, loadPast, type SettlementNeeds } from './inputs.ts'
import { totalsOf } from './statement.ts'
import { outputOf } from './steps.ts'
import { type ClosingPeriod, findClose, findCloses, findOutput } from './store.ts'
import { reconcile } from './usage.ts'

type Needs = Omit<SettlementNeeds, 'keys' | 'issuer' | 'wallNow'>

/** The programme, for callers of its own brand. @throws Refusal programme-not-found, not-yours */
export async function ownProgramme(
  { programmeOf }: Pick<Needs, 'programmeOf'>,
  { brand }: Pick<Caller, 'brand'>,
  programme: string,
): Promise<Frame> {
  const frame = await programmeOf(programme)
  if (frame.brand !== brand) throw new Refusal('not-yours', `the programme ${programme} is another brand's`)
  return frame
}

/** Periods run from the programme's first one to the present month. @throws Refusal period-not-found */
export async function knownPeriod(
  { programmeOf, now }: Pick<Needs, 'programmeOf' | 'now'>,
  { programme, period }: ClosingPeriod,
): Promise<Frame> {
  const frame = await programmeOf(programme)
  const current = periodOf(now(), frame.timeZone)
  if (period < frame.firstPeriod || period > current)
    throw new Refusal('period-not-found', `the periods run from ${frame.firstPeriod} to ${current}`)
  return frame
}

/**
 * The statements as they would be, nothing written. An open period is computed from what there is now, one that was
 * cut off from what the cutoff froze: the same as its close.
 * @throws Refusal programme-not-found, period-not-found
 */
export async function preview(needs: Needs, closing: ClosingPeriod): Promise<Preview> {
  const frame = await knownPeriod(needs, closing)
  const { usage: _usage, ...statements } = await compute(needs, frame, closing, await findClose(needs.table, closing))
  return statements
}

/** With the usage that the statements are computed from. */
export async function compute(
  needs: Needs,
  frame: Frame,
  { programme, period }: ClosingPeriod,
  close: CloseRecord | undefined,
): Promise<Preview & { usage: UsageTotal[] }> {
  const { table } = needs
  const inputs = close
    ? await frozenInputs(table, await findClosingInputs(table, close))
    : await liveInputs(needs, frame, period)
  const { dispositions, totals } = await reconcile({ table }, inputs)
  const past = await loadPast(table, { programme, period }, totals)
  const statements = computeStatements({ ...inputs, totals, past })
  const sums = { dispositions, totals: totalsOf(statements), usage: totals }
  return { programme, period, ...sums, statements, computedAt: needs.now() }
}

/** @throws Refusal programme-not-found, period-not-found */
export async function viewPeriod(needs: Needs, closing: ClosingPeriod): Promise<PeriodView> {
  const frame = await knownPeriod(needs, closing)
  return view(needs, frame, closing, await findClose(needs.table, closing))
}

async function view(
  needs: Needs,
  frame: Frame,
  { programme, period }: ClosingPeriod,
  close: CloseRecord | undefined,
): Promise<PeriodView> {
  const state = close?.state ?? 'open'
  const { dispositions, totals } =
    close && state !== 'cutoff' && state !== 'reconciled'
      ? await settled(needs, close)
      : await compute(needs, frame, { programme, period }, close)
  return { programme, period, state, dispositions, totals, ...(close && { identity: close.identity }) }
}

async function settled({ table }: Needs, close: CloseRecord): Promise<Pick<PeriodView, 'dispositions' | 'totals'>> {
  const { dispositions } = await findOutput(table, outputOf(close, 'reconciled'), ReconciledOutput)
  const { statements } = await findOutput(table, outputOf(close, 'rated'), RatedOutput)
  return { dispositions, totals: totalsOf(statements) }
}

/** Oldest first; the cursor is the last period of the page before. @throws Refusal programme-not-found */
export async function listPeriods(
  needs: Needs,
  { programme, limit, cursor }: { programme: string; limit: number; cursor?: Period | undefined },
): Promise<{ items: PeriodView[]; next?: Period }> {
  const frame = await needs.programmeOf(programme)
  const all = periodsBetween(frame.firstPeriod, periodOf(needs.now(), frame.timeZone))
  const left = all.filter(period => cursor === undefined || period > cursor)
  const page = left.slice(0, limit)
  const closes = await findCloses(
    needs.table,
    page.map(period => ({ programme, period })),
  )
  const items: PeriodView[] = []
  for (const period of page) {
    const close = closes.find(found => found.period === period)
    items.push(await view(needs, frame, { programme, period }, close))
  }
  const last = page.at(-1)
  return { items, ...(last !== undefined && left.length > page.length && { next: last }) }
}
