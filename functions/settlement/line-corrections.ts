import { adjustmentLine } from '../../schemas/contract.ts'
import type { AcceptedUse, LineOutcome } from '../../schemas/disposition.ts'
import type { ExceptionId } from '../../schemas/ids.ts'
import type { Table } from '../kernel/table.ts'
import { lineKey } from '../reconciliation/classify.ts'
import { type Accepted, acceptanceOf, amountFor, type Decided } from '../reconciliation/corrections.ts'
import { finalsBetween } from '../reconciliation/finals.ts'
import { type Close, type Decisions, isBilledBy, type LineOfStatement, type Unplaced, unplaced } from './line-uses.ts'

const everything = { from: 1, upTo: 999_999_999_999 }

/** What an adjustment line bills: the amounts decided in its period, each at the event it was decided for. */
export function* adjustmentEvents({ own }: Decisions, { line }: LineOfStatement): Generator<Unplaced> {
  if (line.line !== adjustmentLine) return
  for (const use of own) {
    const { outcome, matched, exception } = use
    const isOfLine = matched.contracts[0] === line.contract && matched.originPeriod === line.originPeriod
    if (outcome !== 'adjusted' || !isOfLine) continue
    yield unplaced(idOf(use), { ...matched, amountMinor: use.amountMinor ?? 0 }, 1, exception)
  }
}

/**
 * What a close billed of a line beside its own matches: uses that were accepted, and, taken off, those that an earlier
 * close had billed as accepted and that matched since, or for which an amount was decided since. The matches of all
 * closes are read for it, unless nothing was decided of such uses.
 */
export async function* correctedEvents(
  needs: { table: Table },
  decisions: Decisions,
  { line }: LineOfStatement,
): AsyncGenerator<Unplaced> {
  for (const partner of decisions.partners) {
    const [now, before] = [decisions.now.get(partner), decisions.before.get(partner)]
    if (!now) continue
    const after = ofLine(now, line)
    const former = before ? ofLine(before, line) : []
    // What an earlier close had rated is of a month before this one. Contract and benefit of an exception tell less:
    // a group has lines of several, and the event of a line may be told by another line of another benefit.
    const isEarlier = line.originPeriod < decisions.close.period
    const exceptions = isEarlier ? ownAmounts(decisions.own, partner) : new Map<string, ExceptionId>()
    if (after.length === 0 && former.length === 0 && exceptions.size === 0) continue
    const replaced = { now: new Set<AcceptedUse>(), before: new Set<AcceptedUse>() }
    for await (const { outcome, isOwn } of matches(needs, decisions, partner)) {
      const accepted = acceptanceOf(now, outcome)
      if (accepted) replaced.now.add(accepted.use)
      const known = !isOwn && before ? acceptanceOf(before, outcome) : undefined
      if (known) replaced.before.add(known.use)
      yield* takenOff(outcome, { isOwn, now, before, exceptions, line })
    }
    const counted = (all: Accepted[], gone: Set<AcceptedUse>) =>
      new Map(all.filter(({ use }) => !gone.has(use)).map(one => [lineKey(one.use), one]))
    const [present, past] = [counted(after, replaced.now), counted(former, replaced.before)]
    for (const [key, { use, matched }] of past)
      if (!present.has(key)) yield unplaced(idOf(use), matched, -1, use.exception)
    for (const [key, { use, matched }] of present)
      if (!past.has(key)) yield unplaced(idOf(use), matched, 1, use.exception)
  }
}

const ofLine = ({ accepted }: Decided, line: LineOfStatement['line']): Accepted[] =>
  accepted.filter(({ matched }) => isBilledBy(matched, line))

const idOf = ({ partner, sequence, line, events }: AcceptedUse) => ({ partner, sequence, line, id: events?.[0] ?? '' })

/** The exceptions that decided an amount in the close's period, by the lines and the events that it stands for. */
function ownAmounts(own: readonly AcceptedUse[], partner: string): Map<string, ExceptionId> {
  const found = new Map<string, ExceptionId>()
  for (const use of own) {
    if (use.outcome !== 'adjusted' || use.partner !== partner) continue
    for (const line of use.lines ?? [use.line]) found.set(lineKey({ ...use, line }), use.exception)
    for (const event of use.events ?? []) found.set(eventKey(event), use.exception)
  }
  return found
}

const eventKey = (event: string): string => `event ${event}`

type Taking = {
  isOwn: boolean
  now: Decided
  before: Decided | undefined
  exceptions: ReadonlyMap<string, ExceptionId>
  line: LineOfStatement['line']
}

/** A match that an earlier close rated, and for which this close bills an amount. */
function* takenOff(outcome: LineOutcome, { isOwn, now, before, exceptions, line }: Taking): Generator<Unplaced> {
  const { matched, id } = outcome
  if (isOwn || !matched || !isBilledBy(matched, line)) return
  if (!amountFor(now, { ...outcome, id }) || (before && amountFor(before, { ...outcome, id }))) return
  const exception = exceptions.get(lineKey(outcome)) ?? (id === undefined ? undefined : exceptions.get(eventKey(id)))
  yield unplaced(outcome, matched, -1, exception)
}

/** What the closes up to this one found to match, of a partner. */
async function* matches(needs: { table: Table }, { close, earlier }: Decisions, partner: string) {
  const read = (of: Close) => finalsBetween(needs, { ...of, partner, ...everything })
  for (const of of [...earlier, close])
    for await (const outcome of read(of)) if (outcome.matched) yield { outcome, isOwn: of === close }
}
