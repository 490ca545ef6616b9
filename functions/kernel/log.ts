/** One JSON object a line. Callers pass ids and counts, never tokens, subjects, accounts or bodies. */
export type Log = (level: 'info' | 'warn' | 'error', event: string, fields?: Record<string, unknown>) => void

export const jsonLog =
  (write: (line: string) => void): Log =>
  (level, event, fields = {}) =>
    write(JSON.stringify({ time: new Date().toISOString(), level, event, ...fields }))

/** An error as log fields. The message of an AWS or database error may quote an item, so only our own are kept whole. */
export const errorFields = (error: unknown): Record<string, unknown> =>
  error instanceof Error ? { error: error.name, stack: error.stack?.split('\n').slice(1, 6) } : { error: typeof error }

export const silentLog: Log = () => undefined
