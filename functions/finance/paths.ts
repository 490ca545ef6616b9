/** Addresses of the pages for staff; ids come from paths and documents, so each is encoded. */
const encoded = encodeURIComponent

type Month = { programme: string; period: string }

/** `below` as in `preview`, `netting`, `tables/amounts.csv`. */
export const monthPath = ({ programme, period }: Month, below = ''): string =>
  `/finance/periods/${encoded(programme)}/${encoded(period)}${below && `/${below}`}`

/** With a suffix of a form, or of what is below: `.csv`, `/lines/...`. */
export const statementPath = (id: string, below = ''): string => `/finance/statements/${encoded(id)}${below}`

export const statementLinePath = (id: string, line: string): string => statementPath(id, `/lines/${encoded(line)}`)

/** The queue, filtered: `{ programme, period, reason, ... }`. */
export function exceptionsPath(filter: Record<string, string | undefined> = {}): string {
  const kept = Object.entries(filter).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return kept.length > 0 ? `/finance/exceptions?${new URLSearchParams(kept)}` : '/finance/exceptions'
}
