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

export interface ExchangeBounds {
  /** Covers the whole exchange: a server that drips one byte a second runs out of it too. */
  readonly timeoutMilliseconds: number
  /** Counted after content decoding, so a compressed bomb is stopped as well. */
  readonly maxBytes: number
  /** Ends the exchange early. */
  readonly signal?: AbortSignal
}

export interface FetchBounds extends ExchangeBounds {
  readonly accept: string
  /** The entity tag of what is held already. */
  readonly ifNoneMatch?: string | undefined
}

export interface Fetched {
  /** Absent when the answer is 304: what is held still stands. */
  readonly body?: Buffer
  readonly headers: Headers
}

export interface Exchanged extends Fetched {
  readonly status: number
}

/**
 * One request and its answer, with a deadline, a size cap and no redirects followed.
 * @param isBodyWanted asked before the body is read; what it throws ends the exchange
 * @throws FetchFailed
 */
export async function exchange(
  fetch: Fetch,
  url: string,
  init: RequestInit,
  bounds: ExchangeBounds,
  isBodyWanted: (response: Response) => boolean = () => true,
): Promise<Exchanged> {
  const abort = new AbortController()
  const ended = Promise.withResolvers<never>()
  const end = (reason: unknown) => {
    ended.reject(reason)
    abort.abort(reason)
  }
  const onSignal = () => end(bounds.signal?.reason)
  const timer = setTimeout(() => end(new FetchFailed('timeout')), bounds.timeoutMilliseconds)
  bounds.signal?.addEventListener('abort', onSignal, { once: true })
  if (bounds.signal?.aborted) onSignal()
  const ask = async () => {
    const response = await fetch(url, { ...init, redirect: 'manual', signal: abort.signal })
    return readAnswer(response, bounds.maxBytes, isBodyWanted)
  }
  const isRepeatable = (error: unknown) => (init.method ?? 'GET') === 'GET' && isConnectionClosed(error)
  const answer = ask().catch((error: unknown) => (isRepeatable(error) ? ask() : Promise.reject(error)))
  try {
    // Raced, because an injected fetch may not heed the signal.
    return await Promise.race([answer, ended.promise])
  } catch (error) {
    if (error instanceof FetchFailed) throw error
    throw new FetchFailed('unavailable', { cause: error })
  } finally {
    clearTimeout(timer)
    bounds.signal?.removeEventListener('abort', onSignal)
  }
}

/**
 * GET as `exchange` bounds it; only status 200 is an answer, and 304 when asked for.
 * @throws FetchFailed
 */
export async function fetchBounded(fetch: Fetch, url: string, bounds: FetchBounds): Promise<Fetched> {
  const { accept, ifNoneMatch } = bounds
  const headers = ifNoneMatch === undefined ? { accept } : { accept, 'if-none-match': ifNoneMatch }
  return exchange(fetch, url, { headers, credentials: 'omit' }, bounds, response => {
    if (ifNoneMatch !== undefined && response.status === 304 && !response.redirected) return false
    const fault = faultOf(response)
    if (fault !== undefined) throw new FetchFailed(fault)
    return true
  })
}

/** The server may close a connection that was kept alive just as it is used again. A GET may then be asked once more. */
function isConnectionClosed(error: unknown): boolean {
  const cause = error instanceof TypeError ? error.cause : undefined
  return cause instanceof Error && 'code' in cause && (cause.code === 'ECONNRESET' || cause.code === 'UND_ERR_SOCKET')
}

function faultOf(response: Response): FetchFault | undefined {
  const { status } = response
  if (response.redirected || response.type === 'opaqueredirect' || (status >= 300 && status < 400)) return 'redirected'
  return status === 200 ? undefined : 'unavailable'
}

async function readAnswer(
  response: Response,
  maxBytes: number,
  isBodyWanted: (response: Response) => boolean,
): Promise<Exchanged> {
  const { status, headers } = response
  let isRead = false
  try {
    isRead = isBodyWanted(response)
    if (isRead && Number(headers.get('content-length') ?? 0) > maxBytes) throw new FetchFailed('too-large')
  } catch (error) {
    await discard(response)
    throw error
  }
  if (isRead) return { status, headers, body: await readCapped(response, maxBytes) }
  await discard(response)
  return { status, headers }
}

/** Frees the connection; the body is of no interest and its failure is none of ours. */
async function discard(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => undefined)
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
