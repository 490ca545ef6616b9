import { generateKeyPairSync, randomBytes } from 'node:crypto'
import type { EventEmitter } from 'node:events'
import { type IncomingMessage, ServerResponse } from 'node:http'
import { type ClientMetadata, type Configuration, type JWK, type KoaContextWithOIDC, Provider } from 'oidc-provider'
import type { Accounts } from './accounts.ts'
import { memoryAdapter } from './openid-adapter.ts'
import { languageOf, SESSION_TTL_SECONDS, signInPages } from './openid-sign-in.ts'
import { type Display, errorPage, signedOutPage, signOutPage } from './pages.ts'

/**
 * A relying party of a demo provider; it authenticates with its secret, or by `private_key_jwt` with a key that it
 * publishes. One that asks for `offline_access` gets a refresh token, which it may revoke.
 */
export interface OpenidClient {
  readonly client_id: string
  readonly client_secret?: string
  readonly jwks_uri?: string
  readonly redirect_uris: readonly string[]
  readonly post_logout_redirect_uris?: readonly string[]
  readonly token_endpoint_auth_method?: 'client_secret_basic' | 'private_key_jwt'
  /** Shown to the person who signs in. */
  readonly client_name?: string
}

export interface OpenidOptions {
  /** Bare origin, such as `http://localhost:8788`. */
  readonly issuer: string
  readonly accounts: Accounts
  readonly clients: readonly OpenidClient[]
  readonly display: Display
  /** Private key of ID tokens; a new one unless given. Its owner may sign events of this issuer with it. */
  readonly signingKey?: JWK
  /** Bytes for the key that signs cookies. */
  readonly random?: (bytes: number) => Uint8Array
  /** Told of faults of the server itself; the person sees a page with `server_error` only. */
  readonly report?: (error: unknown) => void
}

export interface OpenidProvider {
  readonly issuer: string
  /** Request listener. On paths that are not the provider's it answers `/` with a small page, and 404 elsewhere. */
  readonly listener: (request: IncomingMessage, response: ServerResponse) => Promise<void>
  /** Whether a path (without query) is the provider's: `/oidc/…` and the two discovery documents. */
  readonly owns: (pathname: string) => boolean
  /** The account signed in at this provider in the browser that sent the request. Reads, changes nothing. */
  readonly signedIn: (request: IncomingMessage) => Promise<string | undefined>
  /** Address of the sign-in form that comes back to a path of this origin. */
  readonly signInPath: (returnTo: string) => string
  readonly signOutPath: string
}

const DISCOVERY = new Set(['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server'])

/**
 * OpenID provider of the demo: code flow with PKCE S256, pushed requests, RFC 9207 `iss`, ES256, revocation.
 * Sign-in is the only page; consent comes with it. Keys and sessions live in memory and in this provider only.
 * Claims by scope: `profile` name, `membership` paidUntil, `roles` roles; all in the ID token and in userinfo.
 */
export function openidProvider(options: OpenidOptions): OpenidProvider {
  const { issuer, accounts, clients, display, random = randomBytes, report = console.error } = options
  const provider = new Provider(issuer, configuration(options, Buffer.from(random(32)).toString('base64url')))
  const { host } = new URL(issuer)
  const policy = contentPolicy(clients)

  const faults: EventEmitter = provider
  faults.on('server_error', (_ctx: unknown, error: unknown) => report(error))
  faults.on('error', (error: { expose?: boolean }) => {
    if (!error.expose) report(error)
  })
  provider.use(
    signInPages({
      provider,
      issuer,
      accounts,
      display,
      clientNames: new Map(clients.map(client => [client.client_id, client.client_name ?? client.client_id])),
    }),
  )
  const handle = provider.callback()
  const listener = async (request: IncomingMessage, response: ServerResponse) => {
    // oidc-provider builds its addresses from Host, which the caller chooses; the issuer's host is the only true one.
    request.headers.host = host
    response.setHeader('x-content-type-options', 'nosniff')
    response.setHeader('referrer-policy', 'same-origin')
    response.setHeader('content-security-policy', policy)
    await handle(request, response)
  }
  return {
    issuer,
    listener,
    owns: pathname => pathname.startsWith('/oidc/') || DISCOVERY.has(pathname),
    async signedIn(request) {
      // The response only serves the cookie reader; it is never sent.
      const session = await provider.Session.get(provider.createContext(request, new ServerResponse(request)))
      return session.accountId
    },
    signInPath: returnTo => `/oidc/sign-in?return=${encodeURIComponent(returnTo)}`,
    signOutPath: '/oidc/sign-out',
  }
}

/**
 * Browsers hold `form-action` against the redirects after a form too, so the clients' origins belong in it.
 * oidc-provider adds the hash of its one script (form_post) to `script-src` itself.
 */
