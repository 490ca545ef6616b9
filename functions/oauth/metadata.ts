import { linkScope, Scope } from '../../schemas/client.ts'
import { type AuthorizationServerMetadata, deviceGrant } from '../../schemas/oauth.ts'
import { dpopAlgorithms } from './dpop.ts'
import { endpoints } from './endpoints.ts'

export const authenticationMethods = ['client_secret_basic', 'private_key_jwt'] as const
export const assertionAlgorithms = ['ES256', 'PS256', 'RS256', 'Ed25519'] as const

/** RFC 8414. */
export const metadataOf = (issuer: string): AuthorizationServerMetadata => ({
  issuer,
  authorization_endpoint: issuer + endpoints.authorize,
  token_endpoint: issuer + endpoints.token,
  pushed_authorization_request_endpoint: issuer + endpoints.par,
  device_authorization_endpoint: issuer + endpoints.deviceAuthorization,
  revocation_endpoint: issuer + endpoints.revoke,
  jwks_uri: `${issuer}/.well-known/jwks.json`,
  response_types_supported: ['code'],
  response_modes_supported: ['query'],
  grant_types_supported: ['client_credentials', 'authorization_code', deviceGrant, 'refresh_token'],
  scopes_supported: [...Scope.options, linkScope],
  code_challenge_methods_supported: ['S256'],
  authorization_response_iss_parameter_supported: true,
  token_endpoint_auth_methods_supported: [...authenticationMethods],
  token_endpoint_auth_signing_alg_values_supported: [...assertionAlgorithms],
  revocation_endpoint_auth_methods_supported: [...authenticationMethods],
  revocation_endpoint_auth_signing_alg_values_supported: [...assertionAlgorithms],
  dpop_signing_alg_values_supported: [...dpopAlgorithms],
})
