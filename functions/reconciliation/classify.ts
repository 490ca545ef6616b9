import { defaultLateDays } from '../../schemas/contract.ts'
import type { Disposition, HistoryEntry } from '../../schemas/disposition.ts'
import type { UsageEvent } from '../../schemas/usage.ts'
import { canonicalJson } from '../kernel/canonical.ts'
import { epochMilliseconds } from '../kernel/clock.ts'
import type { ReceivedLine } from '../usage/read.ts'
import type { Coverage } from './coverage.ts'
import type { Days } from './days.ts'

/** What the first pass may find; a line without any goes on to the second. */
export type FirstDisposition = 'malformed' | 'future' | 'too-late' | 'duplicate' | 'conflict'
export type Classified = Omit<ReceivedLine, 'text'> & { disposition?: FirstDisposition }

export type ClassifyRules = {
  entitlements: ReadonlyMap<string, HistoryEntry>
  coverage: Coverage
  daysIn: (timeZone: string) => Days
  /** What earlier closes made final, by `lineKey`. */
  finals: ReadonlyMap<string, { disposition: Disposition }>
}

const clockSkewMilliseconds = 5 * 60_000
const dayMilliseconds = 86_400_000

export const lineKey = ({ sequence, line }: { sequence: number; line: number }): string => `${sequence}/${line}`

/**
 * First pass: steps 1 to 5 of the dispositions (domain.md), over one partner's lines in the order of (sequence, line).
 * May be run for each shard of event ids by itself. A line that a close made final stays what it is, also when a
 * contract's `lateDays` has changed since: otherwise its repetition could be billed, or neither of them.
 */
export function classify(lines: Iterable<ReceivedLine>, rules: ClassifyRules): Classified[] {
  const seen = new Map<string, Earlier>()
  return Array.from(lines, ({ text, ...line }): Classified => {
    const final = rules.finals.get(lineKey(line))?.disposition
    const alone = final === undefined ? judgeAlone(line, rules) : asAlone(final)
    if (alone !== undefined || !line.event) return { ...line, disposition: alone ?? 'malformed' }
    const repeated = repetitionOf(seen, line.event.id, text)
    const disposition = final === undefined ? repeated : asRepetition(final)
    return disposition ? { ...line, disposition } : line
  })
}

export const asAlone = (final: Disposition) =>
  final === 'malformed' || final === 'future' || final === 'too-late' ? final : undefined
export const asRepetition = (final: Disposition) => (final === 'duplicate' || final === 'conflict' ? final : undefined)

/** Steps 1 to 3: what a line is by itself. */
function judgeAlone({ event, receivedAt, partner }: Omit<ReceivedLine, 'text'>, rules: ClassifyRules) {
  if (!event) return 'malformed'
  const age = epochMilliseconds(receivedAt) - epochMilliseconds(event.occurredAt)
  if (isFuture(age)) return 'future'
  if (age <= 0) return undefined
  const entitlement = entitlementOf(rules.entitlements, partner, event.entitlementId)
  return isOlder(age, lateDaysOf(event, entitlement, rules)) ? 'too-late' : undefined
}

/** By the milliseconds from when it occurred to its receipt. */
export const isFuture = (age: number): boolean => age < -clockSkewMilliseconds
export const isOlder = (age: number, days: number): boolean => age > days * dayMilliseconds

/** After how many days an event is too late: the most that a contract which covers it allows. */
export function lateDaysOf(
  event: Pick<UsageEvent, 'benefit' | 'occurredAt'>,
  entitlement: HistoryEntry | undefined,
  { coverage, daysIn }: Pick<ClassifyRules, 'coverage' | 'daysIn'>,
): number {
  if (!entitlement) return defaultLateDays
  const day = daysIn(entitlement.timeZone).dayOf(event.occurredAt)
  const contracts = coverage.covering(entitlement.programme, event.benefit, day)
  return contracts.length > 0 ? Math.max(...contracts.map(contract => contract.lateDays)) : defaultLateDays
}

/** An entitlement that exists and is this partner's. */
export function entitlementOf(
  entitlements: ReadonlyMap<string, HistoryEntry>,
  partner: string,
  id: string,
): HistoryEntry | undefined {
  const entitlement = entitlements.get(id)
  return entitlement?.partner === partner ? entitlement : undefined
}

type Earlier = { first: string; contents?: Set<string> }

/**
 * Steps 4 and 5. Every line that comes this far counts as an earlier line for those after it, a conflicting one too:
 * repeating it is a duplicate of it. Each text is brought into canonical form once, however many lines share the id.
 */
function repetitionOf(seen: Map<string, Earlier>, id: string, text: string): 'duplicate' | 'conflict' | undefined {
  const earlier = seen.get(id)
  if (!earlier) {
    seen.set(id, { first: text })
    return undefined
  }
  if (earlier.first === text) return 'duplicate'
  earlier.contents ??= new Set([contentOf(earlier.first)])
  const content = contentOf(text)
  if (earlier.contents.has(content)) return 'duplicate'
  earlier.contents.add(content)
  return 'conflict'
}

/** Two lines are equal when their canonical JSON (RFC 8785) is. */
const contentOf = (text: string): string => canonicalJson(JSON.parse(text))
