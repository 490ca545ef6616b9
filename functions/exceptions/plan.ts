import {
  type AuditEntry,
  type Evidence,
  type ExceptionRecord,
  exceptionLimits,
  type UsageException,
} from '../../schemas/exception.ts'
import type { Money } from '../../schemas/money.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { canonicalJson } from '../kernel/canonical.ts'
import { plusSeconds } from '../kernel/clock.ts'
import type { BatchFindings, Finding } from './finding.ts'
import { type Draft, groupName } from './group.ts'
import { isMember, membersOf } from './members.ts'

export const actorOfRuns = 'reconciliation'
const daySeconds = 86_400

/** Until when the partner may dispute what happened at an instant. */
export const disputeDeadline = (at: Instant): Instant => plusSeconds(at, exceptionLimits.disputeDays * daySeconds)

export type Change = { before?: ExceptionRecord; after?: ExceptionRecord }

/** Whoever acted on an exception did so on these lines for this reason; so did a close that made it final. */
export const isOwned = ({ touched, final }: ExceptionRecord): boolean => touched || final

/** Findings of lines that no such exception has. */
export function unowned(findings: readonly Finding[], there: readonly ExceptionRecord[]): Finding[] {
  const owners = there.filter(isOwned)
  return findings.filter(({ line }) => !owners.some(({ members }) => isMember(members, line)))
}

/** How many owned exceptions of each group's name there are. */
export function takenNames(there: readonly ExceptionRecord[]): Map<string, number> {
  const taken = new Map<string, number>()
  for (const { reason, programme, period, cause } of there.filter(isOwned)) {
    const name = groupName([reason, programme ?? '-', period ?? '-'].join('\n'), cause)
    taken.set(name, (taken.get(name) ?? 0) + 1)
  }
  return taken
}

/** What an owned exception becomes by what its lines are now; the same one where nothing is new. */
export function reviewed(before: ExceptionRecord, findings: readonly Finding[], at: Instant): ExceptionRecord {
  if (before.final) return before
  const own = findings.filter(({ line }) => isMember(before.members, line))
  if (own.length === 0) return cleared(before, at)
  if (before.resolution?.outcome === 'cleared') return exceptionalAgain(before, own, at)
  const reasons = [...new Set(own.map(({ disposition }) => disposition))].sort()
  const isSame = own.length === before.count && reasons.length === 1 && reasons[0] === before.reason
  const final = own.some(finding => finding.final)
  const last = lastOfRuns(before)
  const note = `${own.length} of ${before.count} lines: ${reasons.join(', ')}`
  const changed = last ? last.note !== note : !isSame
  if (!changed && final === before.final) return before
  const audit = changed ? withEntry(before, { at, actor: actorOfRuns, action: 'changed', note }) : before.audit
  return { ...before, final, audit, version: before.version + 1, changedAt: at }
}

/** What was cleared by itself was decided by nobody: it waits for a decision again. */
function exceptionalAgain(
  { resolution: _cleared, ...before }: ExceptionRecord,
  own: readonly Finding[],
  at: Instant,
): ExceptionRecord {
  const note = `${own.length} of ${before.count} lines: ${[...new Set(own.map(one => one.disposition))].sort().join(', ')}`
  const audit = withEntry(before, { at, actor: actorOfRuns, action: 'reopened', note })
  const final = own.some(finding => finding.final)
  return { ...before, state: 'open', final, audit, version: before.version + 1, changedAt: at }
}

/** Nothing is exceptional any more: an unresolved one is resolved by that; of a resolved one it is only noted. */
function cleared(before: ExceptionRecord, at: Instant): ExceptionRecord {
  if (lastOfRuns(before)?.action === 'cleared') return before
  const reason = 'the lines are no exception any more'
  const entry = { at, actor: actorOfRuns, action: 'cleared', note: reason } as const
  const after = { ...before, audit: withEntry(before, entry), version: before.version + 1, changedAt: at }
  if (before.state === 'resolved') return after
  return { ...after, state: 'resolved', resolution: { outcome: 'cleared', reason, at, actor: actorOfRuns } }
}

/** What runs noted last; a dispute opens an exception again too, but says nothing of its lines. */
const lastOfRuns = ({ audit }: ExceptionRecord): AuditEntry | undefined =>
  audit.findLast(({ actor, action }) => actor === actorOfRuns && action !== 'opened')

/** What runs note must not fill an item up: beyond twice what people may write, the last entry is replaced. */
function withEntry({ audit }: Pick<ExceptionRecord, 'audit'>, entry: AuditEntry): AuditEntry[] {
  return [...(audit.length >= exceptionLimits.audit * 2 ? audit.slice(0, -1) : audit), entry]
}

type Subject = Pick<BatchFindings, 'partner' | 'batch' | 'sequence'> & {
  currencyOf: (programme: string) => string | undefined
  evidenceOf: (finding: Finding) => Evidence
}

/** What is to stand for a draft; the same one where its content is. */
export function drafted(
  { id, cause, findings }: Draft,
  before: ExceptionRecord | undefined,
  { partner, batch, sequence, currencyOf, evidenceOf }: Subject,
  at: Instant,
): ExceptionRecord {
  const [first] = findings
  const { disposition: reason, programme, period, final } = first
  const currency = programme === undefined ? undefined : currencyOf(programme)
  const content = {
    id,
    partner,
    ...(programme !== undefined && { programme }),
    ...(period !== undefined && { period }),
    reason,
    cause,
    batch,
    sequence,
    count: findings.length,
    lines: findings.slice(0, exceptionLimits.lines).map(lineOf),
    quantity: findings.reduce((sum, { event }) => sum + (event?.quantity ?? 0), 0),
    amounts: amountsOf(findings),
    final,
    ...(currency !== undefined && { currency }),
    members: membersOf(findings.map(({ line }) => line)),
  }
  if (before && sameContent(before, content)) return before
  const fresh: Pick<ExceptionRecord, 'state' | 'openedAt' | 'deadline' | 'audit' | 'touched' | 'version'> = before ?? {
    state: 'open',
    openedAt: at,
    deadline: disputeDeadline(at),
    audit: [{ at, actor: actorOfRuns, action: 'opened' }],
    touched: false,
    version: 0,
  }
  const { state, openedAt, deadline, audit, touched, version } = fresh
  const standing = { state, openedAt, deadline, audit, touched, version: version + 1, changedAt: at }
  return { ...content, ...standing, evidence: evidenceOf(first) }
}

const lineOf = ({ line, event }: Finding): UsageException['lines'][number] => ({ line, ...(event && { id: event.id }) })

type Content = Partial<ExceptionRecord> & Pick<ExceptionRecord, 'members'>

function sameContent(before: ExceptionRecord, { members, ...content }: Content): boolean {
  const comparable = Object.fromEntries(Object.keys(content).map(key => [key, before[key as keyof ExceptionRecord]]))
  return canonicalJson(comparable) === canonicalJson(content) && Buffer.from(before.members).equals(members)
}

function amountsOf(findings: readonly Finding[]): Money[] {
  const sums = new Map<string, number>()
  for (const { event } of findings) {
    if (!event?.amount) continue
    const { currency, amountMinor } = event.amount
    // Refused lines may state any amounts: what passes the exact integers is shown as the largest of them.
    sums.set(currency, Math.min((sums.get(currency) ?? 0) + amountMinor, Number.MAX_SAFE_INTEGER))
  }
  return [...sums]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .slice(0, mostCurrencies)
    .map(([currency, amountMinor]) => ({ currency, amountMinor }))
}
/** Lines of one cause are of one currency, or of a few. */
const mostCurrencies = 20
