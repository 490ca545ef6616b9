import type { IncomingMessage } from 'node:http'
import { type Configuration, errors, interactionPolicy, type KoaContextWithOIDC } from 'oidc-provider'
import { linkScope, Scope } from '../../schemas/client.ts'
import { epochSeconds } from '../kernel/clock.ts'
import { interactionTtlSeconds } from './adapter.ts'
import { deviceCodeTtlSeconds } from './device-limits.ts'
import { dpopAlgorithms } from './dpop.ts'
import { endpoints } from './endpoints.ts'
import { idleTtlSeconds, unredeemedTtlSeconds } from './grants.ts'
import { assertionAlgorithms, authenticationMethods } from './metadata.ts'
import { endLinkOf } from './revocation.ts'
import { checkAccount, checkProgramme, type LinkNeeds, requireLink } from './token-call.ts'
import { accessTokenTtlSeconds } from './verify-access.ts'

/** A client assertion is made for one request (RFC 7523 section 3): it need not live longer. */
const assertionTtlSeconds = 300
const clockToleranceSeconds = 5

export type ConfigurationNeeds = LinkNeeds & {
  issuer: string
  /** Takes down that a person, not a client, is to be told of an error. */
  onRenderedError: (request: IncomingMessage, code: string) => void
}

/** What oidc-provider does and what it must leave alone; OAuth only, no OpenID. */
export function configuration(needs: ConfigurationNeeds): Configuration {
  const { issuer, wallNow } = needs
  return {
    routes: {
      authorization: endpoints.authorize,
      token: endpoints.token,
      pushed_authorization_request: endpoints.par,
      device_authorization: endpoints.deviceAuthorization,
      revocation: endpoints.revoke,
      // For the addresses in answers only: the library's own pages there are never reached.
      code_verification: endpoints.device,
      jwks: '/oauth/jwks',
    },
    scopes: [...Scope.options, linkScope],
    responseTypes: ['code'],
    pkce: { required: () => true },
    allowOmittingSingleRegisteredRedirectUri: false,
    clientAuthMethods: [...authenticationMethods],
    enabledJWA: {
      clientAuthSigningAlgValues: [...assertionAlgorithms],
      idTokenSigningAlgValues: ['ES256'],
      dPoPSigningAlgValues: [...dpopAlgorithms],
    },
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    extraClientMetadata: { properties: ['brand', 'partner'] },
    assertJwtClientAuthClaimsAndHeader: (_ctx, claims) => requireShortAssertion(claims, epochSeconds(wallNow())),
    extraParams,
    extraTokenClaims: (_ctx, { client }) => ({
      brand: client?.['brand'],
      ...(client?.['partner'] !== undefined && { partner: client['partner'] }),
    }),
    ttl: {
      AccessToken: accessTokenTtlSeconds,
      AuthorizationCode: 60,
      ClientCredentials: accessTokenTtlSeconds,
      DeviceCode: deviceCodeTtlSeconds,
      Grant: unredeemedTtlSeconds,
      Interaction: interactionTtlSeconds,
      RefreshToken: idleTtlSeconds,
      Session: interactionTtlSeconds,
    },
    clockTolerance: clockToleranceSeconds,
    clientBasedCORS: () => false,
    // Who the member is at that partner, as the interaction said; there is nothing more to tell.
    findAccount: (_ctx, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
    loadExistingGrant: ctx => grantOfResult(ctx),
    interactions: { policy: askedAnew(), url: (_ctx, { uid }) => `${endpoints.interaction}/${uid}` },
    expiresWithSession: () => false,
    issueRefreshToken: (_ctx, client, source) =>
      client.grantTypeAllowed('refresh_token') && source.scopes.has(linkScope),
    async rotateRefreshToken(ctx) {
      await requireLink(needs, ctx)
      return true
    },
    revokeGrantPolicy: () => true,
    renderError(ctx, out, error) {
      // A browser that comes too late, or that never was part of the flow.
      const isLate = error instanceof errors.SessionNotFound
      needs.onRenderedError(ctx.req, isLate ? 'interaction-expired' : out.error)
      ctx.type = 'application/json'
      ctx.body = JSON.stringify(out)
    },
    features: features(needs, issuer),
  }
}

function features(needs: ConfigurationNeeds, issuer: string): NonNullable<Configuration['features']> {
  return {
    clientCredentials: { enabled: true },
    pushedAuthorizationRequests: { enabled: true },
    deviceFlow: {
      enabled: true,
      charset: 'base-20',
      mask: '****-****',
      deviceInfo: () => ({}),
      userCodeInputSource: unreachable,
      userCodeConfirmSource: unreachable,
      successSource: unreachable,
    },
    dPoP: { enabled: true },
    revocation: {
      enabled: true,
      // Before the token goes: a link that could not be ended can then be tried again with it.
      async allowedPolicy(_ctx, client, token) {
        if (token.clientId !== client.clientId) return false
        if (token.kind === 'RefreshToken' && token.grantId !== undefined) await endLinkOf(needs, token.grantId)
        return true
      },
    },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => issuer,
      useGrantedResource: () => true,
      getResourceServerInfo(ctx, resource, client) {
        if (resource !== issuer) throw new errors.InvalidTarget()
        const scope = allowedScope(ctx, client.scope ?? '')
        settleScope(ctx, scope)
        return {
          scope,
          audience: issuer,
          accessTokenFormat: 'jwt',
          accessTokenTTL: accessTokenTtlSeconds,
          jwt: { sign: { alg: 'ES256' } },
        }
      },
    },
    devInteractions: { enabled: false },
    rpInitiatedLogout: { enabled: false },
    userinfo: { enabled: false },
  }
}

