import type { Contract } from '../../schemas/contract.ts'
import type { DispositionCounts, LineOutcome, UsageTotal } from '../../schemas/disposition.ts'
import type { Period } from '../../schemas/primitives.ts'
import type { UsageCut } from '../../schemas/usage.ts'
import type { Table } from '../kernel/table.ts'
import { type ChainInputs, runChain, type UsageSum } from './chain-run.ts'
import type { ChainSource } from './chain-source.ts'
import {
  type Accepted,
  type AcceptedIn,
  acceptanceOf,
  amountFor,
  type Correction,
  correctSums,
  type Decided,
  decidedUses,
  subjectUses,
} from './corrections.ts'
import type { ClosedPeriods } from './finals.ts'
import type { PeriodHistory } from './history.ts'
import { type Cut, chainInputs, cutsOf } from './period-chains.ts'
import type { Programme } from './reconcile-lines.ts'
import type { PlanSizes } from './run-plan.ts'
import type { Spill } from './spill.ts'
import { usageTotals } from './totals.ts'

export type { LineOutcome, MatchedUse, UsageTotal } from '../../schemas/disposition.ts'
export type { AcceptedIn } from './corrections.ts'

/** Everything a period's dispositions depend on, as its cutoff froze it. */
export type PeriodInputs = {
  programme: Programme
  period: Period
  /** Each partner and how far its batches belong to the close. */
  cuts: readonly UsageCut[]
  /** Every entitlement of these partners, of all programmes. */
  history: PeriodHistory
  /** Contracts of the programme. */
  contracts: readonly Contract[]
  /** Contracts of other programmes: they decide when a line of theirs is too late to be an earlier line of an id. */
  foreignContracts?: readonly Contract[]
  /** What was accepted or adjusted in this period and in each earlier one that is closed. */
  accepted?: readonly AcceptedIn[]
}

export type PeriodUsage = { dispositions: DispositionCounts; totals: UsageTotal[] }

/** Takes what a close makes final, piece by piece, in the order of (partner, sequence, line). */
export type OutcomeSink = (outcomes: LineOutcome[]) => Promise<void>

export type ReconcileNeeds = {
  table: Table
  closedPeriods: ClosedPeriods
  /** Where a partner's run keeps its steps so that it resumes; a temporary folder unless given. */
  spillOf?: (partner: string) => Promise<Spill | undefined>
  /** How runs are cut up, where that is not as usual. */
  sizes?: PlanSizes | undefined
  /** Where the lines of a partner come from; the table unless given. */
  sourceOf?: (partner: string) => ChainSource
}

/**
 * Dispositions and usage of a period: a function of its inputs, the stored batches up to the cuts and what closes of
 * earlier periods made final, whenever and however often it runs. Memory does not depend on the number of events.
 */
export async function reconcilePeriod(
  needs: ReconcileNeeds,
  inputs: PeriodInputs,
  sink: OutcomeSink = async () => {},
): Promise<PeriodUsage> {
  const { programme, period, contracts, history } = inputs
  const { cuts, openFrom } = await cutsOf(needs, inputs)
  const dispositions: DispositionCounts = {}
  const chains: Chain[] = []
  for (const cut of cuts) {
    const chain = await judge(needs, inputs, cut, async own => {
      addCounts(dispositions, own)
      if (own.length > 0) await sink(own)
    })
    chains.push(chain)
  }
  const stranger = inputs.accepted
    ?.flatMap(({ uses }) => uses)
    .find(({ outcome, partner }) => outcome === 'accepted' && chains.every(chain => chain.partner !== partner))
  if (stranger) throw new Error(`a use of ${stranger.partner} was accepted, which has no chain in the close`)
  const origins = new Set([period, ...chains.flatMap(({ touched }) => [...touched])])
  const sums: UsageSum[] = []
  for (const chain of chains) for (const sum of await corrected(chain, origins, period)) sums.push(sum)
  const totals = await usageTotals({ programme, contracts, origins, sums, entitlements: history.entries() })
  // What changes an earlier month that is still open is billed by that month's own close.
  const settled = totals.filter(({ originPeriod }) => originPeriod === period || originPeriod < openFrom)
  return { dispositions, totals: settled }
}

/** A partner's chain, judged once. */
type Chain = {
  partner: string
  inputs: ChainInputs
  sums: UsageSum[]
  decided: Decided
  /** What was accepted and is found to match by this run. */
  matched: Set<Accepted>
  touched: Set<Period>
  /** What is not rated here: adjusted lines that match, and what months that are still open will bill of earlier ones. */
  unrated: Correction[]
  uses: ReturnType<typeof subjectUses>
}

