import { Buffer } from 'node:buffer'

/** The part of `fetch` that the kit uses. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>

export type FetchFault = 'timeout' | 'too-large' | 'redirected' | 'unavailable'

export class FetchFailed extends Error {
  override readonly name = 'FetchFailed'
  readonly fault: FetchFault

  constructor(fault: FetchFault, options?: ErrorOptions) {
    super(`fetch: ${fault}`, options)
    this.fault = fault
  }
}

export interface FetchBounds {
  readonly accept: string
  /** Covers the whole exchange: a server that drips one byte a second runs out of it too. */
  readonly timeoutMilliseconds: number
  /** Counted after content decoding, so a compressed bomb is stopped as well. */
  readonly maxBytes: number
  /** The entity tag of what is held already. */
  readonly ifNoneMatch?: string | undefined
}

export interface Fetched {
  /** Absent when the answer is 304: what is held still stands. */
  readonly body?: Buffer
  readonly headers: Headers
}

/**
 * GET with a deadline, a size cap and no redirects; only status 200 is an answer, and 304 when asked for.
 * @throws FetchFailed
 */
export async function fetchBounded(fetch: Fetch, url: string, bounds: FetchBounds): Promise<Fetched> {
  const abort = new AbortController()
  const deadline = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    const late = new FetchFailed('timeout')
    deadline.reject(late)
    abort.abort(late)
  }, bounds.timeoutMilliseconds)
  const ask = () => get(fetch, url, bounds, abort)
  const exchange = ask().catch((error: unknown) => (isConnectionClosed(error) ? ask() : Promise.reject(error)))
  try {
    // Raced, because an injected fetch may not heed the signal.
    return await Promise.race([exchange, deadline.promise])
  } catch (error) {
    if (error instanceof FetchFailed) throw error
    throw new FetchFailed('unavailable', { cause: error })
  } finally {
    clearTimeout(timer)
  }
}

/** The server may close a connection that was kept alive just as it is used again. A GET may then be asked once more. */
function isConnectionClosed(error: unknown): boolean {
  const cause = error instanceof TypeError ? error.cause : undefined
  return cause instanceof Error && 'code' in cause && (cause.code === 'ECONNRESET' || cause.code === 'UND_ERR_SOCKET')
}

async function get(fetch: Fetch, url: string, bounds: FetchBounds, abort: AbortController): Promise<Fetched> {
  const { accept, ifNoneMatch } = bounds
  const response = await fetch(url, {
    headers: ifNoneMatch === undefined ? { accept } : { accept, 'if-none-match': ifNoneMatch },
    redirect: 'manual',
    credentials: 'omit',
    signal: abort.signal,
  })
  const unchanged = ifNoneMatch !== undefined && response.status === 304 && !response.redirected
  const fault = unchanged ? undefined : faultOf(response, bounds.maxBytes)
  if (unchanged || fault !== undefined) {
    // Frees the connection; the body is of no interest and its failure is none of ours.
    await response.body?.cancel().catch(() => undefined)
    if (fault !== undefined) throw new FetchFailed(fault)
    return { headers: response.headers }
  }
  return { body: await readCapped(response, bounds.maxBytes), headers: response.headers }
}

function faultOf(response: Response, maxBytes: number): FetchFault | undefined {
  const { status } = response
  if (response.redirected || response.type === 'opaqueredirect' || (status >= 300 && status < 400)) return 'redirected'
  if (status !== 200) return 'unavailable'
  return Number(response.headers.get('content-length') ?? 0) > maxBytes ? 'too-large' : undefined
}

async function readCapped(response: Response, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  // Leaving the loop by a throw cancels the stream.
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength
    if (size > maxBytes) throw new FetchFailed('too-large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, size)
}
