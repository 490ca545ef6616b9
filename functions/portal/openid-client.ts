import * as openid from 'openid-client'
import type { Now } from '../kernel/clock.ts'
import { Refusal, type RefusalCode } from '../kernel/refusal.ts'

/** An OpenID provider, and what the portal is to it. */
export type Registration = {
  issuer: string
  clientId: string
  clientSecret?: string | undefined
  /** Where known; else any algorithm that the provider lists. */
  idTokenAlgorithm?: 'ES256'
}

/** What must be kept until the person comes back. */
export type Checks = { state: string; nonce: string; verifier: string }
export type Identity = { subject: string; claims: Record<string, unknown> }

type Needs = { fetch: typeof fetch; allowLoopback: boolean; wallNow: Now }
export type OpenidClient = ReturnType<typeof openidClient>

/** A provider's metadata may change; a process that lives long reads them again after this time. */
const holdMilliseconds = 10 * 60 * 1000

/**
 * The portal as an OpenID Connect relying party: code flow with PKCE S256, state, nonce, and the issuer in the answer
 * (RFC 9207) where the provider sends it. ID tokens are verified by signature although they come straight from the
 * token endpoint. No token outlives the call that got it.
 */
export function openidClient({ fetch, allowLoopback, wallNow }: Needs) {
  const held = new Map<string, { found: Promise<openid.Configuration>; at: number }>()

  /** @throws Refusal partner-unavailable */
  function discover(registration: Registration): Promise<openid.Configuration> {
    const key = JSON.stringify([registration.issuer, registration.clientId, registration.clientSecret])
    const known = held.get(key)
    const time = Date.parse(wallNow())
    if (known && time - known.at < holdMilliseconds) return known.found
    const found = discovery(registration).catch(error => {
      held.delete(key)
      throw refusalIn(error) ?? new Refusal('partner-unavailable', 'The provider’s metadata cannot be used')
    })
    held.set(key, { found, at: time })
    return found
  }

  function discovery({ issuer, clientId, clientSecret, idTokenAlgorithm }: Registration) {
    return openid.discovery(
      new URL(issuer),
      clientId,
      idTokenAlgorithm ? { id_token_signed_response_alg: idTokenAlgorithm } : {},
      clientSecret ? openid.ClientSecretBasic(clientSecret) : openid.None(),
      {
        [openid.customFetch]: (url, { body, method, headers, signal }) =>
          fetch(url, { method, headers, body: body ?? null, ...(signal && { signal }) }),
        execute: [openid.enableNonRepudiationChecks, ...(allowLoopback ? [openid.allowInsecureRequests] : [])],
      },
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
      request: { redirectUri: string; scope: string; languages: string },
    ): Promise<{ location: string; checks: Checks }> {
      const configuration = await discover(registration)
      const checks = {
        state: openid.randomState(),
        nonce: openid.randomNonce(),
        verifier: openid.randomPKCECodeVerifier(),
      }
      const location = openid.buildAuthorizationUrl(configuration, {
        redirect_uri: request.redirectUri,
        scope: request.scope,
        state: checks.state,
        nonce: checks.nonce,
        code_challenge: await openid.calculatePKCECodeChallenge(checks.verifier),
        code_challenge_method: 'S256',
        ui_locales: request.languages,
      })
      return { location: location.href, checks }
    },

    /**
     * Judges the answer the person brought back and fetches who they are.
     * @param failed the refusal for an answer that cannot be accepted
     * @returns undefined when the person cancelled at the provider
     * @throws Refusal partner-unavailable, or `failed`
     */
    async finish(
      registration: Registration,
      answer: URL,
      checks: Checks,
      failed: RefusalCode,
    ): Promise<Identity | undefined> {
      const configuration = await discover(registration)
      try {
        const tokens = await openid.authorizationCodeGrant(configuration, answer, {
          expectedState: checks.state,
          expectedNonce: checks.nonce,
          pkceCodeVerifier: checks.verifier,
          idTokenExpected: true,
        })
        const claims = tokens.claims()
        if (!claims) throw new Refusal(failed, 'The provider sent no ID token')
        if (!configuration.serverMetadata().userinfo_endpoint) return { subject: claims.sub, claims }
        const userinfo = await openid.fetchUserInfo(configuration, tokens.access_token, claims.sub)
        return { subject: claims.sub, claims: { ...claims, ...userinfo } }
      } catch (error) {
        if (error instanceof openid.AuthorizationResponseError && error.error === 'access_denied') return undefined
        throw refusalIn(error) ?? new Refusal(failed, `The answer was not accepted: ${codeOf(error)}`)
      }
    },
  }
}

/** The refusal that the guarded fetch threw, however deep openid-client wrapped it. */
function refusalIn(error: unknown): Refusal | undefined {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 5; cause = cause.cause, depth += 1)
    if (cause instanceof Refusal) return cause
  return undefined
}

/** A stable word for the log and the page; messages of other sites are not repeated. */
function codeOf(error: unknown): string {
  if (error instanceof openid.ClientError) return error.code ?? 'invalid-answer'
  if (error instanceof openid.AuthorizationResponseError) return 'refused-by-provider'
  return error instanceof openid.ResponseBodyError ? 'refused-at-token-endpoint' : 'invalid-answer'
}
