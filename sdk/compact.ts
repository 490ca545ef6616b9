import { Buffer, isUtf8 } from 'node:buffer'
import { type RefusalCode, TokenRefused } from './refused.ts'
import { isJsonObject, type JsonObject, type JsonValue, parseStrictJson, StrictJsonError } from './strict-json.ts'

/** A compact JWS whose form is beyond doubt; nothing in it is trusted yet. */
export interface CompactJws {
  /** The header as it was spelled. */
  readonly header: string
  readonly kid: string
  /** What the signature covers: the two first segments with their dot, as ASCII. */
  readonly signingInput: string
  readonly payload: Buffer
  readonly signature: Buffer
}

export interface CompactForm {
  /** The exact `typ`; undefined judges no typ, for data that has none: no verifier that partners make does that. */
  readonly typ: string | undefined
  /** Default 8192. */
  readonly maxBytes?: number | undefined
  /** kid by header text, of headers that this form has judged before: an issuer spells few, and repeats them. */
  readonly knownHeaders?: ReadonlyMap<string, string> | undefined
}

export const MAX_TOKEN_BYTES = 8192
const MAX_JSON_DEPTH = 8
const SIGNATURE_BYTES = 64
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const BASE64URL = /^[A-Za-z0-9_-]*$/
const KID = /^[A-Za-z0-9_-]{1,128}$/
const JSON_CODES = {
  syntax: 'json-invalid',
  'duplicate-key': 'json-duplicate-key',
  'too-deep': 'json-too-deep',
} as const satisfies Record<StrictJsonError['fault'], RefusalCode>

/** RFC 8725 section 3.10 and RFC 7515 section 4.1: parameters by which a token would choose how it is verified. */
const DANGEROUS_PARAMETERS: ReadonlyMap<string, RefusalCode> = new Map([
  ['jwk', 'header-jwk'],
  ['jku', 'header-jku'],
  ['x5c', 'header-x5c'],
  ['x5u', 'header-x5u'],
  ['crit', 'header-crit'],
  ['b64', 'header-b64'],
  ['zip', 'header-zip'],
])

/**
 * Reads a compact JWS (RFC 7515 section 7.1) in its one canonical form: a token that could be spelled in two ways could
 * be counted, cached or revoked as two.
 * @throws TokenRefused
 */
export function readCompact(token: unknown, form: CompactForm): CompactJws {
  const { typ, maxBytes = MAX_TOKEN_BYTES, knownHeaders } = form
  if (typeof token !== 'string') throw new TokenRefused('token-not-a-string')
  if (token.length > maxBytes) throw new TokenRefused('token-too-large')
  const firstDot = token.indexOf('.')
  const lastDot = token.lastIndexOf('.')
  if (firstDot === lastDot || token.indexOf('.', firstDot + 1) !== lastDot) throw new TokenRefused('segment-count')
  const header = token.slice(0, firstDot)
  const known = knownHeaders?.get(header)
  const headerBytes = known === undefined ? decodeBase64url(header) : undefined
  const payload = decodeBase64url(token.slice(firstDot + 1, lastDot))
  const signature = decodeBase64url(token.slice(lastDot + 1))
  const kid = known ?? judgeHeader(readJson(headerBytes ?? Buffer.alloc(0)), typ)
  if (signature.length !== SIGNATURE_BYTES)
    throw new TokenRefused(isDer(signature) ? 'signature-der' : 'signature-length')
  return { header, kid, signingInput: token.slice(0, lastDot), payload, signature }
}

/**
 * Reads the payload of a JWS whose signature has been verified.
 * @throws TokenRefused
 */
export function readPayload(payload: Buffer): JsonObject {
  const claims = readJson(payload)
  if (!isJsonObject(claims)) throw new TokenRefused('payload-not-object')
  return claims
}

/**
 * Decodes canonical, unpadded base64url (RFC 4648 sections 3.5 and 5). `Buffer` alone forgives everything.
 * @throws TokenRefused
 */
export function decodeBase64url(segment: string): Buffer {
  if (!BASE64URL.test(segment)) {
    if (/\s/.test(segment)) throw new TokenRefused('token-whitespace')
    throw new TokenRefused(/^[A-Za-z0-9_-]*=+$/.test(segment) ? 'base64url-padded' : 'base64url-invalid')
  }
  const rest = segment.length % 4
  if (rest === 1) throw new TokenRefused('base64url-invalid')
  if (rest !== 0) {
    const spareBits = rest === 2 ? 0b1111 : 0b11
    const last = ALPHABET.indexOf(segment.charAt(segment.length - 1))
    if ((last & spareBits) !== 0) throw new TokenRefused('base64url-not-canonical')
  }
  return Buffer.from(segment, 'base64url')
}

/** An ASN.1 SEQUENCE of exactly this length: what OpenSSL and Java write unless they are told otherwise. */
function isDer(signature: Buffer): boolean {
  return signature.length > 2 && signature[0] === 0x30 && signature[1] === signature.length - 2
}

function judgeHeader(header: JsonValue, typ: string | undefined): string {
  if (!isJsonObject(header)) throw new TokenRefused('header-not-object')
  let unknown = false
  for (const name in header) {
    const code = DANGEROUS_PARAMETERS.get(name)
    if (code !== undefined) throw new TokenRefused(code)
    if (name !== 'typ' && name !== 'alg' && name !== 'kid') unknown = true
  }
  if (unknown) throw new TokenRefused('header-unknown')
  // One algorithm, by its exact name: `none`, HS256 with the public key as secret, and the rest all end here.
  if (header['alg'] !== 'ES256') throw new TokenRefused('alg-refused')
  if (typ !== undefined && header['typ'] === undefined) throw new TokenRefused('typ-missing')
  if (typ !== undefined && header['typ'] !== typ) throw new TokenRefused('typ-wrong')
  const kid = header['kid']
  if (kid === undefined) throw new TokenRefused('kid-missing')
  if (typeof kid !== 'string' || !isKid(kid)) throw new TokenRefused('kid-invalid')
  return kid
}

/** Key ids are RFC 7638 thumbprints; nothing outside base64url can be one, so no path or query ever is. */
export function isKid(kid: string): boolean {
  return KID.test(kid)
}

function readJson(bytes: Buffer): JsonValue {
  if (!isUtf8(bytes)) throw new TokenRefused('utf8-invalid')
  try {
    return parseStrictJson(bytes.toString('utf8'), MAX_JSON_DEPTH)
  } catch (error) {
    if (error instanceof StrictJsonError) throw new TokenRefused(JSON_CODES[error.fault], { cause: error })
    throw error
  }
}
