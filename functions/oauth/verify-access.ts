import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto'
import * as z from 'zod'
import { type Caller, linkScope } from '../../schemas/client.ts'
import { PairwiseSubject } from '../../schemas/ids.ts'
import type { PublicJwk } from '../../schemas/key.ts'
import { Slug } from '../../schemas/primitives.ts'
import { tokenTypes } from '../../schemas/token.ts'
import { epochSeconds, type Now } from '../kernel/clock.ts'
import { Refusal } from '../kernel/refusal.ts'
import type { KeyRing } from '../tokens/keys.ts'
import { boundElsewhere, dpopChallenge, type ProvenRequest, proofVerifier } from './dpop.ts'
import { endpoints } from './endpoints.ts'

/**
 * Who an access token (RFC 9068) speaks for.
 * @param proven the request of a caller who used the scheme DPoP: its token must be bound to the key of the proof there,
 *   and one that a bearer sends must not be bound at all (RFC 9449 section 7.1)
 * @throws Refusal `unauthenticated` with a challenge
 */
export type VerifyAccess = (token: string, proven?: ProvenRequest) => Promise<Caller>
type Needs = { issuer: string; keys: Pick<KeyRing, 'publicKeysFor'>; wallNow: Now }

/** Lifetime of an access token: also the time until a withdrawn scope is really gone, as no token is looked up. */
export const accessTokenTtlSeconds = 600

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
      /** The key that the token is bound to (RFC 9449 section 6.1). */
      cnf: z.strictObject({ jkt: z.string().length(43) }).optional(),
    })
    .refine(isWhole)

/** Machines act for themselves only. A member's grant to a partner says who the member is there, and is for linking. */
function isWhole({
  sub,
  client_id,
  scope,
  partner,
}: {
  sub: string
  client_id: string
  scope: string
  partner?: string | undefined
}) {
  if (sub === client_id) return !scope.split(' ').includes(linkScope)
  return scope === linkScope && partner !== undefined && PairwiseSubject.safeParse(sub).success
}

type Remembered = { caller: Caller; kid: string; exp: number; jkt: string | undefined }

/**
 * Checks access tokens with the public keys in memory: no database read once the key ring is warm. A token that was
 * found good is remembered until it expires or its key is withdrawn, so that a busy client costs a hash a call.
 */
export function accessVerifier({ issuer, keys, wallNow }: Needs): VerifyAccess {
  const Claims = claimsOf(issuer)
  const opened = new Map<string, KeyObject>()
  const remembered = new Map<string, Remembered>()
  const verifyProof = proofVerifier({ issuer, wallNow })

  function open(jwk: PublicJwk): KeyObject {
    const known = opened.get(jwk.kid)
    if (known) return known
    const { kty, crv, x, y } = jwk
    const key = createPublicKey({ key: { kty, crv, x, y }, format: 'jwk' })
    opened.set(jwk.kid, key)
    return key
  }

  async function recognised(token: string): Promise<Remembered> {
    if (token.length > maxTokenLength) throw invalidToken('the token is too long')
    const trusted = await keys.publicKeysFor('access')
    const now = epochSeconds(wallNow())
    const digest = hash('sha256', token)
    const known = remembered.get(digest)
    if (known && trusted.some(({ kid }) => kid === known.kid)) {
      checkTime(known, now)
      return known
    }
    const { header, payload, input, signature } = split(token)
    const { kid } = parsed(Header, header, 'the header is not that of an access token')
    const jwk = trusted.find(key => key.kid === kid)
    if (!jwk) throw invalidToken('the key is unknown')
    const key = { key: open(jwk), dsaEncoding: 'ieee-p1363' as const }
    if (!verify('sha256', input, key, signature)) throw invalidToken('the signature is wrong')
    const claims = parsed(Claims, payload, 'the claims are not those of an access token of this gateway')
    checkTime(claims, now)
    const { client_id: client, brand, partner, scope, exp, cnf } = claims
    const scopes = scope.split(' ').filter(Boolean)
    const caller: Caller = { client, brand, ...(partner !== undefined && { partner }), scopes }
    // A Map keeps the order of insertion, so its first key has been there longest.
    const [oldest] = remembered.keys()
    if (remembered.size >= rememberedTokens && oldest !== undefined) remembered.delete(oldest)
    const found = { caller, kid, exp, jkt: cnf?.jkt }
    remembered.set(digest, found)
    return found
  }

  return async (token, proven) => {
    const { caller, jkt } = await recognised(token).catch(error => {
      throw proven ? challengedAsDpop(error) : error
    })
    if (proven && jkt === undefined) throw boundElsewhere('the token is bound to no key: send it as Bearer')
    if (!proven && jkt !== undefined) throw boundElsewhere('the token is bound to a key: send it as DPoP, with a proof')
    if (proven && jkt !== undefined) verifyProof(proven, token, jkt)
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

/** @param scheme what the caller used, and is challenged for (RFC 6750 section 3, RFC 9449 section 7.1) */
export const invalidToken = (detail: string, scheme: 'Bearer' | 'DPoP' = 'Bearer'): Refusal =>
  new Refusal('unauthenticated', `${detail}; get a new one from ${endpoints.token}`, {
    headers: {
      'www-authenticate': scheme === 'DPoP' ? dpopChallenge('invalid_token') : 'Bearer error="invalid_token"',
    },
  })

function challengedAsDpop(error: unknown): unknown {
  if (!(error instanceof Refusal) || error.code !== 'unauthenticated') return error
  return new Refusal(error.code, error.message, { headers: { 'www-authenticate': dpopChallenge('invalid_token') } })
}
