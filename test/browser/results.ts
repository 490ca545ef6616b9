import { appendFileSync } from 'node:fs'
import { join } from 'node:path'

/** What a run leaves behind for people to look at; git ignores it. */
export const resultsFolder = join(import.meta.dirname, '../../test-results/browser')
export const weightsFile = join(resultsFolder, 'weights.ndjson')

export type Weight = { page: string; htmlBytes: number; cssBytes: number }

/** Bytes after gzip. Test files run side by side: each appends, and the end of the run makes one report of it. */
export const noteWeight = (weight: Weight): void => appendFileSync(weightsFile, `${JSON.stringify(weight)}\n`)

/** The heaviest seen of each page, by name. */
export function weightsReport(lines: string): Weight[] {
  const seen = lines
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as Weight)
  const heaviest = Map.groupBy(seen, ({ page }) => page)
  return [...heaviest.values()]
    .map(all => all.reduce((a, b) => (a.htmlBytes >= b.htmlBytes ? a : b)))
    .sort((a, b) => (a.page < b.page ? -1 : 1))
}
