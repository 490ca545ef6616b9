import type { ExceptionReason, ExceptionState, UsageException } from '../../schemas/exception.ts'
import { ExceptionState as States } from '../../schemas/exception.ts'
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
  const pages = await Promise.all(
    States.options.map(state => listForStaff(desk, visit, { filter: { ...rest, state }, limit: mostCounted })),
  )
  const states = {} as Tally['states']
  for (const [place, state] of States.options.entries()) {
    const page = pages[place]
    const fitting = page?.items.filter(item => (reason ?? item.reason) === item.reason) ?? []
    states[state] = { count: fitting.length, more: page?.next !== undefined }
  }
  const seen = pages.filter((_, place) => (shown ?? States.options[place]) === States.options[place])
  if (seen.some(({ next }) => next !== undefined)) return { states, reasons: undefined }
  const byReason = Map.groupBy(
    seen.flatMap(({ items }) => items),
    item => item.reason,
  )
  const reasons = Array.from(byReason, ([of, items]) => ({ reason: of, count: items.length }))
  return { states, reasons: reasons.sort((a, b) => b.count - a.count || (a.reason < b.reason ? -1 : 1)) }
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