function contentPolicy(clients: readonly OpenidClient[]): string {
  const origins = clients.flatMap(client =>
    [...client.redirect_uris, ...(client.post_logout_redirect_uris ?? [])].map(uri => new URL(uri).origin),
  )
  return [
    "default-src 'none'",
    "style-src 'self'",
    "script-src 'none'",
    `form-action ${["'self'", ...new Set(origins)].join(' ')}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join(';')
}

function configuration(
  { accounts, clients, display, signingKey = newSigningKey() }: OpenidOptions,
  cookieKey: string,
): Configuration {
  const frame = (ctx: KoaContextWithOIDC) => {
    ctx.type = 'html'
    ctx.vary('Accept-Language')
    return { language: languageOf(ctx, ctx.oidc.params?.['ui_locales']), display }
  }
  return {
    adapter: memoryAdapter(),
    jwks: { keys: [signingKey] },
    clients: clients.map(clientMetadata),
    clientAuthMethods: ['client_secret_basic', 'private_key_jwt'],
    fetch: fetchHere,
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    enabledJWA: { idTokenSigningAlgValues: ['ES256'], clientAuthSigningAlgValues: ['ES256'] },
    responseTypes: ['code'],
    scopes: ['openid', 'offline_access'],
    claims: {
      openid: ['sub'],
      profile: ['name'],
      membership: ['paidUntil'],
      roles: ['roles'],
    },
    // Consumers read one place: scope claims go into the ID token as well as into userinfo.
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    clientBasedCORS: () => false,
    cookies: {
      keys: [cookieKey],
      // Cookies know no ports: without the id all providers on localhost would overwrite one another's.
      names: {
        session: `${display.id}_session`,
        interaction: `${display.id}_interaction`,
        resume: `${display.id}_resume`,
      },
      long: { httpOnly: true, sameSite: 'lax' },
      short: { httpOnly: true, sameSite: 'lax' },
    },
    ttl: {
      AccessToken: 600,
      AuthorizationCode: 60,
      IdToken: 600,
      Interaction: 30 * 60,
      Session: SESSION_TTL_SECONDS,
      Grant: SESSION_TTL_SECONDS,
      RefreshToken: 30 * 24 * 3600,
    },
    routes: {
      authorization: '/oidc/authorize',
      end_session: '/oidc/sign-out',
      jwks: '/oidc/jwks',
      pushed_authorization_request: '/oidc/par',
      revocation: '/oidc/revoke',
      token: '/oidc/token',
      userinfo: '/oidc/userinfo',
    },
    interactions: { url: (_ctx, interaction) => `/oidc/interaction/${interaction.uid}` },
    features: {
      devInteractions: { enabled: false },
      dPoP: { enabled: false },
      resourceIndicators: { enabled: false },
      pushedAuthorizationRequests: { enabled: true },
      revocation: {
        enabled: true,
        allowedPolicy: async (_ctx, client, token) => token.clientId === client.clientId,
      },
      userinfo: { enabled: true },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (ctx, form) => {
          ctx.body = signOutPage(frame(ctx), form)
        },
        postLogoutSuccessSource: ctx => {
          ctx.body = signedOutPage(frame(ctx))
        },
      },
    },
    findAccount: (_ctx, sub) => {
      const account = accounts.find(sub)
      return account && { accountId: account.sub, claims: () => ({ ...account }) }
    },
    loadExistingGrant: grantAll,
    renderError: (ctx, out) => {
      ctx.body = errorPage(frame(ctx), out.error)
    },
  }
}

/** Grants what is asked, scopes and claims: the person agreed at the client, before coming here. */
async function grantAll({ oidc }: KoaContextWithOIDC) {
  const { client, session, account, provider } = oidc
  if (!client || !account) return undefined
  const grantId = session?.grantIdFor(client.clientId)
  const existing = grantId === undefined ? undefined : await provider.Grant.find(grantId)
  const grant = existing ?? new provider.Grant({ accountId: account.accountId, clientId: client.clientId })
  grant.addOIDCScope([...oidc.requestParamOIDCScopes].join(' '))
  grant.addOIDCClaims([...oidc.requestParamClaims])
  await grant.save()
  return grant
}

/** An ES256 key with an id, so that what its owner signs can name it. */
export function newSigningKey() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const kid = randomBytes(8).toString('hex')
  return { ...privateKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' } as const
}

/** For a client's keys. What oidc-provider hands in refuses addresses of this machine, where the whole demo lives. */
const fetchHere: typeof fetch = (address, options = {}) => {
  const { dispatcher: _refusing, ...rest } = options as RequestInit & { dispatcher?: unknown }
  return fetch(address, rest)
}

function clientMetadata(client: OpenidClient): ClientMetadata {
  return {
    ...client,
    redirect_uris: [...client.redirect_uris],
    post_logout_redirect_uris: [...(client.post_logout_redirect_uris ?? [])],
    token_endpoint_auth_method: client.token_endpoint_auth_method ?? 'client_secret_basic',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
  }
}
