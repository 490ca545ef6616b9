import type { Contract } from '../../schemas/contract.ts'
import type { Disposition, HistoryEntry, LineOutcome, MatchedUse } from '../../schemas/disposition.ts'
import type { Period } from '../../schemas/primitives.ts'
import type { UsageEvent } from '../../schemas/usage.ts'
import { epochMilliseconds } from '../kernel/clock.ts'
import { earlierOf } from './accounting.ts'
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
  const heldAt = heldTimes(entitlement)
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
  for (const use of uses.values())
    if (tookQuota.has(use.outcome.disposition) && !reversed.has(use.event.id))
      meter.count(quotaTime(use), use.event.quantity)

  const mayReverse = !candidates.every(isUse)
  return inOrder(heldAt, candidates).map(candidate => {
    const { partner, sequence, line, at, event } = candidate
    const { disposition, matched } = event.type === 'use' ? judgeUse(candidate) : judgeReversal(event)
    const { programme } = entitlement
    const outcome: LineOutcome = { partner, sequence, line, id: event.id, disposition, programme, period }
    if (matched) outcome.matched = matched
    const settled = { at, event, outcome }
    if (mayReverse && event.type === 'use') uses.set(event.id, settled)
    return settled
  })

  function judgeUse(candidate: Candidate): Judgement {
    const { event, at } = candidate
    if (isWrongSubject(event, entitlement)) return { disposition: 'wrong-subject' }
    if (!windows.some(({ from, until }) => from <= at && at < until)) return { disposition: 'outside-entitlement' }
    if (!meter.take(quotaTime(candidate), event.quantity)) return { disposition: 'over-quota' }
    return judgeTerms(candidate, rules)
  }

  /** In whose quota period an event counts: where a redemption was captured for it, that in which this was held. */
  function quotaTime({ event: { redemptionId }, at }: Pick<Candidate, 'event' | 'at'>): number {
    return (redemptionId === undefined ? undefined : heldAt.get(redemptionId)) ?? at
  }

  /** A reversal gives back what the event it names took, once, and from then on. */
  function judgeReversal(event: UsageEvent): Judgement {
    if (isWrongSubject(event, entitlement)) return { disposition: 'wrong-subject' }
    const target = event.reverses === undefined ? undefined : uses.get(event.reverses)
    const matched = target?.outcome.matched
    if (!target || !matched || reversed.has(target.event.id)) return { disposition: 'unknown-entitlement' }
    reversed.add(target.event.id)
    meter.giveBack(quotaTime(target), target.event.quantity)
    return { disposition: 'matched', matched: takenBack(matched, event) }
  }
}

type Judgement = { disposition: Disposition; matched?: MatchedUse }

/** Events that fitted their quota used it, whether a contract covers them or not. */
const tookQuota: ReadonlySet<Disposition> = new Set(['matched', 'no-contract', 'currency-mismatch'])

const nothingHeld: ReadonlyMap<string, number> = new Map()

/** When each captured redemption was held, in epoch milliseconds. */
const heldTimes = ({ captured }: HistoryEntry): ReadonlyMap<string, number> =>
  captured ? new Map(captured.map(({ id, heldAt }) => [id, epochMilliseconds(heldAt)])) : nothingHeld

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

type Position = { late: number; at: number; id: string }

/**
 * Candidates in the order in which they use the quota: captured redemptions first, then (occurredAt, id). A reversal
 * has its own place, but never before the event that it takes back.
 */
function inOrder(captured: ReadonlyMap<string, number>, candidates: readonly Candidate[]): readonly Candidate[] {
  if (candidates.length <= 1) return candidates
  const own = ({ at, event: { id, redemptionId } }: Candidate): Position => ({
    late: redemptionId !== undefined && captured.has(redemptionId) ? 0 : 1,
    at,
    id,
  })
  if (captured.size === 0 && candidates.every(isUse))
    return candidates.toSorted((a, b) => a.at - b.at || (a.event.id < b.event.id ? -1 : 1))
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

const compare = (a: Position, b: Position): number =>
  a.late - b.late || a.at - b.at || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0)
