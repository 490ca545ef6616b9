import type { Disposition, HistoryEntry, LineOutcome, MatchedUse } from '../../schemas/disposition.ts'
import type { Instant, Period } from '../../schemas/primitives.ts'
import type { UsageEvent } from '../../schemas/usage.ts'
import { epochMilliseconds } from '../kernel/clock.ts'
import { earlierOf } from './accounting.ts'
import type { Coverage } from './coverage.ts'
import type { Days } from './days.ts'
import { quotaMeter } from './quota.ts'

/** A line of one entitlement that the first pass let through. */
export type Candidate = { partner: string; sequence: number; line: number; event: UsageEvent }
/** A candidate with the outcome it was given. */
export type Settled = { event: UsageEvent; outcome: LineOutcome }

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
export function matchEntitlement(rules: MatchRules, candidates: Candidate[], earlier: Settled[]): Settled[] {
  const { entitlement, days, period } = rules
  const meter = quotaMeter(entitlement.quota, entitlement.windows, days)
  const heldAt = new Map((entitlement.captured ?? []).map(redemption => [redemption.id, redemption.heldAt]))
  const uses = new Map<string, Settled>()
  const reversed = new Set<string>()
  for (const settled of earlier) {
    if (settled.event.type === 'use') uses.set(settled.event.id, settled)
    else if (settled.outcome.matched && settled.event.reverses) reversed.add(settled.event.reverses)
  }
  for (const { event, outcome } of uses.values())
    if (tookQuota.has(outcome.disposition) && !reversed.has(event.id)) meter.count(quotaTime(event), event.quantity)

  return inOrder(heldAt, candidates).map(({ event, ...address }) => {
    const outcome: LineOutcome = {
      ...address,
      id: event.id,
      programme: entitlement.programme,
      period,
      ...(event.type === 'use' ? judgeUse(event) : judgeReversal(event)),
    }
    const settled = { event, outcome }
    if (event.type === 'use') uses.set(event.id, settled)
    return settled
  })

  function judgeUse(event: UsageEvent): Judgement {
    if (isWrongSubject(event, entitlement)) return { disposition: 'wrong-subject' }
    if (!isInside(event.occurredAt, entitlement)) return { disposition: 'outside-entitlement' }
    if (!meter.take(quotaTime(event), event.quantity)) return { disposition: 'over-quota' }
    return judgeTerms(event, rules)
  }

  /** In whose quota period an event counts: where a redemption was captured for it, that in which this was held. */
  function quotaTime(event: UsageEvent): Instant {
    return (event.redemptionId !== undefined && heldAt.get(event.redemptionId)) || event.occurredAt
  }

  /** A reversal gives back what the event it names took, once, and from then on. */
  function judgeReversal(event: UsageEvent): Judgement {
    if (isWrongSubject(event, entitlement)) return { disposition: 'wrong-subject' }
    const target = event.reverses === undefined ? undefined : uses.get(event.reverses)
    const matched = target?.outcome.matched
    if (!target || !matched || reversed.has(target.event.id)) return { disposition: 'unknown-entitlement' }
    reversed.add(target.event.id)
    meter.giveBack(quotaTime(target.event), target.event.quantity)
    return { disposition: 'matched', matched: takenBack(matched, event.occurredAt) }
  }
}

type Judgement = { disposition: Disposition; matched?: MatchedUse }

/** Events that fitted their quota used it, whether a contract covers them or not. */
const tookQuota: ReadonlySet<Disposition> = new Set(['matched', 'no-contract', 'currency-mismatch'])

const isWrongSubject = (event: UsageEvent, entitlement: HistoryEntry): boolean =>
  event.subject !== entitlement.subject || event.benefit !== entitlement.benefit

function isInside(occurredAt: Instant, { windows }: HistoryEntry): boolean {
  const at = epochMilliseconds(occurredAt)
  return windows.some(
    ({ from, until }) => epochMilliseconds(from) <= at && (until === undefined || at < epochMilliseconds(until)),
  )
}

function judgeTerms(event: UsageEvent, { entitlement, days, coverage, period }: MatchRules): Judgement {
  const day = days.dayOf(event.occurredAt)
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
    originPeriod: earlierOf(days.periodOf(event.occurredAt), period),
    quantity: event.quantity,
    ...(amount && { amountMinor: amount.amountMinor }),
    day,
    contracts: contracts.map(contract => contract.id),
  }
  return { disposition: 'matched', matched }
}

const takenBack = (matched: MatchedUse, occurredAt: Instant): MatchedUse => ({
  ...matched,
  type: 'reversal',
  occurredAt,
  quantity: -matched.quantity,
  // Not -0, which is another number to whoever compares the outcomes of two runs.
  ...(matched.amountMinor !== undefined && { amountMinor: 0 - matched.amountMinor }),
})

type Position = { late: number; at: number; id: string }

/**
 * Candidates in the order in which they use the quota: captured redemptions first, then (occurredAt, id). A reversal
 * has its own place, but never before the event that it takes back.
 */
function inOrder(captured: ReadonlyMap<string, Instant>, candidates: Candidate[]): Candidate[] {
  const own = ({ event }: Candidate): Position => ({
    late: event.redemptionId !== undefined && captured.has(event.redemptionId) ? 0 : 1,
    at: epochMilliseconds(event.occurredAt),
    id: event.id,
  })
  const uses = new Map(candidates.filter(({ event }) => event.type === 'use').map(use => [use.event.id, own(use)]))
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
