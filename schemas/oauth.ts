import * as z from 'zod'
import { linkScope, Scope } from './client.ts'
import { LinkId } from './ids.ts'
import { AccountId } from './link.ts'
import { Slug } from './primitives.ts'

export const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code'

/** RFC 7523 section 2.2; a client with a secret sends it by HTTP Basic instead (RFC 6749 section 2.3.1). */
const clientAssertion = {
  client_assertion_type: z.literal('urn:ietf:params:oauth:client-assertion-type:jwt-bearer').optional(),
  client_assertion: z.string().optional().describe('Signed JWT of a private_key_jwt client, used once'),
}
const resource = z.url().optional().describe('The issuer, which is the default (RFC 8707)')

/** What a partner may say of the link that it asks for, in requests that it authenticates itself. */
const linkDetails = {
  account: AccountId.optional().describe("The partner's own id of the account to link: here or in the token request"),
  programme: Slug.optional().describe('Which programme, where the member may hold several'),
}

/** Form body of the token endpoint. */
export const TokenRequest = z
  .object({
    grant_type: z.enum(['client_credentials', 'authorization_code', deviceGrant, 'refresh_token']),
    scope: z
      .string()
      .optional()
      .describe('Space-separated; with client_credentials all scopes of the client if absent'),
    resource,
    code: z.string().optional().describe('authorization_code'),
    redirect_uri: z.string().optional().describe('authorization_code: as in the authorization request'),
    code_verifier: z.string().optional().describe('authorization_code: PKCE (RFC 7636)'),
    device_code: z.string().optional().describe('device_code (RFC 8628)'),
    refresh_token: z.string().optional().describe('refresh_token'),
    ...linkDetails,
    ...clientAssertion,
  })
  .meta({ id: 'TokenRequest' })

/** RFC 6749 section 5.1. */
export const TokenAnswer = z
  .object({
    access_token: z.string().describe('RFC 9068 JWT'),
    token_type: z.enum(['Bearer', 'DPoP']).describe('DPoP where the request carried a proof (RFC 9449)'),
    expires_in: z.int(),
    scope: z.string().optional(),
    refresh_token: z.string().optional().describe('Stands for the link: revoking it ends the link'),
    link_id: LinkId.optional().describe('The link that was made, of a grant of scope link'),
    programme: Slug.optional().describe('The programme of that link'),
  })
  .meta({ id: 'TokenAnswer' })

/** Query of the authorization endpoint (RFC 6749 section 4.1.1), or body of the pushed request (RFC 9126). */
export const AuthorizationRequest = z
  .object({
    client_id: z.string(),
    response_type: z.literal('code').optional(),
    redirect_uri: z.string().optional().describe('One that is registered for the partner, character by character'),
    scope: z.literal(linkScope).optional(),
    state: z.string().optional(),
    code_challenge: z.string().optional().describe('PKCE, required'),
    code_challenge_method: z.literal('S256').optional(),
    request_uri: z.string().optional().describe('Of a pushed request, which then says all the rest'),
    programme: linkDetails.programme,
  })
  .meta({ id: 'AuthorizationRequest' })

export const PushedRequest = AuthorizationRequest.omit({ request_uri: true })
  .extend({ ...linkDetails, ...clientAssertion, dpop_jkt: z.string().optional().describe('RFC 9449 section 10') })
  .meta({ id: 'PushedRequest' })

/** RFC 9126 section 2.2. */
export const PushedAnswer = z.object({ request_uri: z.string(), expires_in: z.int() }).meta({ id: 'PushedAnswer' })

/** RFC 8628 section 3.1. */
export const DeviceRequest = z
  .object({ scope: z.literal(linkScope).optional(), resource, ...linkDetails, ...clientAssertion })
  .meta({ id: 'DeviceRequest' })

/** RFC 8628 section 3.2. */
export const DeviceAnswer = z
  .object({
    device_code: z.string(),
    user_code: z.string().describe('Eight letters, shown as BCDF-GHJK'),
    verification_uri: z.url(),
    verification_uri_complete: z.url().describe('For a QR code'),
    expires_in: z.int(),
    interval: z.int().describe('Seconds between two token requests at least'),
  })
  .meta({ id: 'DeviceAnswer' })

/** RFC 7009 section 2.1. */
export const RevocationRequest = z
  .object({ token: z.string(), token_type_hint: z.string().optional(), ...clientAssertion })
  .meta({ id: 'RevocationRequest' })

/** RFC 6749 section 5.2. */
export const OAuthError = z
  .object({ error: z.string(), error_description: z.string().optional(), scope: z.string().optional() })
  .meta({ id: 'OAuthError' })

/** RFC 8414. */
export const AuthorizationServerMetadata = z
  .object({
    issuer: z.url(),
    authorization_endpoint: z.url(),
    token_endpoint: z.url(),
    pushed_authorization_request_endpoint: z.url(),
    device_authorization_endpoint: z.url(),
    revocation_endpoint: z.url(),
    jwks_uri: z.url(),
    response_types_supported: z.array(z.string()),
    response_modes_supported: z.array(z.string()),
    grant_types_supported: z.array(z.string()),
    scopes_supported: z.array(z.enum([...Scope.options, linkScope])),
    code_challenge_methods_supported: z.array(z.string()),
    authorization_response_iss_parameter_supported: z.boolean(),
    token_endpoint_auth_methods_supported: z.array(z.string()),
    token_endpoint_auth_signing_alg_values_supported: z.array(z.string()),
    revocation_endpoint_auth_methods_supported: z.array(z.string()),
    revocation_endpoint_auth_signing_alg_values_supported: z.array(z.string()),
    dpop_signing_alg_values_supported: z.array(z.string()),
  })
  .meta({ id: 'AuthorizationServerMetadata' })
export type AuthorizationServerMetadata = z.infer<typeof AuthorizationServerMetadata>
