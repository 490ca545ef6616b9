import { createHash } from 'node:crypto'
import * as z from 'zod'

/** What a partner's own server asks of the gateway. It knows nothing of the gateway but its HTTP surface. */

export interface MachineClient {
  readonly id: string
  readonly secret: string
}

export type GatewayFetch = (url: string, init: RequestInit) => Promise<Response>

export interface GatewayOptions {
  /** Issuer of the gateway, which is its base address. */
  readonly gateway: string
  readonly client: MachineClient
  readonly fetch?: GatewayFetch
  /** Milliseconds since the epoch in real time, in which access tokens live. */
  readonly wallMs?: () => number
}

/** The gateway said no, or its answer cannot be read; `code` is that of its problem (RFC 9457) or OAuth error. */
export class GatewayRefused extends Error {
  override readonly name = 'GatewayRefused'
  readonly status: number
  readonly code: string

  constructor(status: number, code: string) {
    super(`the gateway answered ${status} ${code}`)
    this.status = status
    this.code = code
  }
}

/** The gateway could not be reached in time. */
export class GatewayUnreachable extends Error {
  override readonly name = 'GatewayUnreachable'
}

export type PartnerGateway = ReturnType<typeof partnerGateway>

const TIMEOUT_MS = 5_000
const ANSWER_LIMIT_BYTES = 256 * 1024
/** An access token is replaced this long before its end, so that it cannot expire on the way. */
const RENEW_BEFORE_MS = 30_000
const CODE = /^[a-z][a-z0-9_-]{0,63}$/

/** Fields that a partner uses; others may be added without breaking it. */
const AccessToken = z.object({ access_token: z.string().min(1), expires_in: z.number().positive() })
const Links = z.object({ items: z.array(z.object({ id: z.string(), programme: z.string(), state: z.string() })) })
const EntitlementToken = z.object({ token: z.string() })
const BatchReceipt = z.object({
  id: z.string().regex(/^[\w-]{1,64}$/),
  sequence: z.int().min(1),
  lines: z.int(),
  malformed: z.array(z.unknown()),
  receipt: z.string(),
})
const Batch = z.object({ dispositions: z.record(z.string(), z.int().min(0)) })

/** @throws GatewayRefused, GatewayUnreachable from each of its calls */
export function partnerGateway({ gateway, client, fetch: send = fetch, wallMs = Date.now }: GatewayOptions) {
  const base = gateway.replace(/\/$/, '')
  let held: { token: Promise<string>; renewAtMs: number } | undefined

  async function exchange<S extends z.ZodType>(path: string, init: RequestInit, answer: S): Promise<z.output<S>> {
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    let status: number
    let text: string
    try {
      const response = await send(base + path, { ...init, signal, redirect: 'error' })
      status = response.status
      text = await readText(response)
    } catch (error) {
      throw new GatewayUnreachable(`no answer to ${init.method ?? 'GET'} ${path.split('?', 1)[0]}`, { cause: error })
    }
    const body = jsonOf(text)
    if (status < 200 || status > 299) throw new GatewayRefused(status, codeOf(body))
    const parsed = answer.safeParse(body)
    if (!parsed.success) throw new GatewayRefused(status, 'unreadable-answer')
    return parsed.data
  }

  /** One token for everybody who asks meanwhile; a failure is not kept. */
  function accessToken(): Promise<string> {
    if (held && wallMs() < held.renewAtMs) return held.token
    const fresh = { token: requestToken(), renewAtMs: Number.POSITIVE_INFINITY }
    held = fresh
    async function requestToken(): Promise<string> {
      try {
        const answer = await exchange(
          '/oauth/token',
          {
            method: 'POST',
            headers: { authorization: basic(client), accept: 'application/json' },
            body: new URLSearchParams({ grant_type: 'client_credentials' }),
          },
          AccessToken,
        )
        fresh.renewAtMs = wallMs() + answer.expires_in * 1000 - RENEW_BEFORE_MS
        return answer.access_token
      } catch (error) {
        if (held === fresh) held = undefined
        throw error
      }
    }
    return fresh.token
  }

  async function call<S extends z.ZodType>(path: string, init: RequestInit, answer: S): Promise<z.output<S>> {
    const attempt = async () => {
      const headers = new Headers(init.headers)
      headers.set('authorization', `Bearer ${await accessToken()}`)
      headers.set('accept', 'application/json')
      return exchange(path, { ...init, headers }, answer)
    }
    try {
      return await attempt()
    } catch (error) {
      // The gateway may have been started anew, with other keys, since the token was made.
      if (!(error instanceof GatewayRefused) || error.status !== 401) throw error
      held = undefined
      return attempt()
    }
  }

  return {
    /** One for everybody who asks; another than `refused`, which the gateway did not take. */
    accessToken(refused?: string): Promise<string> {
      if (refused !== undefined) held = undefined
      return accessToken()
    },
    /** The account's links that are live, one a programme at most. */
    async liveLinks(account: string) {
      const { items } = await call(`/v1/links?${new URLSearchParams({ account })}`, {}, Links)
      return items.filter(({ state }) => state === 'active')
    },
    /** A compact JWS, not yet verified. */
    async entitlementToken(request: { account: string; programme?: string }): Promise<string> {
      const init = {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(request),
      }
      return (await call('/v1/entitlement-tokens', init, EntitlementToken)).token
    },
    /** Reports NDJSON with its digest (RFC 9530) and control totals. The same bytes may be sent again. */
    report(ndjson: string, totals: { count: number; quantity: number }) {
      const digest = createHash('sha256').update(ndjson).digest('base64')
      const headers = {
        'content-type': 'application/x-ndjson',
        'content-digest': `sha-256=:${digest}:`,
        'tessera-control-count': String(totals.count),
        'tessera-control-quantity': String(totals.quantity),
      }
      return call('/v1/usage-batches', { method: 'POST', headers, body: ndjson }, BatchReceipt)
    },
    /** How many lines of a batch ended with which disposition, so far. */
    async dispositions(batch: string): Promise<Readonly<Record<string, number>>> {
      return (await call(`/v1/usage-batches/${encodeURIComponent(batch)}`, {}, Batch)).dispositions
    },
  }
}

/** RFC 6749 section 2.3.1: both parts are form-encoded first. */
function basic({ id, secret }: MachineClient): string {
  const encoded = (text: string) => new URLSearchParams({ text }).toString().slice('text='.length)
  return `Basic ${Buffer.from(`${encoded(id)}:${encoded(secret)}`).toString('base64')}`
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength
    if (size > ANSWER_LIMIT_BYTES) throw new Error('the answer is too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const ProblemCode = z.union([
  z.object({ code: z.string().regex(CODE) }).transform(({ code }) => code),
  z.object({ error: z.string().regex(CODE) }).transform(({ error }) => error),
])

function codeOf(body: unknown): string {
  const parsed = ProblemCode.safeParse(body)
  return parsed.success ? parsed.data : 'unreadable-answer'
}
