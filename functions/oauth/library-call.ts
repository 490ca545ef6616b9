import type { IncomingMessage, ServerResponse } from 'node:http'
import { toFetchResponse, toReqRes } from 'fetch-to-node'

export type Handle = (request: IncomingMessage, response: ServerResponse) => Promise<void>
type Asked = { method: 'GET' | 'POST' /** With its query. */; path: string; headers: Headers; body?: string }

/** What of a request the library gets to see. A browser's cookies are for its own GET requests only. */
const forwardedHeaders = {
  GET: ['cookie'],
  POST: ['authorization', 'content-type', 'dpop'],
} as const

/**
 * A fetch request as the library takes it. The address is the issuer's whatever the Host header says: the library
 * derives accepted audiences and the addresses of its answers from it.
 */
export function nodeRequest(issuer: string, { method, path, headers, body }: Asked) {
  const { host, protocol } = new URL(issuer)
  const forwarded = new Headers({
    host,
    accept: 'application/json',
    ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }),
  })
  for (const name of forwardedHeaders[method]) {
    const value = headers.get(name)
    if (value !== null) forwarded.set(name, value)
  }
  const request = new Request(issuer + path, { method, headers: forwarded, ...(body !== undefined && { body }) })
  const { req, res } = toReqRes(request)
  // Koa asks the socket for the scheme, and a fetch request has none.
  Object.defineProperty(req, 'socket', { value: { encrypted: protocol === 'https:' } })
  return { req, res }
}

/** Runs the library on a fetch request, so that Lambda, tests and `npm start` share one way. */
export async function callLibrary(handle: Handle, issuer: string, asked: Asked) {
  const { req, res } = nodeRequest(issuer, asked)
  await handle(req, res)
  return { request: req, response: await toFetchResponse(res) }
}

/** What the library is about to answer to a client: an object, but for the empty answer of a revocation. */
export const answerOf = ({ body }: { body: unknown }): Record<string, unknown> =>
  typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {}
