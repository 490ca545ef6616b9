import type { Contract } from '../../schemas/contract.ts'
import type { HistoryEntry, LineOutcome } from '../../schemas/disposition.ts'
import type { Period } from '../../schemas/primitives.ts'
import type { UsageEvent } from '../../schemas/usage.ts'
import { epochMilliseconds } from '../kernel/clock.ts'
import type { ReceivedLine } from '../usage/read.ts'
import { accountingPeriod, type ProgrammeCalendar } from './accounting.ts'
import { type Classified, classify, entitlementOf, lineKey } from './classify.ts'
import { type Coverage, coverageOf } from './coverage.ts'
import { type Days, daysOf } from './days.ts'
import { settleEntitlement } from './settle-entitlement.ts'
import { sharded } from './shard.ts'

export type Programme = { id: string; timeZone: string; firstPeriod: Period }

export type LineRules = {
  /** May hold other partners' entitlements too. */
  entitlements: ReadonlyMap<string, HistoryEntry>
  contracts: readonly Contract[]
  /** The programmes to reconcile. Lines of others only take part in finding duplicates. */
  programmes: readonly (Programme & { openFrom: Period })[]
  /** What earlier closes made final, by `lineKey`; these lines get no new outcome. */
  finals: ReadonlyMap<string, LineOutcome>
  /** Lines of later accounting periods are left out. */
  through?: Period
  /** How many shards each pass is split into; the outcome does not depend on it. */
  shards?: number
}

type Known = Classified & { event: UsageEvent; entitlement: HistoryEntry; period: Period }

/**
 * Both passes over one partner's lines, which come in the order of (sequence, line). The outcomes come in that order
 * too, and are a function of the lines and the rules alone.
 */
export function reconcileLines(lines: readonly ReceivedLine[], rules: LineRules): LineOutcome[] {
  const shards = rules.shards ?? 1
  const zones = new Map<string, Days>()
  const daysIn = (timeZone: string): Days => {
    const days = zones.get(timeZone) ?? daysOf(timeZone)
    zones.set(timeZone, days)
    return days
  }
  const coverage = coverageOf(rules.contracts)
  const classified = sharded(lines, shards, line => line.event?.id ?? lineKey(line)).flatMap(shard =>
    classify(shard, { ...rules, coverage, daysIn }),
  )
  const calendars = new Map(
    rules.programmes.map(({ timeZone, ...programme }) => [programme.id, { ...programme, days: daysIn(timeZone) }]),
  )
  const { outcomes, candidates } = firstOutcomes(classified, rules, calendars)
  const matched = sharded(candidates, shards, ({ entitlement }) => entitlement.id).flatMap(shard =>
    matchShard(shard, { ...rules, coverage, calendars }),
  )
  return [...outcomes, ...matched].sort((a, b) => a.sequence - b.sequence || a.line - b.line)
}

/** What the first pass settled, and what goes on to the second, finals included: they use the quota too. */
function firstOutcomes(
  classified: Classified[],
  { entitlements, finals, through }: LineRules,
  calendars: Map<string, ProgrammeCalendar>,
): { outcomes: LineOutcome[]; candidates: Known[] } {
  const outcomes: LineOutcome[] = []
  const candidates: Known[] = []
  for (const line of classified) {
    const { partner, sequence, line: number, event, disposition } = line
    const outcome = { partner, sequence, line: number, ...(event && { id: event.id }) }
    const entitlement = event && entitlementOf(entitlements, partner, event.entitlementId)
    if (!event || !entitlement) {
      outcomes.push({ ...outcome, disposition: disposition ?? 'unknown-entitlement' })
      continue
    }
    const programme = calendars.get(entitlement.programme)
    if (!programme) continue
    const final = finals.get(lineKey(line))
    const period = final?.period ?? accountingPeriod({ ...line, event }, programme)
    if (through !== undefined && period > through) continue
    if (!disposition) candidates.push({ ...line, event, entitlement, period })
    else if (!final) outcomes.push({ ...outcome, disposition, programme: programme.id, period })
  }
  return { outcomes, candidates }
}

type MatchShardRules = LineRules & { coverage: Coverage; calendars: Map<string, ProgrammeCalendar> }

/** Each entitlement by itself. */
function matchShard(shard: Known[], { finals, coverage, calendars }: MatchShardRules): LineOutcome[] {
  const outcomes: LineOutcome[] = []
  for (const lines of Map.groupBy(shard, ({ entitlement }) => entitlement.id).values()) {
    const [{ entitlement } = { entitlement: undefined }] = lines
    const programme = entitlement && calendars.get(entitlement.programme)
    if (!programme) continue
    const own = lines.map(line => ({
      ...line,
      at: epochMilliseconds(line.event.occurredAt),
      final: finals.get(lineKey(line)),
    }))
    for (const outcome of settleEntitlement({ entitlement, days: programme.days, coverage }, own))
      outcomes.push(outcome)
  }
  return outcomes
}
