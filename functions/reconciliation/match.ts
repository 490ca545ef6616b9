import type { Contract } from '../../schemas/contract.ts'
import type { Disposition, HistoryEntry, LineOutcome, MatchedUse } from '../../schemas/disposition.ts'
import type { Period } from '../../schemas/primitives.ts'
import type { UsageEvent } from '../../schemas/usage.ts'
import { epochMilliseconds } from '../kernel/clock.ts'
import { earlierOf } from './accounting.ts'
import { type CapturedRest, capturedRest } from './captured-rest.ts'
import type { Coverage } from './coverage.ts'
import type { Days } from './days.ts'
import { quotaMeter } from './quota.ts'

/** A line of one entitlement that the first pass let through; `at` is its `occurredAt` in epoch milliseconds. */
export type Candidate = { partner: string; sequence: number; line: number; at: number; event: UsageEvent }
/** A candidate with the outcome it was given. */
export type Settled = { at: number; event: UsageEvent; outcome: LineOutcome }

export type MatchRules = {
  entitlement: HistoryEntry
  days: Days
  coverage: Coverage
  /** The accounting period of the candidates. */
  period: Period
}

/**
 * Second pass: steps 7 to 12 of the dispositions (domain.md) for the candidates of one entitlement and one accounting
 * period. `earlier` are those of earlier periods, whose dispositions stand and whose use of the quota comes first.
 * Neither the order of the candidates nor that of `earlier` matters.
 */
export function matchEntitlement(
  rules: MatchRules,
  candidates: readonly Candidate[],
  earlier: readonly Settled[],
): Settled[] {
  const { entitlement, days, period } = rules
  const meter = quotaMeter(entitlement.quota, entitlement.windows, days)
  const till = capturedRest(entitlement)
  const windows = entitlement.windows.map(({ from, until }) => ({
    from: epochMilliseconds(from),
    until: until === undefined ? Number.POSITIVE_INFINITY : epochMilliseconds(until),
  }))
  const uses = new Map<string, Settled>()
  const reversed = new Set<string>()
  for (const settled of earlier) {
    if (settled.event.type === 'use') uses.set(settled.event.id, settled)
    else if (settled.outcome.matched && settled.event.reverses) reversed.add(settled.event.reverses)
  }
  const standing = [...uses.values()].filter(
    ({ event, outcome }) => tookQuota.has(outcome.disposition) && !reversed.has(event.id),
  )
  for (const { event, at } of till.isEmpty ? standing : inOrderOfPeriods(standing))
    meter.count(till.cover(event) ?? at, event.quantity)

  const mayReverse = !candidates.every(isUse)
  if (till.isEmpty) return inOrder(candidates).map(settle)
  const { first, rest } = byCapture(till, candidates)
  const settled: Settled[] = []
  const later = new Set<string>()
  for (const candidate of inOrder(first)) {
    const { id, reverses } = candidate.event
    const isFirst = reverses === undefined ? till.fits(candidate.event) !== undefined : !later.has(reverses)
    if (isFirst) {
      settled.push(settle(candidate))
      continue
    }
    // What goes beyond the captured quantity is an event as any other, and so is what takes it back.
    later.add(id)
    rest.push(candidate)
  }
  for (const candidate of inOrder(rest)) settled.push(settle(candidate))
  return settled

  function settle(candidate: Candidate): Settled {
    const { partner, sequence, line, at, event } = candidate
    const { disposition, matched } = event.type === 'use' ? judgeUse(candidate) : judgeReversal(event)
    const { programme } = entitlement
    const outcome: LineOutcome = { partner, sequence, line, id: event.id, disposition, programme, period }
    if (matched) outcome.matched = matched
    const settled = { at, event, outcome }
    if (mayReverse && event.type === 'use') uses.set(event.id, settled)
    return settled
  }

  function judgeUse(candidate: Candidate): Judgement {
    const { event, at } = candidate
    if (isWrongSubject(event, entitlement)) return { disposition: 'wrong-subject' }
    if (!windows.some(({ from, until }) => from <= at && at < until)) return { disposition: 'outside-entitlement' }
    if (!meter.take(till.fits(event) ?? at, event.quantity)) return { disposition: 'over-quota' }
    till.cover(event)
    return judgeTerms(candidate, rules)
  }

  /** A reversal gives back what the event it names took, once, and from then on. */
  function judgeReversal(event: UsageEvent): Judgement {
    if (isWrongSubject(event, entitlement)) return { disposition: 'wrong-subject' }
    const target = event.reverses === undefined ? undefined : uses.get(event.reverses)
    const matched = target?.outcome.matched
    if (!target || !matched || reversed.has(target.event.id)) return { disposition: 'unknown-entitlement' }
    reversed.add(target.event.id)
    meter.giveBack(till.giveBack(target.event) ?? target.at, target.event.quantity)
    return { disposition: 'matched', matched: takenBack(matched, event) }
  }
}

