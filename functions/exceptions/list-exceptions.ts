import * as z from 'zod'
import type { Caller } from '../../schemas/client.ts'
import {
  ExceptionReason,
  type ExceptionRecord,
  ExceptionState,
  type Severity,
  type UsageException,
} from '../../schemas/exception.ts'
import type { Period } from '../../schemas/primitives.ts'
import { notACursor } from '../kernel/refusal.ts'
import { type Audience, findExceptions, type QueuePart, queueName, queuePage } from './store.ts'
import { type ExceptionNeeds, readerOf, viewOf } from './view.ts'

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
  let { index, after } = cursor === undefined ? { index: 0, after: undefined } : placeOf(cursor, parts)
  const items: UsageException[] = []
  for (let reads = 0; index < parts.length && items.length < limit && reads < mostReads; reads++) {
    const part = parts[index]
    if (!part) break
    const page = await queuePage(needs.table, part, { limit: limit - items.length, cursor: after })
    const found = new Map((await findExceptions(needs.table, page.ids)).map(record => [record.id as string, record]))
    for (const id of page.ids) {
      const record = found.get(id)
      if (!record || !isOfPart(record, part, readerOf(caller).partner)) continue
      const view = viewOf(record, needs.now())
      if (fits(view, filter)) items.push(view)
    }
    after = page.next
    if (after === undefined) index++
  }
  const next = parts[index]
  return { items, ...(next && { next: cursorOf(next, after) }) }
}

/** The index may lag behind; and what a partner sees as its own, it sees once. */
function isOfPart({ state, reason, partner }: ExceptionRecord, part: QueuePart, own: string | undefined): boolean {
  const isTwice = 'programme' in part.audience && partner === own
  return state === part.state && (part.reason ?? reason) === reason && !isTwice
}

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

const CursorParts = z.tuple([z.string(), z.string().optional()])

const cursorOf = (part: QueuePart, after: string | undefined): string =>
  Buffer.from(JSON.stringify(after === undefined ? [queueName(part)] : [queueName(part), after])).toString('base64url')

/** Where a page ended: the part is named, since programmes may have come since. */
function placeOf(cursor: string, parts: QueuePart[]): { index: number; after: string | undefined } {
  const parsed = CursorParts.safeParse(jsonOf(Buffer.from(cursor, 'base64url').toString()))
  const [name, after] = parsed.data ?? []
  const index = parts.findIndex(part => queueName(part) === name)
  if (index < 0) throw notACursor()
  return { index, after }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw notACursor()
  }
}
