import * as z from 'zod'
import { Slug } from './primitives.ts'

export const Scope = z.enum([
  'programmes:write',
  'memberships:write',
  'partners:write',
  'contracts:write',
  'keys:write',
  'finance:read',
  'finance:write',
  'entitlements:read',
  'usage:write',
  'redemptions:write',
  'settlements:read',
])
export type Scope = z.infer<typeof Scope>

/** A machine client of the gateway: it acts for a brand, and for a partner where it is one. */
export const ClientRecord = z.strictObject({
  id: Slug,
  brand: Slug,
  partner: Slug.optional(),
  scopes: z.array(Scope),
  authentication: z.enum(['client_secret_basic', 'private_key_jwt']),
  /** SHA-256 of the secret, hexadecimal: secrets are random and long, so a plain hash is enough. */
  secretHash: z.string().optional(),
  /** Public keys of a private_key_jwt client (RFC 7523). */
  jwks: z.strictObject({ keys: z.array(z.record(z.string(), z.unknown())) }).optional(),
})
export type ClientRecord = z.infer<typeof ClientRecord>

/** Who calls, as the access token says (RFC 9068). */
export const Caller = z.object({
  client: z.string(),
  brand: Slug,
  partner: Slug.optional(),
  scopes: z.array(z.string()),
})
export type Caller = z.infer<typeof Caller>

/** One artefact of the authorization server (RFC 6749 grants, replay marks, sessions), as its library hands it over. */
export const OAuthArtefact = z.strictObject({
  model: z.string(),
  id: z.string(),
  /** JSON of the library's own making; it is read by the library only. */
  payload: z.string(),
  /** Epoch seconds; from then on the artefact is absent, deleted or not. */
  expiresAt: z.int().optional(),
})
export type OAuthArtefact = z.infer<typeof OAuthArtefact>

/** Leads from a grant, a session's uid or a device's user code to the artefacts that carry it. */
export const OAuthPointer = z.strictObject({ model: z.string(), id: z.string(), expiresAt: z.int().optional() })
export type OAuthPointer = z.infer<typeof OAuthPointer>

/** Form body of the token endpoint (RFC 6749 §4.4.2, RFC 7523 §2.2). */
export const TokenRequest = z
  .object({
    grant_type: z.literal('client_credentials'),
    scope: z.string().optional().describe('Space-separated; all scopes of the client unless given'),
    resource: z.url().optional().describe('The issuer, which is the default (RFC 8707)'),
    client_assertion_type: z.literal('urn:ietf:params:oauth:client-assertion-type:jwt-bearer').optional(),
    client_assertion: z.string().optional().describe('Signed JWT of a private_key_jwt client, used once'),
  })
  .meta({ id: 'TokenRequest' })

/** RFC 6749 §5.1. */
export const TokenAnswer = z
  .object({
    access_token: z.string().describe('RFC 9068 JWT'),
    token_type: z.literal('Bearer'),
    expires_in: z.int(),
    scope: z.string().optional(),
  })
  .meta({ id: 'TokenAnswer' })

/** RFC 6749 §5.2. */
export const OAuthError = z
  .object({ error: z.string(), error_description: z.string().optional(), scope: z.string().optional() })
  .meta({ id: 'OAuthError' })

/** RFC 8414. */
export const AuthorizationServerMetadata = z
  .object({
    issuer: z.url(),
    token_endpoint: z.url(),
    jwks_uri: z.url(),
    response_types_supported: z.array(z.string()),
    grant_types_supported: z.array(z.string()),
    scopes_supported: z.array(Scope),
    token_endpoint_auth_methods_supported: z.array(z.string()),
    token_endpoint_auth_signing_alg_values_supported: z.array(z.string()),
  })
  .meta({ id: 'AuthorizationServerMetadata' })
export type AuthorizationServerMetadata = z.infer<typeof AuthorizationServerMetadata>
