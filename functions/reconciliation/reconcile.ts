import type { Contract } from '../../schemas/contract.ts'
import type { AcceptedUse, DispositionCounts, LineOutcome, MatchedUse, UsageTotal } from '../../schemas/disposition.ts'
import type { Period } from '../../schemas/primitives.ts'
import type { UsageCut } from '../../schemas/usage.ts'
import { nextPeriod } from '../kernel/calendar.ts'
import type { Table } from '../kernel/table.ts'
import { earlierOf } from './accounting.ts'
import { type ChainInputs, runChain, type UsageSum } from './chain-run.ts'
import { lineKey } from './classify.ts'
import { type Correction, correctSums, subjectUses } from './corrections.ts'
import { type ClosedPeriods, finalsOfChain } from './finals.ts'
import type { PeriodHistory } from './history.ts'
import type { Programme } from './reconcile-lines.ts'
import type { Spill } from './spill.ts'
import { usageTotals } from './totals.ts'

export type { LineOutcome, MatchedUse, UsageTotal } from '../../schemas/disposition.ts'

/** What was accepted in a period. */
export type AcceptedIn = { period: Period; uses: readonly AcceptedUse[] }

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
  /** What was accepted in this period and in each earlier one that is closed. */
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
  const closes = (await needs.closedPeriods(programme.id)).filter(close => close.period < period)
  const openFrom = oldestOpen(closes, inputs)
  const dispositions: DispositionCounts = {}
  const chains: Chain[] = []
  for (const cut of inputs.cuts.toSorted((a, b) => (a.partner < b.partner ? -1 : 1))) {
    const chain = await judge(needs, inputs, { cut, openFrom, closes }, async own => {
      addCounts(dispositions, own)
      if (own.length > 0) await sink(own)
    })
    chains.push(chain)
  }
  const strangers = acceptedUses(inputs).filter(({ use }) => chains.every(({ partner }) => partner !== use.partner))
  if (strangers[0])
    throw new Error(`a use of ${strangers[0].use.partner} was accepted, which has no chain in the close`)
  const origins = new Set([period, ...chains.flatMap(({ touched }) => [...touched])])
  const sums: UsageSum[] = []
  for (const chain of chains) for (const sum of await corrected(chain, origins)) sums.push(sum)
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
  accepted: Accepted[]
  /** Accepted lines that this run finds to match. */
  matched: Set<string>
  touched: Set<Period>
  /** What months that are still open will bill of earlier ones. */
  others: Correction[]
  uses: ReturnType<typeof subjectUses>
}

type Cut = { cut: UsageCut; openFrom: Period; closes: { period: Period; identity: string }[] }

function chainInputs(
  { table }: ReconcileNeeds,
  { programme, period, history, contracts, foreignContracts = [] }: PeriodInputs,
  { cut: { partner, sequence }, openFrom, closes }: Cut,
): ChainInputs {
  const settled = closes.map(close => ({ programme: programme.id, ...close }))
  return {
    partner,
    upTo: sequence,
    programmes: [{ ...programme, openFrom }],
    contracts: [...contracts, ...foreignContracts],
    history: history.of(partner),
    finals: finalsOfChain({ table }, settled, partner),
    through: period,
  }
}

/** A use that was accepted in place of a match, in the month that bills it or, where that is later, in its own. */
type Accepted = { use: AcceptedUse; matched: AcceptedUse['matched']; isOwn: boolean }

function acceptedUses({ accepted = [], period: present }: PeriodInputs): Accepted[] {
  return accepted.flatMap(({ period, uses }) =>
    uses
      .filter(({ outcome }) => outcome === 'accepted')
      .map(use => ({
        use,
        matched: { ...use.matched, originPeriod: earlierOf(use.matched.originPeriod, period) },
        isOwn: period === present,
      })),
  )
}

/** Runs a chain, gives the period's own outcomes to `sink`, and notes what the totals need to know of the others. */
async function judge(needs: ReconcileNeeds, inputs: PeriodInputs, cut: Cut, sink: OutcomeSink): Promise<Chain> {
  const { period } = inputs
  const chain = chainInputs(needs, inputs, cut)
  const { partner } = chain
  const spill = await needs.spillOf?.(partner)
  await using run = await runChain({ table: needs.table, ...(spill && { spill }) }, chain)
  const accepted = acceptedUses(inputs).filter(({ use }) => use.partner === partner)
  const acceptedLines = new Map(accepted.map(one => [lineKey(one.use), one]))
  const [matched, touched, others, uses] = [new Set<string>(), new Set<Period>(), [] as Correction[], subjectUses()]
  for (const one of accepted) {
    uses.watch(one.matched)
    if (one.isOwn) touched.add(one.matched.originPeriod)
  }
  const note = (outcome: LineOutcome, use: MatchedUse) => {
    // Only a preview knows months before it that are open, and settled ones before these.
    if (cut.openFrom < period && use.originPeriod < cut.openFrom) {
      uses.watch(use)
      if (outcome.period !== period) others.push({ matched: use, sign: -1 })
    }
    if (outcome.period === period) touched.add(use.originPeriod)
    uses.count(use)
    const before = acceptedLines.size > 0 ? acceptedLines.get(lineKey(outcome)) : undefined
    if (!before) return
    matched.add(lineKey(outcome))
    touched.add(before.matched.originPeriod)
  }
  for await (const outcomes of run.outcomes()) {
    for (const outcome of outcomes) if (outcome.matched) note(outcome, outcome.matched)
    await sink(outcomes.filter(outcome => outcome.period === period))
  }
  return { partner, inputs: chain, sums: run.sums, accepted, matched, touched, others, uses }
}

/**
 * A chain's sums with what was accepted and without what other months bill. An accepted line that did match, in this
 * close or an earlier one, counts as the match alone.
 */
async function corrected({ sums, inputs, accepted, matched, others, uses }: Chain, origins: ReadonlySet<Period>) {
  const wanted = accepted.filter(one => origins.has(one.matched.originPeriod))
  if (wanted.length === 0 && others.length === 0) return sums
  const once = new Map(wanted.toReversed().map(one => [lineKey(one.use), one]))
  for await (const outcome of inputs.finals({ from: 1, upTo: inputs.upTo })) {
    if (!outcome.matched) continue
    uses.count(outcome.matched)
    once.delete(lineKey(outcome))
  }
  for (const line of matched) once.delete(line)
  return correctSums(
    sums,
    [...others, ...Array.from(once.values(), ({ matched: use }) => ({ matched: use, sign: 1 as const }))],
    uses.rows,
  )
}

/**
 * The first period that no close has made final. In a close it is the period itself; in a preview it may be an earlier
 * one, whose events are then its own and not the previewed period's.
 */
function oldestOpen(closes: { period: Period }[], { programme, period }: PeriodInputs): Period {
  const last = closes
    .map(close => close.period)
    .toSorted()
    .at(-1)
  return last ? nextPeriod(last) : earlierOf(programme.firstPeriod, period)
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
