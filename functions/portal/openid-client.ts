import * as openid from 'openid-client'
import { hashOf } from '../kernel/canonical.ts'
import { epochSeconds, heldFor, type Now } from '../kernel/clock.ts'
import type { Random } from '../kernel/ids.ts'
import { Refusal } from '../kernel/refusal.ts'
import type { Registration } from '../partners/registration.ts'
import type { KeyRing } from '../tokens/keys.ts'
import { refusalIn, refusalOf } from './openid-refusals.ts'

export type AuthorizationRequest = {
  redirectUri: string
  scopes: readonly string[]
  /** Asked as well, unless the provider lists its scopes and these are not among them. */
  scopesIfOffered?: readonly string[]
  /** Whether a refresh token is wanted, to which the person must agree (OpenID Connect Core 1.0 section 11). */
  offline?: boolean
  languages: string
}

/** What must be kept until the person comes back. */
export type Checks = {
  state: string
  nonce: string
  verifier: string
  /** Whom the person was sent to, and whether it promised to name itself in the answer (RFC 9207). */
  issuer: string
  issPromised: boolean
}
export type Identity = {
  subject: string
  claims: Record<string, unknown>
  /** To be sealed, or to be revoked and forgotten. */
  refreshToken?: string
}

type Needs = {
  fetch: typeof fetch
  allowLoopback: boolean
  wallNow: Now
  random: Random
  keys: Pick<KeyRing, 'sign'>
}
export type OpenidClient = ReturnType<typeof openidClient>

/** A provider's metadata may change; a process that lives long reads them again after this time. */
const holdSeconds = 10 * 60
/** Registrations whose metadata are held at once; of one that changed, the old version is pushed out in time. */
const mostHeld = 200
/** Of an assertion by which the gateway authenticates itself (RFC 7523). */
const assertionSeconds = 60

/** Asymmetric ones only: with `none` or a shared secret, others than the provider can make an ID token. */
const idTokenAlgorithms = ['ES256', 'PS256', 'RS256', 'Ed25519']

/**
 * The gateway as an OpenID Connect relying party: code flow with PKCE S256, state, nonce, pushed requests (RFC 9126) and
 * the issuer in the answer (RFC 9207) where the provider offers them. ID tokens are verified by signature although they
 * come straight from the token endpoint.
 */
export function openidClient(needs: Needs) {
  const held = heldFor<openid.Configuration>(holdSeconds, { entries: mostHeld })

  /** @throws Refusal partner-unavailable */
  function discover(registration: Registration): Promise<openid.Configuration> {
    const { issuer, clientId, clientSecret, clientAuthentication, version } = registration
    // A hash: the secret is to stand in no more places than it must.
    const key = hashOf([issuer, clientId, clientSecret ?? null, clientAuthentication ?? null, version ?? null])
    return held.get(key, needs.wallNow(), () =>
      configurationOf(needs, registration).catch(error => {
        throw refusalIn(error) ?? new Refusal('partner-unavailable', 'The provider’s metadata cannot be used')
      }),
    )
  }

  return {
    /** Where the person is sent to agree; the page whose form leads there must allow it in `form-action`. */
    async authorizationOrigin(registration: Registration): Promise<string> {
      const { authorization_endpoint: endpoint } = (await discover(registration)).serverMetadata()
      if (!endpoint || !URL.canParse(endpoint)) throw new Refusal('partner-unavailable')
      return new URL(endpoint).origin
    },

    /** @throws Refusal partner-unavailable */
    async begin(
      registration: Registration,
      request: AuthorizationRequest,
    ): Promise<{ location: string; checks: Checks }> {
      const configuration = await discover(registration)
      const metadata = configuration.serverMetadata()
      const checks = {
        state: openid.randomState(),
        nonce: openid.randomNonce(),
        verifier: openid.randomPKCECodeVerifier(),
        issuer: metadata.issuer,
        issPromised: metadata.authorization_response_iss_parameter_supported === true,
      }
      const parameters = {
        ...(await parametersOf(checks, request, metadata.scopes_supported)),
        redirect_uri: request.redirectUri,
      }
      const location = metadata.pushed_authorization_request_endpoint
        ? await openid.buildAuthorizationUrlWithPAR(configuration, parameters).catch(error => {
            throw refusalIn(error) ?? new Refusal('partner-unavailable', 'it refused the pushed authorization request')
          })
        : openid.buildAuthorizationUrl(configuration, parameters)
      return { location: location.href, checks }
    },

    /**
     * Judges the answer the person brought back and learns who they are; the access token is not kept.
     * @returns undefined when the person cancelled at the provider
     * @throws Refusal partner-unavailable, link-answer-mismatch, link-claims-missing, link-failed
     */
    async finish(registration: Registration, answer: URL, checks: Checks): Promise<Identity | undefined> {
      if (!isFromAsked(answer, checks)) throw new Refusal('link-answer-mismatch', 'its `iss` is wrong or missing')
      // Changing one's mind works while the provider is down.
      if (answer.searchParams.get('error') === 'access_denied') return undefined
      const configuration = await discover(registration)
      if (configuration.serverMetadata().issuer !== checks.issuer)
        throw new Refusal('link-answer-mismatch', 'it has another issuer since')
      let refreshToken: string | undefined
      try {
        const tokens = await openid.authorizationCodeGrant(configuration, answer, {
          expectedState: checks.state,
          expectedNonce: checks.nonce,
          pkceCodeVerifier: checks.verifier,
          idTokenExpected: true,
        })
        refreshToken = tokens.refresh_token
        return { ...(await identityOf(configuration, tokens)), ...(refreshToken && { refreshToken }) }
      } catch (error) {
        if (refreshToken) await revokeIn(configuration, refreshToken).catch(() => undefined)
        throw refusalOf(error)
      }
    },

    /** Where the provider offers it (RFC 7009); with a refresh token goes all that was granted with it. */
    async revoke(registration: Registration, refreshToken: string): Promise<void> {
      await revokeIn(await discover(registration), refreshToken)
    },
  }
}

