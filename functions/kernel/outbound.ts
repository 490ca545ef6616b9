import { lookup as resolve } from 'node:dns/promises'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { LookupFunction } from 'node:net'
import ipaddr from 'ipaddr.js'
import { Refusal } from './refusal.ts'

export type Address = { address: string; family: number }
export type Lookup = (hostname: string) => Promise<Address[]>

export type OutboundRules = {
  /** Only under `npm start`: plain http to this machine itself. */
  allowLoopback: boolean
  /** For the whole exchange: name resolution, connection, headers and body. */
  timeoutMs?: number
  /** The largest body that is read. */
  maxBytes?: number
  lookup?: Lookup
}

const resolveAll: Lookup = hostname => resolve(hostname, { all: true })

/**
 * `fetch` for addresses that partners supply, which may try to reach what only this machine can (SSRF). It calls
 * public hosts by https, follows no redirect and reads at most `maxBytes`. The addresses that were checked are the
 * ones connected to, so a name that changes its mind between check and connection gains nothing (DNS rebinding).
 * @throws Refusal `partner-unavailable`, whatever went wrong
 */
export function guardedFetch(rules: OutboundRules): typeof fetch {
  const { allowLoopback, timeoutMs = 5_000, maxBytes = 1024 * 1024, lookup = resolveAll } = rules
  return async (input, init) => {
    const timeout = AbortSignal.timeout(timeoutMs)
    const asked = init?.signal ?? (input instanceof Request ? input.signal : undefined)
    const signal = asked ? AbortSignal.any([timeout, asked]) : timeout
    try {
      return await Promise.race([exchange(new Request(input, init)), whenAborted(signal)])
    } catch (error) {
      if (error instanceof Refusal) throw error
      throw unavailable(timeout.aborted ? 'it did not answer in time' : 'the connection failed')
    }

    async function exchange(request: Request): Promise<Response> {
      const url = new URL(request.url)
      const addresses = await checkedAddresses(url, allowLoopback, lookup)
      const body = request.body ? new Uint8Array(await request.arrayBuffer()) : undefined
      signal.throwIfAborted()
      const incoming = await send(url, request, body, addresses, signal)
      return readResponse(incoming, maxBytes)
    }
  }
}

async function checkedAddresses(url: URL, allowLoopback: boolean, lookup: Lookup): Promise<Address[]> {
  if (url.username || url.password) throw unavailable('its address carries credentials')
  const overTls = url.protocol === 'https:'
  if (!overTls && !(allowLoopback && url.protocol === 'http:')) throw unavailable('its address is not https')
  const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const addresses = ipaddr.isValid(hostname)
    ? [{ address: hostname, family: hostname.includes(':') ? 6 : 4 }]
    : await lookup(hostname)
  const allowed = overTls ? isPublic : isLoopback
  // One bad address among good ones is refused too: an honest host has none.
  if (addresses.length === 0 || !addresses.every(({ address }) => allowed(address)))
    throw unavailable('its address is not on the public internet')
  return addresses
}

/** Global unicast only: no private, shared, link-local, documentation, multicast or translated (mapped, NAT64) address. */
export function isPublic(address: string): boolean {
  if (!ipaddr.isValid(address)) return false
  const parsed = ipaddr.parse(address)
  if (parsed.range() !== 'unicast') return false
  // ipaddr.js calls everything it has no name for unicast; of IPv6 only 2000::/3 is assigned (RFC 4291 section 2.4).
  if (parsed instanceof ipaddr.IPv6) return parsed.match(globalUnicast) && !parsed.match(documentation)
  return !parsed.match(benchmarking)
}

const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3')
const documentation = ipaddr.IPv6.parseCIDR('3fff::/20')
const benchmarking = ipaddr.IPv4.parseCIDR('198.18.0.0/15')

const isLoopback = (address: string): boolean => ipaddr.isValid(address) && ipaddr.parse(address).range() === 'loopback'

function send(
  url: URL,
  request: Request,
  body: Uint8Array | undefined,
  addresses: Address[],
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const [first = { address: '', family: 0 }] = addresses
  const pinned: LookupFunction = (_hostname, { all }, callback) =>
    all ? callback(null, addresses) : callback(null, first.address, first.family)
  const headers = { ...Object.fromEntries(request.headers), 'accept-encoding': 'identity' }
  const start = url.protocol === 'https:' ? httpsRequest : httpRequest
  return new Promise((done, fail) => {
    // No agent: a pooled socket would have been opened to an address nobody checked now.
    const sent = start(url, { method: request.method, headers, lookup: pinned, agent: false, signal }, done)
    sent.on('error', fail)
    sent.end(body)
  })
}

async function readResponse(incoming: IncomingMessage, maxBytes: number): Promise<Response> {
  try {
    const status = incoming.statusCode ?? 0
    if (status < 200 || (status >= 300 && status < 400)) throw unavailable('it redirects')
    const encoding = incoming.headers['content-encoding']
    // Inflating is how a small answer becomes a huge one; it was asked not to compress.
    if (encoding !== undefined && encoding !== 'identity') throw unavailable('its answer is compressed')
    if (Number(incoming.headers['content-length'] ?? 0) > maxBytes) throw unavailable('its answer is too large')
    const chunks: Uint8Array[] = []
    let size = 0
    for await (const chunk of incoming as AsyncIterable<Uint8Array>) {
      size += chunk.byteLength
      if (size > maxBytes) throw unavailable('its answer is too large')
      chunks.push(chunk)
    }
    const headers = new Headers()
    for (const [name, value] of Object.entries(incoming.headersDistinct))
      for (const line of value ?? []) headers.append(name, line)
    const bodiless = status === 204 || status === 205
    return new Response(bodiless ? null : Buffer.concat(chunks), { status, headers })
  } finally {
    incoming.destroy()
  }
}

function whenAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_done, fail) => {
    const abort = () => fail(signal.reason)
    if (signal.aborted) abort()
    else signal.addEventListener('abort', abort, { once: true })
  })
}

const unavailable = (why: string) => new Refusal('partner-unavailable', `The partner cannot be reached: ${why}`)
