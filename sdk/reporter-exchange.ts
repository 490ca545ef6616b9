import { Buffer, isUtf8 } from 'node:buffer'
import type { Fetch } from './bounded-fetch.ts'

export interface Answer {
  readonly status: number
  /** The body's JSON; `undefined` where it is none. */
  readonly body: unknown
  /** How long the server asks to be left alone; absent where it does not say. */
  readonly retryAfterMilliseconds?: number
}

export interface ExchangeBounds {
  readonly timeoutMilliseconds: number
  readonly maxBytes: number
  /** Ends the exchange early. */
  readonly signal: AbortSignal
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
  const signal = AbortSignal.any([bounds.signal, AbortSignal.timeout(bounds.timeoutMilliseconds)])
  const ended = Promise.withResolvers<never>()
  const end = () => ended.reject(signal.reason)
  if (signal.aborted) end()
  else signal.addEventListener('abort', end, { once: true })
  try {
    const exchange = exchangeOnce(fetch, url, { ...init, method: 'POST', redirect: 'manual', signal }, bounds.maxBytes)
    // Raced, because an injected fetch may not heed the signal.
    return await Promise.race([exchange, ended.promise])
  } catch (cause) {
    throw new ExchangeFailed(`no answer from ${new URL(url).origin}`, { cause })
  } finally {
    signal.removeEventListener('abort', end)
  }
}

async function exchangeOnce(fetch: Fetch, url: string, init: RequestInit, maxBytes: number): Promise<Answer> {
  const response = await fetch(url, init)
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength
    if (size > maxBytes) throw new Error(`the answer is longer than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  const retryAfterMilliseconds = retryAfterOf(response.headers)
  return {
    status: response.status,
    body: jsonOf(Buffer.concat(chunks, size)),
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