/** Who it is, by the ID token and, where there is one, by the userinfo endpoint: both must speak of the same account. */
async function identityOf(
  configuration: openid.Configuration,
  tokens: openid.TokenEndpointResponse & openid.TokenEndpointResponseHelpers,
): Promise<Identity> {
  const claims = tokens.claims()
  if (!claims) throw new Refusal('link-claims-missing', 'it sent no ID token')
  if (!configuration.serverMetadata().userinfo_endpoint) return { subject: claims.sub, claims }
  const userinfo = await openid.fetchUserInfo(configuration, tokens.access_token, claims.sub)
  return { subject: claims.sub, claims: { ...claims, ...userinfo } }
}

async function revokeIn(configuration: openid.Configuration, refreshToken: string): Promise<void> {
  if (!configuration.serverMetadata().revocation_endpoint) return
  await openid
    .tokenRevocation(configuration, refreshToken, { token_type_hint: 'refresh_token' })
    .catch(error => Promise.reject(refusalOf(error)))
}

/**
 * Whether the answer comes from the provider that was asked, as far as it tells itself (RFC 9207 section 2.4). Nothing
 * is asked of anybody for this.
 */
export function isFromAsked(answer: URL, { issuer, issPromised }: Pick<Checks, 'issuer' | 'issPromised'>): boolean {
  const named = answer.searchParams.getAll('iss')
  return named.length === 0 ? !issPromised : named.length === 1 && named[0] === issuer
}

async function configurationOf(needs: Needs, registration: Registration): Promise<openid.Configuration> {
  const { issuer, clientId, admit } = registration
  const { fetch, allowLoopback } = needs
  const fetchGuarded: openid.CustomFetch = (url, { body, method, headers, signal }) =>
    fetch(url, { method, headers, body: body ?? null, ...(signal && { signal }) })
  const insecure = allowLoopback ? [openid.allowInsecureRequests] : []
  const options = { [openid.customFetch]: fetchGuarded, execute: insecure }
  const found = await openid.discovery(new URL(issuer), clientId, {}, openid.None(), options)
  const { supportsPKCE: _method, ...read } = found.serverMetadata()
  const metadata: openid.ServerMetadata = read
  await admit?.(metadata)

  const offered = metadata.id_token_signing_alg_values_supported ?? idTokenAlgorithms
  const accepted = { id_token_signing_alg_values_supported: idTokenAlgorithms.filter(one => offered.includes(one)) }
  const authentication = authenticationOf(needs, registration, metadata)
  const configuration = new openid.Configuration({ ...metadata, ...accepted }, clientId, {}, authentication)
  configuration[openid.customFetch] = fetchGuarded
  for (const extend of [openid.enableNonRepudiationChecks, ...insecure]) extend(configuration)
  return configuration
}

/** The rule of `clientAuthentication` in a partner's registration. */
function authenticationOf(
  needs: Needs,
  { clientAuthentication, clientSecret }: Registration,
  metadata: openid.ServerMetadata,
): openid.ClientAuth {
  const unlessGiven = clientSecret ? 'client_secret_basic' : takesKeys(metadata) ? 'private_key_jwt' : 'none'
  const method = clientAuthentication ?? unlessGiven
  if (method === 'none') return openid.None()
  if (method === 'private_key_jwt') return withAssertion(needs)
  if (!clientSecret) throw new Refusal('partner-unavailable', 'its registration has no client secret')
  return openid.ClientSecretBasic(clientSecret)
}

const takesKeys = (metadata: openid.ServerMetadata): boolean =>
  metadata.token_endpoint_auth_methods_supported?.includes('private_key_jwt') === true &&
  metadata.token_endpoint_auth_signing_alg_values_supported?.includes('ES256') !== false

/** RFC 7523 section 2.2. The audience is the issuer alone, so that no other server can use the assertion. */
const withAssertion =
  ({ keys, random, wallNow }: Needs): openid.ClientAuth =>
  async (server, { client_id: client }, body) => {
    const iat = epochSeconds(wallNow())
    const jti = Buffer.from(random(16)).toString('base64url')
    const claims = { iss: client, sub: client, aud: server.issuer, jti, iat, exp: iat + assertionSeconds }
    body.set('client_id', client)
    body.set('client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer')
    body.set('client_assertion', await keys.sign('client', 'JWT', claims))
  }

async function parametersOf(
  { state, nonce, verifier }: Checks,
  { scopes, scopesIfOffered = [], offline = false, languages }: AuthorizationRequest,
  offered: string[] | undefined,
): Promise<Record<string, string>> {
  const wished = [...scopesIfOffered, ...(offline ? ['offline_access'] : [])]
  const scope = [...scopes, ...wished.filter(one => offered?.includes(one) ?? true)].join(' ')
  return {
    scope,
    state,
    nonce,
    code_challenge: await openid.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ui_locales: languages,
    ...(offline && { prompt: 'consent' }),
  }
}
