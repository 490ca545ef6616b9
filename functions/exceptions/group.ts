import type { HistoryEntry } from '../../schemas/disposition.ts'
import { exceptionLimits } from '../../schemas/exception.ts'
import type { ExceptionId } from '../../schemas/ids.ts'
import type { Instant } from '../../schemas/primitives.ts'
import type { PointedError } from '../../schemas/usage.ts'
import { quotaPeriodOf } from '../kernel/calendar.ts'
import { contentId } from '../kernel/ids.ts'
import type { Finding } from './finding.ts'

/** What an exception is to be of. */
export type Draft = { id: ExceptionId; cause: string; findings: [Finding, ...Finding[]] }

export type Grouping = {
  partner: string
  sequence: number
  /** Of over-quota lines at least. */
  entitlements: ReadonlyMap<string, Pick<HistoryEntry, 'quota' | 'timeZone'>>
  /** What is wrong in each malformed line. */
  errors: ReadonlyMap<number, PointedError[]>
  /** What keeps a line from being billed with others of its cause, as a part of the cause. */
  traitOf: (finding: Finding) => string
  /** How many exceptions of a group's name somebody has acted on: they keep their lines, and the name's next one is new. */
  taken: ReadonlyMap<string, number>
}

/**
 * One exception a line, or one for all lines of the same reason and cause where these are more than 20 that can be billed
 * in the same way. Where a reason
 * has more than 1,000 different causes in one batch, its lines are taken together all the same: nobody decides so many
 * one by one. Ids follow from the content, so that the same findings give the same exceptions.
 */
export function groupFindings(findings: readonly Finding[], grouping: Grouping): Draft[] {
  const drafts: Draft[] = []
  for (const [place, ofReason] of Map.groupBy(findings, placeOf)) {
    const causes = [...Map.groupBy(ofReason, finding => causeOf(finding, grouping))].flatMap(([cause, lines]) =>
      lines.length > exceptionLimits.single ? byTrait(cause, lines, grouping) : [[cause, lines] as const],
    )
    const large = causes.filter(([, lines]) => lines.length > exceptionLimits.single)
    const small = causes.filter(([, lines]) => lines.length <= exceptionLimits.single)
    for (const [cause, lines] of large) drafts.push(groupDraft(place, cause, lines, grouping))
    const rest = small.flatMap(([, lines]) => lines)
    if (rest.length > exceptionLimits.singlesOfReason)
      for (const [cause, lines] of byTrait('various', rest, grouping))
        drafts.push(groupDraft(place, cause, lines, grouping))
    else for (const [cause, lines] of small) for (const line of lines) drafts.push(singleDraft(cause, line, grouping))
  }
  return drafts
}

const byTrait = (cause: string, lines: Finding[], { traitOf }: Grouping) =>
  Array.from(Map.groupBy(lines, traitOf), ([trait, own]) => [`${cause}${trait}`, own] as const)

const placeOf = ({ disposition, programme, period }: Finding): string =>
  [disposition, programme ?? '-', period ?? '-'].join('\n')

/** The name under which a group's id is made. */
export const groupName = (place: string, cause: string): string => `${place}\n${cause}`

const singleDraft = (cause: string, finding: Finding, { partner, sequence }: Grouping): Draft => ({
  id: contentId<ExceptionId>('exc', partner, String(sequence), 'line', String(finding.line)),
  cause,
  findings: [finding],
})

function groupDraft(place: string, cause: string, lines: Finding[], { partner, sequence, taken }: Grouping): Draft {
  const name = groupName(place, cause)
  const turn = String(taken.get(name) ?? 0)
  const [first, ...others] = lines.toSorted((a, b) => a.line - b.line)
  if (!first) throw new Error('a group without a line')
  const id = contentId<ExceptionId>('exc', partner, String(sequence), 'group', name, turn)
  return { id, cause, findings: [first, ...others] }
}

/** What lines of a reason have in common when one mistake made them. */
export function causeOf({ disposition, event, line }: Finding, { entitlements, errors }: Grouping): string {
  switch (disposition) {
    case 'malformed': {
      const [first] = errors.get(line) ?? []
      return first ? `${first.pointer} ${first.detail}`.trim() : 'not readable'
    }
    case 'no-contract':
      return `benefit ${event?.benefit}`
    case 'over-quota':
      return `entitlement ${event?.entitlementId} in ${event && quotaPeriod(event, entitlements)}`
    case 'unknown-entitlement':
    case 'wrong-subject':
    case 'outside-entitlement':
      return `entitlement ${event?.entitlementId}`
    case 'currency-mismatch':
      return `benefit ${event?.benefit} in ${event?.amount?.currency}`
    default:
      return disposition
  }
}

export function quotaPeriod(
  { entitlementId, occurredAt }: { entitlementId: string; occurredAt: Instant },
  entitlements: Grouping['entitlements'],
): string {
  const { quota, timeZone } = entitlements.get(entitlementId) ?? {}
  return quota && timeZone ? quotaPeriodOf(occurredAt, quota.per, timeZone) : 'its quota period'
}
