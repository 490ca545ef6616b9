import type { AcceptedUse, MatchedUse } from '../../schemas/disposition.ts'
import type { Period } from '../../schemas/primitives.ts'
import { earlierOf } from './accounting.ts'
import type { UsageSum } from './chain-run.ts'
import { lineKey } from './classify.ts'

/** What was accepted or adjusted in a period. */
export type AcceptedIn = { period: Period; uses: readonly AcceptedUse[] }

/** A use that was accepted in place of a match, in the month that bills it or, where that is later, in its own. */
export type Accepted = { use: AcceptedUse; matched: MatchedUse; isOwn: boolean }

type Amount = { sequence: number; isOwn: boolean }

/** What was decided of a partner's lines. */
export type Decided = {
  /** Those that are rated unless they match after all: of an event that was accepted twice the first. */
  accepted: Accepted[]
  /** The same by `lineKey`, by event id, and by the id of the event that they take back. */
  acceptedLines: Map<string, Accepted>
  acceptedEvents: Map<string, Accepted>
  takenBack: Map<string, Accepted>
  /** Lines that an amount stands for, by `lineKey`, and whether this period bills it. */
  adjusted: Map<string, Amount>
  /** Events that it stands for by their ids, whatever line tells them. */
  adjustedEvents: Map<string, Amount>
  /** Earlier periods of which rating takes something off, since it was adjusted after it was accepted. */
  touched: Set<Period>
}

/**
 * What was decided of lines up to and in a period. An amount that was decided for a line takes the place of rating it,
 * for good and in every order: whenever the line matches or is accepted, the match counts as a disposition and is not
 * rated, and what a close had rated before the decision is taken off by the one that bills the amount. So each line is
 * billed once, and a group of lines at the one amount that was decided for all, however many of them match. The same
 * holds of an event that several lines tell: one of them that is future or too late is no earlier line of the others.
 */
export function decidedUses(decisions: readonly AcceptedIn[], partner: string, present: Period): Decided {
  const decided: Decided = {
    accepted: [],
    acceptedLines: new Map(),
    acceptedEvents: new Map(),
    takenBack: new Map(),
    adjusted: new Map(),
    adjustedEvents: new Map(),
    touched: new Set(),
  }
  const all = decisions.flatMap(({ period, uses }) =>
    uses.filter(use => use.partner === partner).map(use => ({ use, period, isOwn: period === present })),
  )
  for (const { use, isOwn } of all) {
    if (use.outcome !== 'adjusted') continue
    const amount = { sequence: use.sequence, isOwn }
    for (const line of use.lines ?? [use.line]) decided.adjusted.set(lineKey({ ...use, line }), amount)
    for (const event of use.events ?? []) decided.adjustedEvents.set(event, amount)
  }
  for (const { use, period, isOwn } of all) {
    if (use.outcome !== 'accepted') continue
    const matched = { ...use.matched, originPeriod: earlierOf(use.matched.originPeriod, period) }
    const place = placeOf(use)
    const amount = amountFor(decided, place)
    const repeats = acceptanceOf(decided, place) ?? decided.takenBack.get(use.reverses ?? '')
    if (!amount && !repeats) {
      const one = { use, matched, isOwn }
      decided.accepted.push(one)
      decided.acceptedLines.set(lineKey(use), one)
      if (place.id !== undefined) decided.acceptedEvents.set(place.id, one)
      if (use.reverses !== undefined) decided.takenBack.set(use.reverses, one)
    }
    if (amount ? amount.isOwn && !isOwn : isOwn) decided.touched.add(matched.originPeriod)
  }
  return decided
}

type Place = { sequence: number; line: number; id?: string | undefined }

export const placeOf = ({ sequence, line, events: [id] = [] }: AcceptedUse): Place => ({ sequence, line, id })

/** The amount that stands for a line or its event. */
export const amountFor = ({ adjusted, adjustedEvents }: Decided, place: Place): Amount | undefined =>
  (adjusted.size > 0 ? adjusted.get(lineKey(place)) : undefined) ??
  (place.id === undefined ? undefined : adjustedEvents.get(place.id))

/** The acceptance of a line or its event. */
export const acceptanceOf = ({ acceptedLines, acceptedEvents }: Decided, place: Place): Accepted | undefined =>
  (acceptedLines.size > 0 ? acceptedLines.get(lineKey(place)) : undefined) ??
  (place.id === undefined ? undefined : acceptedEvents.get(place.id))

/** A use that a run's sums lack, or one that they hold and should not. */
export type Correction = { matched: MatchedUse; sign: 1 | -1 }

type SubjectUses = Map<string, Map<string, number>>
const rowKey = (contract: string, { benefit, originPeriod }: MatchedUse): string =>
  `${contract}\n${benefit}\n${originPeriod}`
const oneOf = ({ type }: MatchedUse): number => (type === 'use' ? 1 : -1)

/**
 * Counts the uses, less those taken back, of the subjects that a correction may make active members of a row or no
 * longer make so. Of all others the sums are right: nothing is kept of them.
 */
export function subjectUses() {
  const rows: SubjectUses = new Map()
  return {
    rows,
    watch(matched: MatchedUse): void {
      for (const contract of matched.contracts) {
        const key = rowKey(contract, matched)
        const subjects = rows.get(key) ?? new Map<string, number>()
        rows.set(key, subjects)
        if (!subjects.has(matched.subject)) subjects.set(matched.subject, 0)
      }
    },
    count(matched: MatchedUse): void {
      if (rows.size === 0) return
      for (const contract of matched.contracts) {
        const subjects = rows.get(rowKey(contract, matched))
        const uses = subjects?.get(matched.subject)
        if (uses !== undefined) subjects?.set(matched.subject, uses + oneOf(matched))
      }
    },
  }
}

/** Sums with their corrections; `uses` are those of the lines in the sums, of every subject that is corrected. */
export function correctSums(
  sums: readonly UsageSum[],
  corrections: readonly Correction[],
  uses: ReadonlyMap<string, ReadonlyMap<string, number>>,
): UsageSum[] {
  const rows = new Map(sums.map(sum => [`${sum.contract}\n${sum.benefit}\n${sum.originPeriod}`, { ...sum }]))
  const present = new Map(Array.from(uses, ([key, subjects]) => [key, new Map(subjects)]))
  for (const { matched, sign } of corrections) {
    const { benefit, originPeriod, subject, quantity, amountMinor, contracts } = matched
    for (const contract of contracts) {
      const key = rowKey(contract, matched)
      const empty = { quantity: 0n, amountMinor: 0n, sales: 0, activeMembers: 0, fresh: true }
      const row = rows.get(key) ?? { contract, benefit, originPeriod, ...empty }
      const before = present.get(key)?.get(subject) ?? 0
      const after = before + sign * oneOf(matched)
      row.quantity += BigInt(sign * quantity)
      row.amountMinor += BigInt(sign * (amountMinor ?? 0))
      if (amountMinor !== undefined) row.sales += sign * oneOf(matched)
      row.activeMembers += Number(after > 0) - Number(before > 0)
      present.set(key, (present.get(key) ?? new Map()).set(subject, after))
      rows.set(key, row)
    }
  }
  return [...rows.values()]
}
