import { ExceptionReason, ExceptionState, Severity } from '../../schemas/exception.ts'
import { Period, Slug } from '../../schemas/primitives.ts'
import type { ExceptionFilter } from '../exceptions/list-exceptions.ts'

export const filterNames = ['state', 'programme', 'period', 'partner', 'reason', 'severity'] as const
export type FilterName = (typeof filterNames)[number]

/** What the form of the queue asks: as it was typed, as it is understood, and what of it is not. */
export type AskedFilter = {
  /** For the form and for links; an empty state is any, and none given is `open`. */
  typed: Record<FilterName, string>
  filter: ExceptionFilter
  faults: FilterName[]
}

const schemas = {
  state: ExceptionState,
  programme: Slug,
  period: Period,
  partner: Slug,
  reason: ExceptionReason,
  severity: Severity,
}
/** Longer than any value that a filter takes. */
const longest = 100

export function askedFilter(query: URLSearchParams): AskedFilter {
  const typed = Object.fromEntries(
    filterNames.map(name => [name, (query.get(name) ?? (name === 'state' ? 'open' : '')).trim().slice(0, longest)]),
  ) as AskedFilter['typed']
  const filter: Record<string, string> = {}
  const faults: FilterName[] = []
  for (const name of filterNames) {
    if (typed[name] === '') continue
    const parsed = schemas[name].safeParse(typed[name])
    if (parsed.success) filter[name] = parsed.data
    else faults.push(name)
  }
  return { typed, filter: filter as ExceptionFilter, faults }
}

/** The query of an address that shows the same, with changes: an empty state is told apart from none. */
export function filterQuery(
  { typed }: Pick<AskedFilter, 'typed'>,
  change: Partial<Record<FilterName | 'cursor', string>> = {},
): string {
  const query = new URLSearchParams()
  for (const name of filterNames) {
    const value = change[name] ?? typed[name]
    if (name === 'state' ? value !== 'open' : value !== '') query.set(name, value)
  }
  if (change.cursor) query.set('cursor', change.cursor)
  return query.size > 0 ? `?${query}` : ''
}
