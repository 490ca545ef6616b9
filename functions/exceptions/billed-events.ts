import type { AcceptedUse, MatchedUse } from '../../schemas/disposition.ts'
import type { ExceptionRecord } from '../../schemas/exception.ts'
import type { Period } from '../../schemas/primitives.ts'
import { entitlementsById } from '../entitlements/history.ts'
import { nextPeriod } from '../kernel/calendar.ts'
import { judgedChain } from '../reconciliation/judged-chain.ts'
import { isShortChain, type JudgedLine } from '../reconciliation/judged-lines.ts'
import { manifestOf, usageHead } from '../usage/read.ts'
import { acceptedIn } from './accepted.ts'
import { findAcceptedHead, findEventMark, type MarkKind } from './accepted-store.ts'
import { type Billable, billable, matchedAs, type Terms } from './billable.ts'
import { type BillingObstacle, NotBillable } from './not-billable.ts'
import type { ExceptionNeeds } from './view.ts'

/** Of which programme the acceptances are read, from its first month to the present one and what is open after that. */
export type Months = { programme: string; firstPeriod: Period; present: Period }
type Of = Pick<ExceptionRecord, 'partner' | 'sequence'>

/** What was accepted or adjusted so far, by the event that is billed by it and by the event that is taken back. */
type Decisions = { billed: Map<string, AcceptedUse>; takenBack: Map<string, AcceptedUse> }

async function decisionsOn(
  { table }: ExceptionNeeds,
  { programme, firstPeriod, present }: Months,
  partner: string,
  events: ReadonlySet<string>,
): Promise<Decisions> {
  const found: Decisions = { billed: new Map(), takenBack: new Map() }
  for (let period = firstPeriod; ; period = nextPeriod(period)) {
    const head = await findAcceptedHead(table, { programme, period })
    if (!head && period > present) return found
    for (const use of head ? await acceptedIn({ table }, programme, period) : []) {
      if (use.partner !== partner) continue
      const { reverses } = use
      for (const event of use.events ?? [])
        if (events.has(event) && !found.billed.has(event)) found.billed.set(event, use)
      if (reverses !== undefined && events.has(reverses)) found.takenBack.set(reverses, use)
    }
  }
}

/** Matched lines, by the event that they tell and by the event that they take back. */
type Matches = { billed: Map<string, JudgedLine>; takenBack: Map<string, JudgedLine> }

/** @throws Refusal busy, with Retry-After, while a long chain is being reconciled */
async function matchesOf(needs: ExceptionNeeds, partner: string, events: ReadonlySet<string>): Promise<Matches> {
  const found: Matches = { billed: new Map(), takenBack: new Map() }
  const chain = await judgedChain(needs, { partner })
  for await (const batch of chain.batches({ from: 1, upTo: chain.upTo }))
    for (const line of await batch.lines()) {
      const { event, disposition } = line
      if (disposition !== 'matched' || !event) continue
      if (events.has(event.id)) found.billed.set(event.id, line)
      if (event.reverses !== undefined && events.has(event.reverses)) found.takenBack.set(event.reverses, line)
    }
  return found
}

/**
 * Refuses to bill an event a second time, where that is told in time: of one line, in a chain that is judged at once.
 * Whatever passes here, the close bills an event once.
 * @throws Refusal not-billable, which names what bills it
 */
export async function requireUnbilled(
  needs: ExceptionNeeds,
  { partner, sequence }: Of,
  { line, event }: Billable,
  months: Months,
): Promise<void> {
  const refuse = (by: string) =>
    new NotBillable('billed-already', line, `this event is billed already: ${by}; reject this one`)
  const ids = new Set([event.id])
  const marked = await findEventMark(needs.table, { partner, event: event.id, kind: 'BILLED' })
  const decided = (await decisionsOn(needs, months, partner, ids)).billed.get(event.id)
  const exception = marked?.exception ?? decided?.exception
  if (exception) throw refuse(`exception ${exception}`)
  const head = await usageHead(needs, partner)
  if (!head || !isShortChain(head, needs.shortChain)) return
  const matched = (await matchesOf(needs, partner, ids)).billed.get(event.id)
  // A line that matches by itself by now is billed as the match alone.
  const isItself = matched?.sequence === sequence && matched.line === line
  if (matched && !isItself) throw refuse(await placeOf(needs, partner, matched))
}

async function placeOf({ table }: ExceptionNeeds, partner: string, { sequence, line }: JudgedLine): Promise<string> {
  const manifest = await manifestOf({ table }, { partner, sequence })
  return `line ${line} of batch ${manifest?.id ?? sequence}`
}

/** The marks of an event that is billed, and of one that is taken back, by what is accepted of a single line. */
export const marksOf = ({ events = [], reverses }: AcceptedUse): { event: string; kind: MarkKind }[] => [
  ...events.slice(0, 1).map(event => ({ event, kind: 'BILLED' as const })),
  ...(reverses === undefined ? [] : [{ event: reverses, kind: 'TAKEN-BACK' as const }]),
]

/**
 * The lines with what each reversal among them takes back: exactly what its event was billed, as a match or as accepted.
 * @throws Refusal not-billable for a reversal of what is not billed, was taken back, or was billed at an amount
 */
export async function withTargets(
  needs: ExceptionNeeds,
  of: Of,
  lines: [Billable, ...Billable[]],
  { months, terms }: { months: Months; terms: Terms },
): Promise<[Billable, ...Billable[]]> {
  const { partner } = of
  const targets = new Set(lines.flatMap(({ event }) => event.reverses ?? []))
  if (targets.size === 0) return lines
  const decided = await decisionsOn(needs, months, partner, targets)
  const matches = await matchesOf(needs, partner, targets)
  const ids = Array.from(matches.billed.values(), ({ event }) => event?.entitlementId ?? '')
  const entitlements = await entitlementsById(needs, partner, ids)
  const known = { ...terms, entitlements }
  const taken = new Set<string>()
  const [first, ...others] = lines.map((one): Billable => {
    const { line, event } = one
    const { reverses } = event
    if (reverses === undefined) return one
    const refuse = (obstacle: BillingObstacle, why: string) => new NotBillable(obstacle, line, why)
    const [use, match] = [decided.billed.get(reverses), matches.billed.get(reverses)]
    if (use?.outcome === 'adjusted')
      throw refuse(
        'adjusted-target',
        `an amount was decided for the event that it names, by exception ${use.exception}; adjust this one`,
      )
    const takesBack = match ? matchedTarget(match, months.programme, known) : use?.matched
    if (takesBack?.type !== 'use') throw refuse('unbilled-target', 'it names no billed event; adjust instead')
    const by = decided.takenBack.get(reverses)?.exception ?? matches.takenBack.get(reverses)?.event?.id
    if (by !== undefined || taken.has(reverses))
      throw refuse(
        'taken-back-already',
        `the event that it names was taken back already${by ? `, by ${by}` : ''}; reject this one`,
      )
    taken.add(reverses)
    return { ...one, takesBack }
  })
  if (!first) throw new Error('an exception without a line')
  return [first, ...others]
}

/** What a match of this programme is billed as. */
function matchedTarget(match: JudgedLine, programme: string, terms: Terms): MatchedUse | undefined {
  if (match.programme !== programme || match.period === undefined) return undefined
  return matchedAs(billable(match, programme, terms), terms.days, match.period)
}