function unreachable(): never {
  throw new Error('the pages for devices are not the library’s')
}

/** What a machine may do is never a member's to give, and what a member gives no machine gets of itself. */
function allowedScope({ oidc }: KoaContextWithOIDC, registered: string): string {
  if (oidc.params?.['grant_type'] !== 'client_credentials') return linkScope
  return registered
    .split(' ')
    .filter(scope => scope !== linkScope)
    .join(' ')
}

/**
 * A client gets the scopes it asks for, all that it may have by default (RFC 6749 section 3.3). The library would drop
 * unknown ones in silence, and a client would learn of its typo only from a 403 elsewhere.
 */
function settleScope({ oidc }: KoaContextWithOIDC, allowed: string): void {
  const own = new Set(allowed.split(' '))
  const asked = typeof oidc.params?.['scope'] === 'string' ? oidc.params['scope'].split(' ') : undefined
  const foreign = asked?.filter(scope => !own.has(scope)) ?? []
  if (foreign.length > 0) throw new errors.InvalidScope('the client does not have this scope here', foreign.join(' '))
  if (oidc.params && !asked && allowed !== '') oidc.params['scope'] = allowed
}

/** Every flow is asked, whatever this browser agreed to before: a partner's prompt=login or consent adds nothing. */
function askedAnew() {
  const { Check, Prompt } = interactionPolicy
  const isUnanswered = ({ oidc }: KoaContextWithOIDC) => oidc.result?.login === undefined
  return [
    new Prompt(
      { name: 'login', requestable: true },
      new Check('unanswered', 'the member is asked each time', 'login_required', isUnanswered),
    ),
    new Prompt({ name: 'consent', requestable: true }),
  ]
}

/** The grant of this very interaction, never an older one. */
async function grantOfResult({ oidc }: KoaContextWithOIDC) {
  const grantId = oidc.result?.consent?.grantId
  return grantId === undefined ? undefined : oidc.provider.Grant.find(grantId)
}

/** What a partner says of the link that it asks for. The library runs these once it knows the client, set or not. */
const extraParams = {
  account({ oidc: { route, entities } }: KoaContextWithOIDC, value: string | undefined) {
    if (value === undefined) return
    if (route === 'authorization' && !entities.PushedAuthorizationRequest)
      throw new errors.InvalidRequest('send account in a pushed request or the token request, not by the browser')
    checkAccount(value)
  },
  programme(_ctx: KoaContextWithOIDC, value: string | undefined) {
    checkProgramme(value)
  },
}

function requireShortAssertion({ exp, jti, aud }: Record<string, unknown>, nowSeconds: number): void {
  const latest = nowSeconds + assertionTtlSeconds + clockToleranceSeconds
  if (typeof exp !== 'number' || !Number.isSafeInteger(exp) || exp > latest)
    throw new errors.InvalidClientAuth(`exp must be at most ${assertionTtlSeconds} seconds ahead`)
  if (typeof jti !== 'string' || jti.length > 256) throw new errors.InvalidClientAuth('jti must be a string')
  // An assertion that several servers accept can be replayed by one at another (RFC 9700 section 2.5).
  if (Array.isArray(aud) && aud.length !== 1) throw new errors.InvalidClientAuth('aud must name this server only')
}
