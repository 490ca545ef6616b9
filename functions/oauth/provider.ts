import { hash, timingSafeEqual } from 'node:crypto'
import type { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { toFetchResponse, toReqRes } from 'fetch-to-node'
import { type Configuration, errors, type JWK, type KoaContextWithOIDC, Provider } from 'oidc-provider'
import { type AuthorizationServerMetadata, Scope } from '../../schemas/client.ts'
import { epochSeconds, type Now } from '../kernel/clock.ts'
import { errorFields, type Log } from '../kernel/log.ts'
import type { Table } from '../kernel/table.ts'
import type { KeyRing } from '../tokens/keys.ts'
import { tableAdapter } from './adapter.ts'
import { accessTokenTtlSeconds, tokenPath } from './verify-access.ts'

export type AuthorizationServer = ReturnType<typeof authorizationServer>
type Needs = { issuer: string; keys: Pick<KeyRing, 'current' | 'secret'>; table: Table; wallNow: Now; log: Log }

/** A client assertion is made for one request (RFC 7523 §3): it need not live longer. */
const assertionTtlSeconds = 300
const clockToleranceSeconds = 5

const authenticationMethods = ['client_secret_basic', 'private_key_jwt'] as const
const assertionAlgorithms = ['ES256', 'PS256', 'RS256', 'Ed25519'] as const

/** The gateway's own authorization server: client_credentials (RFC 6749 §4.4) with RFC 9068 access tokens. */
export function authorizationServer(needs: Needs) {
  let built: { kid: string; handle: Promise<Handle> } | undefined

  /** The signing key is part of the provider's configuration, so another current key needs another provider. */
  async function handle(): Promise<Handle> {
    const { kid, privateKey } = await needs.keys.current('access')
    if (built?.kid === kid) return built.handle
    const jwk: JWK = { ...(privateKey.export({ format: 'jwk' }) as JWK), kid, alg: 'ES256', use: 'sig' }
    const fresh = { kid, handle: provider(needs, jwk) }
    built = fresh
    // What failed to build is tried again by the next request.
    fresh.handle.catch(() => {
      if (built === fresh) built = undefined
    })
    return fresh.handle
  }

  return {
    /** Answers a token request; refusals are answers too, OAuth errors (RFC 6749 §5.2). @throws when the keys cannot be had */
    async token(headers: Headers, body: string): Promise<Response> {
      return challenged(await answer(await handle(), needs.issuer, headers, body), needs.issuer)
    },
    metadata: (): AuthorizationServerMetadata => ({
      issuer: needs.issuer,
      token_endpoint: needs.issuer + tokenPath,
      jwks_uri: `${needs.issuer}/.well-known/jwks.json`,
      response_types_supported: [],
      grant_types_supported: ['client_credentials'],
      scopes_supported: Scope.options,
      token_endpoint_auth_methods_supported: [...authenticationMethods],
      token_endpoint_auth_signing_alg_values_supported: [...assertionAlgorithms],
    }),
  }
}

type Handle = (request: IncomingMessage, response: ServerResponse) => Promise<void>

async function provider({ issuer, keys, table, wallNow, log }: Needs, jwk: JWK): Promise<Handle> {
  const cookieKey = Buffer.from(await keys.secret('oauth-cookies')).toString('base64url')
  const server = new Provider(issuer, {
    ...configuration(issuer, wallNow),
    adapter: tableAdapter({ table, wallNow }),
    jwks: { keys: [jwk] },
    cookies: { keys: [cookieKey] },
  })
  server.Client.prototype.compareClientSecret = matchesHash
  const faults: EventEmitter = server
  faults.on('server_error', (_ctx: unknown, error: unknown) => log('error', 'oauth-failed', errorFields(error)))
  faults.on('error', (error: unknown) => log('error', 'oauth-failed', errorFields(error)))
  return server.callback()
}

/** Only the hash of a secret is stored (see `clientMetadata`), and a hash of one fixed length compares in constant time. */
function matchesHash(this: { clientSecret?: string | undefined }, sent: string): boolean {
  const stored = Buffer.from(this.clientSecret ?? '', 'hex')
  const given = hash('sha256', sent, 'buffer')
  return stored.length === given.length && timingSafeEqual(stored, given)
}

function configuration(issuer: string, wallNow: Now): Configuration {
  return {
    routes: { token: tokenPath, authorization: '/oauth/authorize', jwks: '/oauth/jwks' },
    scopes: Scope.options,
    responseTypes: [],
    clientAuthMethods: [...authenticationMethods],
    enabledJWA: { clientAuthSigningAlgValues: [...assertionAlgorithms], idTokenSigningAlgValues: ['ES256'] },
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    extraClientMetadata: { properties: ['brand', 'partner'] },
    assertJwtClientAuthClaimsAndHeader: (_ctx, claims) => checkAssertion(claims, epochSeconds(wallNow())),
    extraTokenClaims: (_ctx, { client }) => ({
      brand: client?.['brand'],
      ...(client?.['partner'] !== undefined && { partner: client['partner'] }),
    }),
    ttl: { ClientCredentials: accessTokenTtlSeconds },
    clockTolerance: clockToleranceSeconds,
    clientBasedCORS: () => false,
    findAccount: () => undefined,
    features: {
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => issuer,
        useGrantedResource: () => true,
        getResourceServerInfo: (ctx, resource, client) => {
          if (resource !== issuer) throw new errors.InvalidTarget()
          settleScope(ctx, client.scope ?? '')
          return {
            scope: client.scope ?? '',
            audience: issuer,
            accessTokenFormat: 'jwt',
            accessTokenTTL: accessTokenTtlSeconds,
            jwt: { sign: { alg: 'ES256' } },
          }
        },
      },
      devInteractions: { enabled: false },
      // A bearer check accepts no bound token, so none may be issued.
      dPoP: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      userinfo: { enabled: false },
    },
  }
}

