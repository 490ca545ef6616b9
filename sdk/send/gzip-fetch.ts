import type { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { type InputType, gzip as zip } from 'node:zlib'
import type { Fetch } from '../bounded-fetch.ts'

const gzip: (bytes: InputType) => Promise<Buffer<ArrayBuffer>> = promisify(zip)

/**
 * Compresses what is posted to `url` (RFC 9110 section 8.4.1.3). Content-Digest is that of the bytes as they are sent
 * (RFC 9530 section 2); the receipt names the digest of the batch itself, so the coding may change between attempts.
 */
export function gzipFetch(fetch: Fetch, url: string): Fetch {
  return async (to, init) => {
    if (to !== url || !(init.body instanceof Uint8Array)) return fetch(to, init)
    const body = await gzip(init.body)
    const headers = new Headers(init.headers)
    headers.set('content-encoding', 'gzip')
    headers.set('content-digest', `sha-256=:${createHash('sha256').update(body).digest('base64')}:`)
    return fetch(to, { ...init, headers, body })
  }
}