/** Runs a chain, gives the period's own outcomes to `sink`, and notes what the totals need to know of the others. */
async function judge(needs: ReconcileNeeds, inputs: PeriodInputs, cut: Cut, sink: OutcomeSink): Promise<Chain> {
  const { period, accepted = [] } = inputs
  const chain = chainInputs(needs, inputs, cut)
  const { partner } = chain
  const decided = decidedUses(accepted, partner, period)
  const noted: Noted = {
    decided,
    matched: new Set(),
    touched: new Set(decided.touched),
    unrated: [],
    uses: subjectUses(),
  }
  for (const one of decided.accepted) noted.uses.watch(one.matched)
  await noteSettled(chain, noted)
  const spill = await needs.spillOf?.(partner)
  const source = needs.sourceOf?.(partner)
  const { table, sizes } = needs
  await using run = await runChain(
    { table, ...(spill && { spill }), ...(source && { source }), ...(sizes && { sizes }) },
    chain,
  )
  for await (const outcomes of run.outcomes()) {
    for (const outcome of outcomes) noteOutcome(outcome, noted, cut, period)
    await sink(outcomes.filter(outcome => outcome.period === period))
  }
  // By now it is known whose uses are to be counted.
  if (noted.uses.rows.size > 0)
    for await (const outcomes of run.outcomes())
      for (const { matched } of outcomes) if (matched) noted.uses.count(matched)
  return { partner, inputs: chain, sums: run.sums, ...noted }
}

type Noted = Pick<Chain, 'decided' | 'matched' | 'touched' | 'unrated' | 'uses'>

/** Adjusted lines that earlier closes found to match: those closes rated them unless the amount was known by then. */
async function noteSettled({ finals, upTo }: ChainInputs, { decided, touched, unrated, uses }: Noted): Promise<void> {
  const sequences = new Set(Array.from(decided.adjusted.values(), one => one.sequence))
  // The same event may have matched anywhere.
  const ranges =
    decided.adjustedEvents.size > 0
      ? [{ from: 1, upTo }]
      : Array.from(sequences, sequence => ({ from: sequence, upTo: sequence }))
  for (const range of ranges) {
    if (range.upTo > upTo) continue
    for await (const outcome of finals(range)) {
      const amount = outcome.matched && amountFor(decided, outcome)
      if (!amount || !outcome.matched) continue
      uses.watch(outcome.matched)
      unrated.push({ matched: outcome.matched, sign: -1 })
      if (amount.isOwn) touched.add(outcome.matched.originPeriod)
    }
  }
}

function noteOutcome(outcome: LineOutcome, noted: Noted, { openFrom }: Cut, period: Period): void {
  const { matched: use } = outcome
  if (!use) return
  const { decided, matched, touched, unrated, uses } = noted
  // Only a preview knows months before it that are open, and settled ones before these.
  const isEarlier = openFrom < period && use.originPeriod < openFrom
  if (isEarlier) uses.watch(use)
  if (isEarlier && outcome.period !== period) unrated.push({ matched: use, sign: -1 })
  else if (amountFor(decided, outcome)) {
    uses.watch(use)
    unrated.push({ matched: use, sign: -1 })
    return
  }
  if (outcome.period === period) touched.add(use.originPeriod)
  const before = acceptanceOf(decided, outcome)
  if (!before) return
  matched.add(before)
  touched.add(before.matched.originPeriod)
}

/**
 * A chain's sums with what was accepted and without what is not rated here. An accepted line that did match, or whose
 * event did by another line, in this close or an earlier one, counts as the match alone.
 */
async function corrected(
  { sums, inputs, decided, matched, unrated, uses }: Chain,
  origins: ReadonlySet<Period>,
  period: Period,
): Promise<UsageSum[]> {
  const wanted = decided.accepted.filter(one => origins.has(one.matched.originPeriod))
  const less = unrated.filter(one => origins.has(one.matched.originPeriod))
  if (wanted.length === 0 && less.length === 0) return sums
  const once = new Set(wanted)
  // What earlier closes made final is of earlier months.
  if (wanted.length > 0 || less.some(one => one.matched.originPeriod < period))
    for await (const outcome of inputs.finals({ from: 1, upTo: inputs.upTo })) {
      if (!outcome.matched) continue
      uses.count(outcome.matched)
      const accepted = acceptanceOf(decided, outcome)
      if (accepted) once.delete(accepted)
    }
  for (const accepted of matched) once.delete(accepted)
  const more = Array.from(once.values(), ({ matched: use }) => ({ matched: use, sign: 1 as const }))
  return correctSums(sums, [...less, ...more], uses.rows)
}

type Judged = Pick<LineOutcome, 'disposition'>

/** Lines by disposition. */
export function countsOf(outcomes: Iterable<Judged>): DispositionCounts {
  const counts: DispositionCounts = {}
  addCounts(counts, outcomes)
  return counts
}

function addCounts(counts: DispositionCounts, outcomes: Iterable<Judged>): void {
  for (const { disposition } of outcomes) counts[disposition] = (counts[disposition] ?? 0) + 1
}
