import * as z from 'zod'
import type { Caller } from '../../schemas/client.ts'
import {
  ExceptionReason,
  type ExceptionRecord,
  ExceptionState,
  type Severity,
  type UsageException,
} from '../../schemas/exception.ts'
import { Instant, type Period } from '../../schemas/primitives.ts'
import { isBefore } from '../kernel/clock.ts'
import { notACursor } from '../kernel/refusal.ts'
import { type Audience, findExceptions, type QueuePart, queueName, queuePage } from './store.ts'
import { type ExceptionNeeds, readerOf, viewOf, withoutPeople } from './view.ts'

export type ExceptionFilter = {
  state?: ExceptionState | undefined
  reason?: ExceptionReason | undefined
  programme?: string | undefined
  period?: Period | undefined
  partner?: string | undefined
  severity?: Severity | undefined
}
type Listing = ExceptionFilter & { caller: Caller; limit: number; cursor?: string | undefined }
type Page = { items: UsageException[]; next?: string }

/** Reads of the index that one answer makes at most: a page may come short, or empty, and still name a next one. */
const mostReads = 40

/**
 * Exceptions that the caller may see, in the order of (whose, state, reason, period, opening). State, reason and period
 * are read from the index; the other filters leave out what was read.
 * @throws Refusal invalid-request for a cursor that no page gave
 */
export async function listExceptions(
  needs: ExceptionNeeds,
  { caller, limit, cursor, ...filter }: Listing,
): Promise<Page> {
  const parts = await partsOf(needs, caller, filter)
  const now = needs.now()
  const start: Place = { index: 0, after: undefined, began: now, entered: now }
  let { index, after, began, entered } = cursor === undefined ? start : placeOf(cursor, parts)
  const items: UsageException[] = []
  for (let reads = 0; index < parts.length && items.length < limit && reads < mostReads; reads++) {
    const part = parts[index]
    if (!part) break
    const page = await queuePage(needs.table, part, { limit: limit - items.length, cursor: after })
    const found = new Map((await findExceptions(needs.table, page.ids)).map(record => [record.id as string, record]))
    for (const id of page.ids) {
      const record = found.get(id)
      if (!record || !isOfPart(record, part, readerOf(caller).partner)) continue
      if (wasShown(record, part, { began, entered })) continue
      const view = viewOf(record, now)
      if (fits(view, filter)) items.push(isDecidedBy(parts, view) ? view : withoutPeople(view))
    }
    after = page.next
    if (after !== undefined) continue
    index++
    if (parts[index]?.state !== part.state) entered = needs.now()
  }
  const next = parts[index]
  return { items, ...(next && { next: cursorOf(next, { after, began, entered }) }) }
}

/** The index may lag behind; and what a partner sees as its own, it sees once. */
function isOfPart({ state, reason, partner }: ExceptionRecord, part: QueuePart, own: string | undefined): boolean {
  const isTwice = 'programme' in part.audience && partner === own
  return state === part.state && (part.reason ?? reason) === reason && !isTwice
}

/**
 * Whether a page of this listing showed it in an earlier state: it was there when the listing began, and still when the
 * last of that state was read. What moved on in between may not have been shown, and rather comes twice than never.
 */
function wasShown(record: ExceptionRecord, { state }: QueuePart, { began, entered }: Pick<Place, 'began' | 'entered'>) {
  const earlier = ExceptionState.options.slice(0, ExceptionState.options.indexOf(state))
  if (earlier.length === 0 || isBefore(began, record.openedAt)) return false
  return [began, entered].every(instant => earlier.includes(stateAt(record, instant)))
}

/** The state that the trail tells; what happened at that very instant has happened. */
function stateAt({ audit }: ExceptionRecord, instant: Instant): ExceptionState {
  let state: ExceptionState = 'open'
  for (const { at, action } of audit) {
    if (isBefore(instant, at)) break
    if (action === 'assigned') state = 'assigned'
    else if (action === 'resolved' || action === 'cleared') state = 'resolved'
    else if (action === 'reopened') state = 'open'
  }
  return state
}

/** Whether the caller's brand decides about it: the listing then reads the programme's queue too. */
const isDecidedBy = (parts: QueuePart[], { programme }: UsageException): boolean =>
  programme !== undefined && parts.some(({ audience }) => 'programme' in audience && audience.programme === programme)

const fits = (view: UsageException, { programme, period, partner, severity }: ExceptionFilter): boolean =>
  (programme ?? view.programme) === view.programme &&
  (period ?? view.period) === view.period &&
  (partner ?? view.partner) === view.partner &&
  (severity ?? view.severity) === view.severity

async function partsOf(needs: ExceptionNeeds, caller: Caller, filter: ExceptionFilter): Promise<QueuePart[]> {
  const { state, reason, period } = filter
  const states = state ? [state] : ExceptionState.options
  // The index sorts by reason and then by period: without a reason each is asked for its part of the period.
  const reasons = reason ? [reason] : period ? ExceptionReason.options : [undefined]
  const audiences = await audiencesOf(needs, caller, filter)
  return audiences.flatMap(audience =>
    states.flatMap(wanted => reasons.map(one => ({ audience, state: wanted, reason: one, period }))),
  )
}

async function audiencesOf(
  { allProgrammes }: ExceptionNeeds,
  caller: Caller,
  { programme, partner: wanted }: ExceptionFilter,
): Promise<Audience[]> {
  const { partner, brand } = readerOf(caller)
  const programmes = brand === undefined ? [] : (await allProgrammes()).filter(frame => frame.brand === brand)
  const ids = programmes.map(({ id }) => id).filter(id => (programme ?? id) === id)
  const own = partner !== undefined && (wanted ?? partner) === partner ? [{ partner }] : []
  return [...own, ...ids.sort().map(id => ({ programme: id }))]
}

/** Where a page ended, when its listing began, and when that came to the state it is in. */
type Place = { index: number; after: string | undefined; began: Instant; entered: Instant }
const CursorParts = z.tuple([z.string(), Instant, Instant, z.string().optional()])

function cursorOf(part: QueuePart, { after, began, entered }: Omit<Place, 'index'>): string {
  const parts = [queueName(part), began, entered, ...(after === undefined ? [] : [after])]
  return Buffer.from(JSON.stringify(parts)).toString('base64url')
}

/** Where a page ended: the part is named, since programmes may have come since. */
function placeOf(cursor: string, parts: QueuePart[]): Place {
  const parsed = CursorParts.safeParse(jsonOf(Buffer.from(cursor, 'base64url').toString()))
  if (!parsed.success) throw notACursor()
  const [name, began, entered, after] = parsed.data
  const index = parts.findIndex(part => queueName(part) === name)
  if (index < 0) throw notACursor()
  return { index, after, began, entered }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw notACursor()
  }
}