/** First those that name a captured redemption, and reversals that name one and take back what it covers. */
function byCapture(till: CapturedRest, candidates: readonly Candidate[]): { first: Candidate[]; rest: Candidate[] } {
  const named = candidates.filter(({ event: { redemptionId } }) => redemptionId !== undefined && till.has(redemptionId))
  const uses = new Set(named.filter(isUse).map(({ event }) => event.id))
  const isFirst = ({ event: { reverses } }: Candidate) =>
    reverses === undefined || uses.has(reverses) || till.covers(reverses)
  const first = new Set(named.filter(isFirst))
  return { first: [...first], rest: candidates.filter(candidate => !first.has(candidate)) }
}

type Judgement = { disposition: Disposition; matched?: MatchedUse }

/** Events that fitted their quota used it, whether a contract covers them or not. */
const tookQuota: ReadonlySet<Disposition> = new Set(['matched', 'no-contract', 'currency-mismatch'])

const isWrongSubject = (event: UsageEvent, entitlement: HistoryEntry): boolean =>
  event.subject !== entitlement.subject || event.benefit !== entitlement.benefit

function judgeTerms({ event, at }: Candidate, { entitlement, days, coverage, period }: MatchRules): Judgement {
  const day = days.dayAt(at)
  const contracts = coverage.covering(entitlement.programme, entitlement.benefit, day)
  if (contracts.length === 0) return { disposition: 'no-contract' }
  const { amount } = event
  if (amount && contracts.some(contract => contract.currency !== amount.currency))
    return { disposition: 'currency-mismatch' }
  const matched: MatchedUse = {
    entitlement: entitlement.id,
    benefit: entitlement.benefit,
    subject: entitlement.subject,
    plan: entitlement.plan,
    type: 'use',
    occurredAt: event.occurredAt,
    // Within the five minutes that a sender's clock may be ahead, an event can lie after its accounting period.
    originPeriod: earlierOf(day.slice(0, 7) as Period, period),
    quantity: event.quantity,
    day,
    contracts: idsOf(contracts),
  }
  if (amount) matched.amountMinor = amount.amountMinor
  return { disposition: 'matched', matched }
}

/** Events of one day share the list. */
const contractIds = new WeakMap<readonly Contract[], MatchedUse['contracts']>()

function idsOf(contracts: readonly Contract[]): MatchedUse['contracts'] {
  const known = contractIds.get(contracts)
  if (known) return known
  const ids = contracts.map(contract => contract.id)
  contractIds.set(contracts, ids)
  return ids
}

const takenBack = (matched: MatchedUse, { occurredAt }: UsageEvent): MatchedUse => ({
  ...matched,
  type: 'reversal',
  occurredAt,
  quantity: -matched.quantity,
  // Not -0, which is another number to whoever compares the outcomes of two runs.
  ...(matched.amountMinor !== undefined && { amountMinor: 0 - matched.amountMinor }),
})

const isUse = ({ event }: Candidate): boolean => event.type === 'use'

type Position = { at: number; id: string }

const own = ({ at, event: { id } }: Pick<Candidate, 'at' | 'event'>): Position => ({ at, id })

/**
 * Candidates in the order in which they use the quota: (occurredAt, id). A reversal has its own place, but never before
 * the event that it takes back.
 */
function inOrder(candidates: readonly Candidate[]): readonly Candidate[] {
  if (candidates.length <= 1) return candidates
  if (candidates.every(isUse)) return candidates.toSorted((a, b) => a.at - b.at || (a.event.id < b.event.id ? -1 : 1))
  const uses = new Map(candidates.filter(isUse).map(use => [use.event.id, own(use)]))
  const placed = candidates.map(candidate => {
    const position = own(candidate)
    const target = candidate.event.reverses === undefined ? undefined : uses.get(candidate.event.reverses)
    const follows = target !== undefined && compare(position, target) < 0
    return { candidate, position, place: follows ? target : position, follows: follows ? 1 : 0 }
  })
  placed.sort((a, b) => compare(a.place, b.place) || a.follows - b.follows || compare(a.position, b.position))
  return placed.map(({ candidate }) => candidate)
}

const compare = (a: Position, b: Position): number => a.at - b.at || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)

/** In the order in which they were settled, what came first aside. */
const inOrderOfPeriods = (settled: readonly Settled[]): Settled[] =>
  settled.toSorted((a, b) => {
    const [one = '', other = ''] = [a.outcome.period, b.outcome.period]
    return one < other ? -1 : one > other ? 1 : compare(own(a), own(b))
  })
