import { type Buffer, isUtf8 } from 'node:buffer'
import { type ExchangeBounds, exchange, type Fetch } from './bounded-fetch.ts'

export interface Answer {
  readonly status: number
  /** The body's JSON; `undefined` where it is none. */
  readonly body: unknown
  /** How long the server asks to be left alone; absent where it does not say. */
  readonly retryAfterMilliseconds?: number
}

/** No whole answer came: nothing is known of what the server did. */
export class ExchangeFailed extends Error {
  override readonly name = 'ExchangeFailed'
}

/**
 * POST with a deadline and a size cap for the answer. Redirects are answers, not followed: credentials go to the
 * configured issuer and nowhere else.
 * @throws ExchangeFailed
 */
export async function post(fetch: Fetch, url: string, init: RequestInit, bounds: ExchangeBounds): Promise<Answer> {
  const { status, headers, body } = await exchange(fetch, url, { ...init, method: 'POST' }, bounds).catch(cause => {
    throw new ExchangeFailed(`no answer from ${new URL(url).origin}`, { cause })
  })
  const retryAfterMilliseconds = retryAfterOf(headers)
  return {
    status,
    body: body && jsonOf(body),
    ...(retryAfterMilliseconds !== undefined && { retryAfterMilliseconds }),
  }
}

function jsonOf(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) return undefined
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    return undefined
  }
}

/** RFC 9110 section 10.2.3: seconds, or a date, which is measured from the answer's own `Date`. */
function retryAfterOf(headers: Headers): number | undefined {
  const stated = headers.get('retry-after') ?? ''
  if (/^\d{1,9}$/.test(stated)) return Number(stated) * 1000
  const pause = Date.parse(stated) - Date.parse(headers.get('date') ?? '')
  return Number.isNaN(pause) ? undefined : Math.max(0, pause)
}
