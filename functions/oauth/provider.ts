import { hash, timingSafeEqual } from 'node:crypto'
import type { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { type JWK, Provider } from 'oidc-provider'
import type { AuthorizationServerMetadata } from '../../schemas/oauth.ts'
import { errorFields } from '../kernel/log.ts'
import { Conflict } from '../kernel/table.ts'
import type { KeyRing } from '../tokens/keys.ts'
import { tableAdapter } from './adapter.ts'
import { configuration } from './configuration.ts'
import type { DeviceLimit } from './device-limits.ts'
import { endpoints } from './endpoints.ts'
import type { LinkFlows } from './flows.ts'
import { callLibrary, type Handle } from './library-call.ts'
import { linkFlows } from './link-flows.ts'
import { aroundCalls, checkedBeforeUse } from './link-hooks.ts'
import { metadataOf } from './metadata.ts'
import type { LinkNeeds } from './token-call.ts'

export type AuthorizationServer = ReturnType<typeof authorizationServer>
/**
 * Answers a person whose flow cannot go on and who cannot be sent back to the partner: a page.
 * @param code the OAuth error (`invalid_redirect_uri`, `invalid_client`, `invalid_request` …), or `interaction-expired`
 *   for a browser that comes too late or was never part of the flow
 */
export type RenderError = (request: Request, code: string) => Promise<Response>
export type Needs = LinkNeeds &
  DeviceLimit & {
    issuer: string
    keys: Pick<KeyRing, 'current' | 'secret'>
    renderError?: RenderError
  }

/** A provider of the library as it stands for one signing key. */
type Built = { server: Provider; handle: Handle }
const sessionCookie = 'tessera-oauth-session'

/**
 * The gateway's own authorization server. Machines: client_credentials (RFC 6749 section 4.4). Links that begin at a
 * partner: authorization code with PKCE and pushed requests (RFC 9126), and the device grant (RFC 8628). All access
 * tokens are RFC 9068 JWTs, bound to a key where the client proves one (RFC 9449).
 */
export function authorizationServer(needs: Needs) {
  const { issuer } = needs
  const rendered = new WeakMap<IncomingMessage, string>()
  let current: { kid: string; built: Promise<Built> } | undefined

  /** The signing key is part of the provider's configuration, so another current key needs another provider. */
  async function provider(): Promise<Built> {
    const { kid, privateKey } = await needs.keys.current('access')
    if (current?.kid === kid) return current.built
    const jwk: JWK = { ...(privateKey.export({ format: 'jwk' }) as JWK), kid, alg: 'ES256', use: 'sig' }
    const fresh = { kid, built: build(needs, jwk, rendered) }
    current = fresh
    // What failed to build is tried again by the next request.
    fresh.built.catch(() => {
      if (current === fresh) current = undefined
    })
    return fresh.built
  }

  async function post(path: string, headers: Headers, body: string): Promise<Response> {
    if (isRepeating(new URLSearchParams(body))) return repeated()
    const { handle } = await provider()
    const { response } = await callLibrary(handle, issuer, { method: 'POST', path, headers, body })
    return challenged(response, issuer)
  }

  async function get(request: Request, path: string, search: string): Promise<Response> {
    const asked = { method: 'GET', path: path + search, headers: request.headers } as const
    // The library would answer other modes with a page and a script of its own.
    const mode = new URLSearchParams(search).get('response_mode') ?? 'query'
    if (mode !== 'query') return renderedError(request, 'invalid_request', repeated('response_mode must be query'))
    const { request: req, response } = await callLibrary((await provider()).handle, issuer, asked)
    const code = rendered.get(req)
    return code === undefined ? withoutSession(response) : renderedError(request, code, response)
  }

  const renderedError = async (request: Request, code: string, plain: Response): Promise<Response> =>
    needs.renderError ? needs.renderError(request, code) : withoutSession(plain)

  return {
    /** Answers a token request; refusals are answers too, OAuth errors (RFC 6749 section 5.2). @throws when the keys cannot be had */
    token: (headers: Headers, body: string): Promise<Response> => post(endpoints.token, headers, body),
    /** Answers a request to any endpoint of the authorization server (`endpoints`). @throws when the keys cannot be had */
    async handle(request: Request): Promise<Response> {
      const { pathname, search } = new URL(request.url)
      return request.method === 'POST'
        ? post(pathname, request.headers, await request.text())
        : get(request, pathname, search)
    },
    metadata: (): AuthorizationServerMetadata => metadataOf(issuer),
    flows: linkFlows({ ...needs, server: async () => (await provider()).server }) satisfies LinkFlows,
  }
}

async function build(needs: Needs, jwk: JWK, rendered: WeakMap<IncomingMessage, string>): Promise<Built> {
  const { issuer, keys, table, wallNow, log } = needs
  const cookieKey = Buffer.from(await keys.secret('oauth-cookies')).toString('base64url')
  // Each cookie is for one path, which `__Host-` would not allow.
  const prefix = issuer.startsWith('https:') ? '__Secure-' : ''
  const server = new Provider(issuer, {
    ...configuration({ ...needs, onRenderedError: (request, code) => rendered.set(request, code) }),
    adapter: tableAdapter({ table, wallNow }),
    jwks: { keys: [jwk] },
    cookies: {
      keys: [cookieKey],
      names: {
        session: sessionCookie,
        interaction: `${prefix}tessera-interaction`,
        resume: `${prefix}tessera-resume`,
      },
    },
  })
  server.Client.prototype.compareClientSecret = matchesHash
  // Character by character: the library would let an app's loopback address have any port.
  server.Client.prototype.redirectUriAllowed = isRegistered
  usedOnce(server)
  checkedBeforeUse(server, needs)
  server.use(aroundCalls(needs))
  const faults: EventEmitter = server
  faults.on('server_error', (_ctx: unknown, error: unknown) => log('error', 'oauth-failed', errorFields(error)))
  faults.on('error', (error: unknown) => log('error', 'oauth-failed', errorFields(error)))
  return { server, handle: server.callback() }
}

/** Of two simultaneous uses of one assertion or proof the loser is told what the library tells of any second use. */
function usedOnce({ ReplayDetection }: Provider): void {
  const { unique } = ReplayDetection
  ReplayDetection.unique = async (issuer, jti, exp) => {
    try {
      return await unique.call(ReplayDetection, issuer, jti, exp)
    } catch (error) {
      if (error instanceof Conflict) return false
      throw error
    }
  }
}

/** Only the hash of a secret is stored (see `clientMetadata`), and a hash of one fixed length compares in constant time. */
function matchesHash(this: { clientSecret?: string | undefined }, sent: string): boolean {
  const stored = Buffer.from(this.clientSecret ?? '', 'hex')
  const given = hash('sha256', sent, 'buffer')
  return stored.length === given.length && timingSafeEqual(stored, given)
}

function isRegistered(this: { redirectUris?: readonly string[] | undefined }, uri: string): boolean {
  return this.redirectUris?.includes(uri) ?? false
}

const isRepeating = (form: URLSearchParams): boolean => new Set(form.keys()).size < [...form.keys()].length

const repeated = (description = 'a parameter is there twice'): Response =>
  Response.json(
    { error: 'invalid_request', error_description: description },
    { status: 400, headers: { 'cache-control': 'no-store' } },
  )

/** The library's session is not kept (see `tableAdapter`), so no browser need carry it. */
function withoutSession(response: Response): Response {
  const cookies = response.headers.getSetCookie()
  response.headers.delete('set-cookie')
  for (const cookie of cookies) if (!cookie.startsWith(sessionCookie)) response.headers.append('set-cookie', cookie)
  return response
}

/** Every 401 names a scheme (RFC 9110 section 15.5.2); the library does so only where the client used one. */
function challenged(response: Response, issuer: string): Response {
  if (response.status === 401 && !response.headers.has('www-authenticate'))
    response.headers.set('www-authenticate', `Basic realm="${issuer}", error="invalid_client"`)
  return response
}
