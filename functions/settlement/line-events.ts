import * as z from 'zod'
import { adjustmentLine } from '../../schemas/contract.ts'
import { Slug } from '../../schemas/primitives.ts'
import type { Statement, StatementLine } from '../../schemas/settlement.ts'
import type { StatementEvent } from '../../schemas/statement-event.ts'
import { notACursor, Refusal } from '../kernel/refusal.ts'
import type { Table } from '../kernel/table.ts'
import { finalsBetween } from '../reconciliation/finals.ts'
import { manifestOf } from '../usage/read.ts'
import { adjustmentEvents, correctedEvents } from './line-corrections.ts'
import { type Close, type LineOfStatement, loadDecisions, type Unplaced, usesOf } from './line-uses.ts'

type Needs = { table: Table }

const mostBatches = 999_999_999_999

/** Models whose amount does not come of events: nothing stands behind their lines. */
const eventless: ReadonlySet<StatementLine['model']> = new Set([
  'per-entitled-member',
  'flat',
  'minimum-top-up',
  'maximum-cut',
])

/** The line of a statement. @throws Refusal line-not-found */
export function lineOf(statement: Statement, id: string): StatementLine {
  const line = statement.lines.find(one => one.id === id)
  if (!line) throw new Refusal('line-not-found', `statement ${statement.id} has no line ${id.slice(0, 200)}`)
  return line
}

/** Where a list stands: after a line of a partner's chain, or after so many of the corrections. */
type Place = { partner: string; sequence: number; line: number } | { corrections: number }
type Placed = { place: Place; event: StatementEvent }

/**
 * Every event that the line bills, in the order of (partner, sequence, line), and after them what people decided: what
 * was accepted, and, with its sign turned, what an earlier statement had billed and this one takes off. Quantities and
 * amounts add up to the line's. Memory does not depend on the number of events.
 */
export async function* eachLineEvent(needs: Needs, of: LineOfStatement): AsyncGenerator<StatementEvent> {
  for await (const { event } of placedEvents(needs, of)) yield event
}

export type FileNeeds = Needs & {
  /** Where it is https, a Lambda answers, with 6 MB at most: long lists are then to be had page by page alone. */
  issuer?: string
  /** How many events a file of such an answer holds at most. */
  mostEvents?: number
}

/** An event takes up to 400 bytes of CSV, and a workbook of them a third of that in base64. */
const mostEventsOfAnswer = 15_000

/**
 * The events of a file, one after another, or where an answer has a limit at once, so that it is refused before it
 * begins.
 * @throws Refusal download-too-large
 */
export async function eventsOfFile(
  needs: FileNeeds,
  of: LineOfStatement,
): Promise<Iterable<StatementEvent> | AsyncIterable<StatementEvent>> {
  const events = eachLineEvent(needs, of)
  const { issuer = '', mostEvents = mostEventsOfAnswer } = needs
  if (!issuer.startsWith('https:')) return events
  const all: StatementEvent[] = []
  for await (const event of events) {
    if (all.length === mostEvents) throw new Refusal('download-too-large', tooMany(of, mostEvents))
    all.push(event)
  }
  return all
}

const tooMany = ({ statement, line }: LineOfStatement, most: number): string =>
  `more than ${most} events stand behind it; page through GET /v1/statements/${statement.id}/lines/${line.id}/events`

/**
 * A page of the events behind a line.
 * @throws Refusal invalid-request for a cursor that no page of this line gave
 */
export async function lineEvents(
  needs: Needs,
  of: LineOfStatement,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): Promise<{ items: StatementEvent[]; next?: string }> {
  const items: StatementEvent[] = []
  let last: Place | undefined
  for await (const { place, event } of placedEvents(
    needs,
    of,
    cursor === undefined ? undefined : decodeCursor(cursor),
  )) {
    if (items.length === limit && last) return { items, next: encodeCursor(last) }
    items.push(event)
    last = place
  }
  return { items }
}

async function* placedEvents(needs: Needs, of: LineOfStatement, after?: Place): AsyncGenerator<Placed> {
  if (eventless.has(of.line.model)) return
  const decisions = await loadDecisions(needs, of.statement)
  const place = placedIn(needs, of)
  let skip = after && 'corrections' in after ? after.corrections : 0
  if (of.line.model === adjustmentLine) {
    yield* numbered(adjustmentEvents(decisions, of), place, skip)
    return
  }
  const { close } = decisions
  if (!after || 'partner' in after)
    for (const partner of decisions.partners) {
      if (after && partner < after.partner) continue
      const from = after?.partner === partner ? after : { sequence: 1, line: 0 }
      for await (const use of usesOf(finalsFrom(needs, close, partner, from), decisions, of))
        yield { place: { partner, sequence: use.sequence, line: use.line }, event: await place(use) }
      skip = 0
    }
  yield* numbered(correctedEvents(needs, decisions, of), place, skip)
}

async function* finalsFrom(needs: Needs, close: Close, partner: string, after: { sequence: number; line: number }) {
  const upTo = mostBatches
  for await (const outcome of finalsBetween(needs, { ...close, partner, from: after.sequence, upTo }))
    if (outcome.sequence > after.sequence || outcome.line > after.line) yield outcome
}

async function* numbered(
  uses: Iterable<Unplaced> | AsyncIterable<Unplaced>,
  place: (use: Unplaced) => Promise<StatementEvent>,
  skip: number,
): AsyncGenerator<Placed> {
  let number = 0
  for await (const use of uses) if (++number > skip) yield { place: { corrections: number }, event: await place(use) }
}

/** Names each use's batch. Lines of one batch come together, so that the last batch is all there is to remember. */
function placedIn(needs: Needs, { statement }: LineOfStatement): (use: Unplaced) => Promise<StatementEvent> {
  let known: { partner: string; sequence: number; id: string } | undefined
  return async ({ amountMinor, exception, ...use }) => {
    const { partner, sequence } = use
    if (known?.partner !== partner || known.sequence !== sequence) {
      const manifest = await manifestOf(needs, { partner, sequence })
      if (!manifest) throw new Error(`batch ${sequence} of ${partner} is billed, and is not stored`)
      known = { partner, sequence, id: manifest.id }
    }
    const amount = amountMinor !== undefined && { amountMinor, currency: statement.currency }
    return { ...use, batch: known.id, ...amount, ...(exception !== undefined && { exception }) }
  }
}

const PlaceText = z.union([z.tuple([Slug, z.int().min(1).max(mostBatches), z.int().min(1)]), z.tuple([z.int().min(1)])])

const encodeCursor = (place: Place): string => {
  const parts = 'corrections' in place ? [place.corrections] : [place.partner, place.sequence, place.line]
  return Buffer.from(JSON.stringify(parts)).toString('base64url')
}

function decodeCursor(cursor: string): Place {
  let parts: unknown
  try {
    parts = JSON.parse(Buffer.from(cursor, 'base64url').toString())
  } catch {
    throw notACursor()
  }
  const parsed = PlaceText.safeParse(parts)
  if (!parsed.success) throw notACursor()
  if (parsed.data.length === 1) return { corrections: parsed.data[0] }
  const [partner, sequence, line] = parsed.data
  return { partner, sequence, line }
}
