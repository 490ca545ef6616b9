import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto'
import * as z from 'zod'
import type { Caller } from '../../schemas/client.ts'
import type { PublicJwk } from '../../schemas/key.ts'
import { Slug } from '../../schemas/primitives.ts'
import { tokenTypes } from '../../schemas/token.ts'
import { epochSeconds, type Now } from '../kernel/clock.ts'
import { Refusal } from '../kernel/refusal.ts'
import type { KeyRing } from '../tokens/keys.ts'

/** Who an access token (RFC 9068) speaks for. @throws Refusal `unauthenticated` with a Bearer challenge */
export type VerifyAccess = (token: string) => Promise<Caller>
type Needs = { issuer: string; keys: Pick<KeyRing, 'publicKeysFor'>; wallNow: Now }

/** Lifetime of an access token: also the time until a withdrawn scope is really gone, as no token is looked up. */
export const accessTokenTtlSeconds = 600
export const tokenPath = '/oauth/token'

const maxTokenLength = 4096
const toleranceSeconds = 5
const rememberedTokens = 1000

/** Strict: an unknown member may be `crit`, `jwk` or `jku`, and our own tokens have none. */
const Header = z.strictObject({ alg: z.literal('ES256'), typ: z.literal(tokenTypes.access), kid: z.string().max(64) })

const claimsOf = (issuer: string) =>
  z
    .object({
      iss: z.literal(issuer),
      aud: z.literal(issuer),
      sub: z.string(),
      client_id: z.string().min(1).max(64),
      jti: z.string().min(1),
      iat: z.int(),
      exp: z.int(),
      scope: z.string().default(''),
      brand: Slug,
      partner: Slug.optional(),
      // A bound token (RFC 9449, RFC 8705) is worthless to a bearer.
      cnf: z.undefined().optional(),
    })
    // Machines act for themselves only; a token with another subject is a person's, for other routes.
    .refine(claims => claims.sub === claims.client_id)

type Remembered = { caller: Caller; kid: string; exp: number }

/**
 * Checks access tokens with the public keys in memory: no database read once the key ring is warm. A token that was
 * found good is remembered until it expires or its key is withdrawn, so that a busy client costs a hash a call.
 */
export function accessVerifier({ issuer, keys, wallNow }: Needs): VerifyAccess {
  const Claims = claimsOf(issuer)
  const opened = new Map<string, KeyObject>()
  const remembered = new Map<string, Remembered>()

  function open(jwk: PublicJwk): KeyObject {
    const known = opened.get(jwk.kid)
    if (known) return known
    const { kty, crv, x, y } = jwk
    const key = createPublicKey({ key: { kty, crv, x, y }, format: 'jwk' })
    opened.set(jwk.kid, key)
    return key
  }

  return async token => {
    if (token.length > maxTokenLength) throw invalidToken('the token is too long')
    const trusted = await keys.publicKeysFor('access')
    const now = epochSeconds(wallNow())
    const digest = hash('sha256', token)
    const known = remembered.get(digest)
    if (known && trusted.some(({ kid }) => kid === known.kid)) {
      checkTime(known, now)
      return known.caller
    }
    const { header, payload, input, signature } = split(token)
    const { kid } = parsed(Header, header, 'the header is not that of an access token')
    const jwk = trusted.find(key => key.kid === kid)
    if (!jwk) throw invalidToken('the key is unknown')
    const key = { key: open(jwk), dsaEncoding: 'ieee-p1363' as const }
    if (!verify('sha256', input, key, signature)) throw invalidToken('the signature is wrong')
    const claims = parsed(Claims, payload, 'the claims are not those of an access token of this gateway')
    checkTime(claims, now)
    const { client_id: client, brand, partner, scope, exp } = claims
    const scopes = scope.split(' ').filter(Boolean)
    const caller: Caller = { client, brand, ...(partner !== undefined && { partner }), scopes }
    // A Map keeps the order of insertion, so its first key has been there longest.
    const [oldest] = remembered.keys()
    if (remembered.size >= rememberedTokens && oldest !== undefined) remembered.delete(oldest)
    remembered.set(digest, { caller, kid, exp })
    return caller
  }
}

function checkTime({ exp, iat }: { exp: number; iat?: number }, now: number): void {
  if (exp + toleranceSeconds <= now) throw invalidToken('the token has expired')
  if (iat === undefined) return
  if (iat > now + toleranceSeconds) throw invalidToken('the token is from the future')
  if (exp - iat > accessTokenTtlSeconds || exp <= iat) throw invalidToken('the lifetime is not one we give')
}

/** The three parts of a compact JWS (RFC 7515 §7.1), each in its only canonical base64url form. */
function split(token: string) {
  const [header, payload, signature, ...more] = token.split('.').map(decoded)
  if (!header || !payload || signature?.length !== 64 || more.length > 0) throw invalidToken('this is no signed JWT')
  return { header, payload, signature, input: Buffer.from(token.slice(0, token.lastIndexOf('.'))) }
}

function decoded(part: string): Buffer {
  const bytes = Buffer.from(part, 'base64url')
  if (bytes.toString('base64url') !== part) throw invalidToken('this is no signed JWT')
  return bytes
}

function parsed<S extends z.ZodType>(schema: S, bytes: Buffer, detail: string): z.output<S> {
  try {
    return schema.parse(JSON.parse(bytes.toString()))
  } catch {
    throw invalidToken(detail)
  }
}

export const invalidToken = (detail: string): Refusal =>
  new Refusal('unauthenticated', `${detail}; get a new one from ${tokenPath}`, {
    headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
  })
