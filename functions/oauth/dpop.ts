import { createPublicKey, hash, type KeyObject, verify } from 'node:crypto'
import * as z from 'zod'
import { epochSeconds, type Now } from '../kernel/clock.ts'
import { Refusal } from '../kernel/refusal.ts'

/** What proofs of possession may be signed with (RFC 9449 section 4.2, names of RFC 9864). */
export const dpopAlgorithms = ['ES256', 'Ed25519', 'PS256'] as const

/** A request as its proof must describe it. */
export type ProvenRequest = { proof: string | undefined; method: string; path: string }
/** @throws Refusal `unauthenticated` with a DPoP challenge */
export type VerifyProof = (request: ProvenRequest, token: string, jkt: string) => void

const maxProofLength = 4096
const windowSeconds = 60
const rememberedProofs = 10_000

const text = z.string().min(1).max(1024)
/** `d` and its like are what only the owner may have: such a key is burnt. */
const withoutPrivateParts = { d: z.undefined().optional(), k: z.undefined().optional() }
const PublicKey = z.discriminatedUnion('kty', [
  z.object({ kty: z.literal('EC'), crv: z.literal('P-256'), x: text, y: text, ...withoutPrivateParts }),
  z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: text, ...withoutPrivateParts }),
  z.object({ kty: z.literal('RSA'), n: text, e: text, ...withoutPrivateParts }),
])
type PublicKey = z.infer<typeof PublicKey>

const Header = z.object({
  typ: z.literal('dpop+jwt'),
  alg: z.enum(dpopAlgorithms),
  jwk: PublicKey,
  // An extension that must be understood is not (RFC 7515 section 4.1.11).
  crit: z.undefined().optional(),
})
const Claims = z.object({
  jti: z.string().min(1).max(256),
  htm: z.string(),
  htu: z.string().max(2048),
  iat: z.number(),
  ath: z.string(),
})

const keyTypes = { ES256: 'EC', Ed25519: 'OKP', PS256: 'RSA' } as const

/**
 * Checks proofs that a caller holds the key its token is bound to (RFC 9449 section 4.3). A proof is for one request; a
 * repeated one is known by the instance that saw it first, and none is good for longer than a minute.
 */
export function proofVerifier({ issuer, wallNow }: { issuer: string; wallNow: Now }): VerifyProof {
  const seen = new Map<string, number>()

  function markSeen(id: string, now: number): void {
    const known = seen.get(id)
    if (known !== undefined && known > now) throw invalidProof('the proof was used already')
    seen.delete(id)
    seen.set(id, now + 2 * windowSeconds)
    const [oldest] = seen.keys()
    if (seen.size > rememberedProofs && oldest !== undefined) seen.delete(oldest)
  }

  return ({ proof, method, path }, token, jkt) => {
    if (proof === undefined) throw invalidProof('the DPoP header is missing')
    if (proof.length > maxProofLength) throw invalidProof('the proof is too long')
    const { header, claims, input, signature } = opened(proof)
    if (thumbprint(header.jwk) !== jkt) throw boundElsewhere('the token is bound to another key')
    if (!isSigned(header, input, signature)) throw invalidProof('the signature is wrong')
    const now = epochSeconds(wallNow())
    if (Math.abs(now - claims.iat) > windowSeconds) throw invalidProof('iat is not within a minute of now')
    if (claims.htm !== method) throw invalidProof('htm is another method')
    if (!isSameAddress(claims.htu, issuer + path)) throw invalidProof('htu is another address')
    if (claims.ath !== hash('sha256', token, 'base64url')) throw invalidProof('ath is not that of the token')
    markSeen(`${jkt} ${claims.jti}`, now)
  }
}

function opened(proof: string) {
  const parts = proof.split('.')
  const [header, payload, signature] = parts
  if (parts.length !== 3 || !parts.every(part => /^[\w-]+$/.test(part)))
    throw invalidProof('the proof is no signed JWT')
  try {
    return {
      header: Header.parse(JSON.parse(Buffer.from(header ?? '', 'base64url').toString())),
      claims: Claims.parse(JSON.parse(Buffer.from(payload ?? '', 'base64url').toString())),
      input: Buffer.from(`${header}.${payload}`),
      signature: Buffer.from(signature ?? '', 'base64url'),
    }
  } catch {
    throw invalidProof('the proof lacks something, or has a key of another kind')
  }
}

/** The required members only, in the order of their names. */
function membersOf(jwk: PublicKey) {
  if (jwk.kty === 'EC') return { crv: jwk.crv, kty: jwk.kty, x: jwk.x, y: jwk.y }
  return jwk.kty === 'OKP' ? { crv: jwk.crv, kty: jwk.kty, x: jwk.x } : { e: jwk.e, kty: jwk.kty, n: jwk.n }
}

/** RFC 7638. */
const thumbprint = (jwk: PublicKey): string => hash('sha256', JSON.stringify(membersOf(jwk)), 'base64url')

function isSigned({ alg, jwk }: z.infer<typeof Header>, input: Buffer, signature: Buffer): boolean {
  if (keyTypes[alg] !== jwk.kty) return false
  try {
    const key = createPublicKey({ key: membersOf(jwk), format: 'jwk' })
    if (alg === 'ES256') return verify('sha256', input, { key, dsaEncoding: 'ieee-p1363' }, signature)
    if (alg === 'Ed25519') return verify(null, input, key, signature)
    return isLongEnough(key) && verify('sha256', input, { key, padding: rsaPssPadding, saltLength: 32 }, signature)
  } catch {
    return false
  }
}

/** `crypto.constants.RSA_PKCS1_PSS_PADDING`. */
const rsaPssPadding = 6
/** RFC 7518 section 3.5: 2048 bits or more; what is far more costs only time. */
const isLongEnough = (key: KeyObject): boolean => {
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0
  return bits >= 2048 && bits <= 4096
}

/** Without query and fragment, in normal form (RFC 9449 section 4.3). */
function isSameAddress(htu: string, expected: string): boolean {
  const given = URL.parse(htu)
  if (!given) return false
  given.search = ''
  given.hash = ''
  return given.href === new URL(expected).href
}

const challenged = (error: string, detail: string): Refusal =>
  new Refusal('unauthenticated', `${detail}; make a proof for this very request (RFC 9449)`, {
    headers: { 'www-authenticate': dpopChallenge(error) },
  })

/** RFC 9449 section 7.1. */
export const dpopChallenge = (error: string): string => `DPoP error="${error}", algs="${dpopAlgorithms.join(' ')}"`

const invalidProof = (detail: string): Refusal => challenged('invalid_dpop_proof', detail)
/** The token and the way it was sent do not belong together (RFC 9449 section 7.1). */
export const boundElsewhere = (detail: string): Refusal => challenged('invalid_token', detail)
