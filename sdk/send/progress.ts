import { printable } from './summary.ts'

export interface Counted {
  readonly lines: number
  readonly batches: number
  readonly malformed: number
}

/** What the person at the terminal sees while it goes on. */
export interface Progress {
  /** @param counted of the file so far, earlier runs included */
  advance(counted: Counted): void
  /** Something worth a line of its own. */
  note(text: string): void
  end(): void
}

export interface ProgressNeeds {
  readonly out: NodeJS.WriteStream
  readonly isQuiet: boolean
  readonly bytesRead: () => number
  /** Size of the file as it is on disk; absent where nobody knows. */
  readonly totalBytes: number | undefined
  /** What earlier runs have delivered. */
  readonly before: Counted
  /** Milliseconds, only ever rising. */
  readonly now: () => number
}

const BAR_CELLS = 24
const REDRAW_MILLISECONDS = 150
const LINE_MILLISECONDS = 5_000
const LINE_PERCENT = 10

export const whole = (value: number): string => Math.round(value).toLocaleString('en')

/** A bar at a terminal; elsewhere a line every 5 s or 10 %, so that a log stays readable. */
export function createProgress(needs: ProgressNeeds): Progress {
  const { out, isQuiet, now } = needs
  if (isQuiet) return { advance: () => undefined, note: () => undefined, end: () => undefined }
  const startedAt = now()
  let [shownAt, shownPercent, isDrawn] = [startedAt, 0, false]

  function clear(): void {
    if (isDrawn) out.write('\r\u001b[K')
    isDrawn = false
  }

  function advance(counted: Counted): void {
    const percent = percentOf(needs)
    const since = now() - shownAt
    const isDue = out.isTTY
      ? since >= REDRAW_MILLISECONDS
      : since >= LINE_MILLISECONDS || (percent ?? 0) >= shownPercent + LINE_PERCENT
    if (!isDue) return
    shownAt = now()
    shownPercent = percent ?? 0
    const text = describe(needs, counted, percent, (now() - startedAt) / 1000)
    if (!out.isTTY) {
      out.write(`${text}\n`)
      return
    }
    const line = `${percent === undefined ? '' : bar(percent)}${text}`
    out.write(`\r\u001b[K${line.slice(0, Math.max(out.columns - 1, 20))}`)
    isDrawn = true
  }

  return {
    advance,
    note(text) {
      clear()
      out.write(`${printable(text)}\n`)
    },
    end: clear,
  }
}

function percentOf({ bytesRead, totalBytes }: ProgressNeeds): number | undefined {
  return totalBytes === undefined || totalBytes === 0 ? undefined : (bytesRead() / totalBytes) * 100
}

function bar(percent: number): string {
  const full = Math.min(BAR_CELLS, Math.floor((percent / 100) * BAR_CELLS))
  return `[${'#'.repeat(full)}${'.'.repeat(BAR_CELLS - full)}] `
}

function describe(needs: ProgressNeeds, counted: Counted, percent: number | undefined, seconds: number): string {
  const { lines, batches, malformed } = counted
  const rate = seconds > 0 ? (lines - needs.before.lines) / seconds : 0
  // What earlier runs have sent was only passed over, so the rate is that of the lines and not of the bytes.
  const left = percent === undefined || percent <= 0 || rate <= 0 ? undefined : (lines * (100 / percent - 1)) / rate
  return [
    ...(percent === undefined ? [] : [`${Math.floor(percent)} %`]),
    `${whole(lines)} lines`,
    `${whole(rate)} lines/s`,
    ...(left === undefined ? [] : [`${whole(left)} s left`]),
    `${whole(batches)} batches`,
    `${whole(malformed)} malformed`,
  ].join('  ')
}
