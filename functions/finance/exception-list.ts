import type { ExceptionReason, ExceptionState, UsageException } from '../../schemas/exception.ts'
import { ExceptionState as States } from '../../schemas/exception.ts'
import { countExceptions } from '../exceptions/count-exceptions.ts'
import { type ExceptionFilter, listExceptions } from '../exceptions/list-exceptions.ts'
import type { Frame } from '../exceptions/view.ts'
import { notACursor } from '../kernel/refusal.ts'
import { callerFor, type Desk, type StaffVisit } from './desk.ts'

type Listing = { filter: ExceptionFilter; limit: number; cursor?: string | undefined }
type Page = { items: UsageException[]; next?: string }

/** Calls for one page at most: with a rare filter a page may come short, or empty, and still name a next one. */
const mostCalls = 8

/** Staff see the programmes of every brand here: one brand's queue after another, each in the order of the API. */
export async function listForStaff(desk: Desk, visit: StaffVisit, { filter, limit, cursor }: Listing): Promise<Page> {
  const brands = await brandsOf(desk, filter)
  let [index, after] = cursor === undefined ? [0, undefined as string | undefined] : placeOf(cursor, brands)
  const items: UsageException[] = []
  for (let calls = 0; index < brands.length && items.length < limit && calls < mostCalls; calls++) {
    const caller = callerFor(visit, brands[index] ?? '')
    const room = Math.min(limit - items.length, 100)
    const page = await listExceptions(desk.exceptions, { ...filter, caller, limit: room, cursor: after })
    items.push(...page.items)
    after = page.next
    if (after === undefined) index++
  }
  const brand = brands[index]
  return { items, ...(brand !== undefined && { next: cursorOf(brand, after) }) }
}

/** All of them, page by page. */
export async function* everyException(
  desk: Desk,
  visit: StaffVisit,
  filter: ExceptionFilter,
): AsyncGenerator<UsageException> {
  let cursor: string | undefined
  do {
    const page = await listForStaff(desk, visit, { filter, limit: 100, cursor })
    yield* page.items
    cursor = page.next
  } while (cursor !== undefined)
}

/** How many there are; `more` where nobody counted to the end. */
export type Count = { count: number; more: boolean }
export type Tally = {
  states: Record<ExceptionState, Count>
  /** Of the states that the filter shows; absent where these are too many to count for a page. */
  reasons: { reason: ExceptionReason; count: number }[] | undefined
}

/** A page shows figures up to so many. */
const mostCounted = 100

/** Counts by state whatever the filter says of the state, and by reason whatever it says of the reason. */
export async function tallyOf(desk: Desk, visit: StaffVisit, filter: ExceptionFilter): Promise<Tally> {
  const { state: shown, reason, ...rest } = filter
  const counts = await countsOf(desk, visit, rest)
  const states = {} as Tally['states']
  for (const state of States.options) {
    const ofState = counts.filter(one => one.state === state)
    // With more than were read, those of one reason are counted by themselves.
    const isCut = reason !== undefined && ofState.some(({ more }) => more)
    const fitting = isCut ? await readCounts(desk, visit, { ...rest, state, reason }) : ofState
    states[state] = sumOf(fitting.filter(one => (reason ?? one.reason) === one.reason || one.reason === undefined))
  }
  const seen = counts.filter(({ state }) => (shown ?? state) === state)
  if (seen.some(({ more }) => more)) return { states, reasons: undefined }
  const byReason = Map.groupBy(seen, one => one.reason)
  const reasons = Array.from(byReason).flatMap(([of, all]) =>
    of === undefined ? [] : [{ reason: of, count: sumOf(all).count }],
  )
  return { states, reasons: reasons.sort((a, b) => b.count - a.count || (a.reason < b.reason ? -1 : 1)) }
}

/** `reason` is undefined where only the end of the counting is told. */
type Counted = Count & { state: ExceptionState; reason: ExceptionReason | undefined }

const sumOf = (all: readonly Counted[]): Count => ({
  count: all.reduce((sum, { count }) => sum + count, 0),
  more: all.some(({ more }) => more),
})

/** By state and reason: of a programme's month from its index, else of what can be read for a page. */
async function countsOf(desk: Desk, visit: StaffVisit, filter: Omit<ExceptionFilter, 'state' | 'reason'>) {
  const { programme, period, partner, severity } = filter
  if (programme === undefined || period === undefined || partner !== undefined || severity !== undefined)
    return (await Promise.all(States.options.map(state => readCounts(desk, visit, { ...filter, state })))).flat()
  const counts = await countExceptions(desk, { programme, period })
  return counts.map(({ isWhole, ...counted }): Counted => ({ ...counted, more: !isWhole }))
}

async function readCounts(
  desk: Desk,
  visit: StaffVisit,
  filter: ExceptionFilter & { state: ExceptionState },
): Promise<Counted[]> {
  const { state } = filter
  const { items, next } = await listForStaff(desk, visit, { filter, limit: mostCounted })
  const counted = Array.from(
    Map.groupBy(items, ({ reason }) => reason),
    ([reason, own]): Counted => ({ state, reason, count: own.length, more: false }),
  )
  return next === undefined ? counted : [...counted, { state, reason: undefined, count: 0, more: true }]
}

async function brandsOf({ exceptions }: Desk, { programme }: ExceptionFilter): Promise<string[]> {
  const frames: Frame[] = await exceptions.allProgrammes()
  const wanted = frames.filter(({ id }) => (programme ?? id) === id)
  return [...new Set(wanted.map(({ brand }) => brand))].sort()
}

/** The brand, and where its queue goes on: at its beginning where nothing follows. */
const cursorOf = (brand: string, after: string | undefined): string =>
  after === undefined ? brand : `${brand}.${after}`

function placeOf(cursor: string, brands: string[]): [number, string | undefined] {
  const [brand = '', after, ...rest] = cursor.split('.')
  const index = brands.indexOf(brand)
  if (index < 0 || rest.length > 0 || after === '' || cursor.length > 2_100) throw notACursor()
  return [index, after]
}