/**
 * A client gets the scopes it asks for, all of its own by default (RFC 6749 §3.3). The library would drop unknown ones
 * in silence, and a client would learn of its typo only from a 403 elsewhere.
 */
function settleScope({ oidc }: KoaContextWithOIDC, allowed: string): void {
  const own = new Set(allowed.split(' '))
  const asked = typeof oidc.params?.['scope'] === 'string' ? oidc.params['scope'].split(' ') : undefined
  const foreign = asked?.filter(scope => !own.has(scope)) ?? []
  if (foreign.length > 0) throw new errors.InvalidScope('the client does not have this scope', foreign.join(' '))
  if (oidc.params && !asked && allowed !== '') oidc.params['scope'] = allowed
}

function checkAssertion({ exp, jti, aud }: Record<string, unknown>, nowSeconds: number): void {
  const latest = nowSeconds + assertionTtlSeconds + clockToleranceSeconds
  if (typeof exp !== 'number' || !Number.isSafeInteger(exp) || exp > latest)
    throw new errors.InvalidClientAuth(`exp must be at most ${assertionTtlSeconds} seconds ahead`)
  if (typeof jti !== 'string' || jti.length > 256) throw new errors.InvalidClientAuth('jti must be a string')
  // An assertion that several servers accept can be replayed by one at another (RFC 9700 §2.5).
  if (Array.isArray(aud) && aud.length !== 1) throw new errors.InvalidClientAuth('aud must name this server only')
}

/**
 * Runs oidc-provider on a fetch request, so that Lambda, tests and `npm start` share one way. The address is the
 * issuer's whatever the Host header says: the library derives accepted audiences from it.
 */
async function answer(handle: Handle, issuer: string, headers: Headers, body: string): Promise<Response> {
  const { host, protocol } = new URL(issuer)
  const forwarded = new Headers({
    host,
    accept: 'application/json',
    'content-length': String(Buffer.byteLength(body)),
  })
  for (const name of ['authorization', 'content-type']) {
    const value = headers.get(name)
    if (value !== null) forwarded.set(name, value)
  }
  const request = new Request(issuer + tokenPath, { method: 'POST', headers: forwarded, body })
  const { req, res } = toReqRes(request)
  // Koa asks the socket for the scheme, and a fetch request has none.
  Object.defineProperty(req, 'socket', { value: { encrypted: protocol === 'https:' } })
  await handle(req, res)
  return toFetchResponse(res)
}

/** Every 401 names a scheme (RFC 9110 §15.5.2); the library does so only where the client used one. */
function challenged(response: Response, issuer: string): Response {
  if (response.status === 401 && !response.headers.has('www-authenticate'))
    response.headers.set('www-authenticate', `Basic realm="${issuer}", error="invalid_client"`)
  return response
}
