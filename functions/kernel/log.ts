/** One JSON object a line. Callers pass ids and counts, never tokens, subjects, accounts or bodies. */
export type Log = (level: 'info' | 'warn' | 'error', event: string, fields?: Record<string, unknown>) => void

export const jsonLog =
  (write: (line: string) => void): Log =>
  (level, event, fields = {}) =>
    write(JSON.stringify({ time: new Date().toISOString(), level, event, ...fields }))

/** An error as log fields: its name and where it was thrown. A message may quote an item, and may have several lines. */
export const errorFields = (error: unknown): Record<string, unknown> =>
  error instanceof Error
    ? {
        error: error.name,
        stack: error.stack
          ?.split('\n')
          .filter(line => /^ {4}at /.test(line))
          .slice(0, 5),
      }
    : { error: typeof error }

export const silentLog: Log = () => undefined
