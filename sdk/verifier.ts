import { judgeLifetime, judgeParties, readCount, readObject, readText, readTime } from './claims.ts'
import { createIssuerKeys, epochSeconds, type IssuerKeysOptions } from './issuer-keys.ts'
import { TokenRefused } from './refused.ts'
import { type HighSPolicy, openSigned } from './signed.ts'
import type { JsonObject, JsonValue } from './strict-json.ts'

export const ENTITLEMENT_TOKEN_TYP = 'benefit-entitlement+jwt'

export interface VerifierOptions extends IssuerKeysOptions {
  /** The partner's own id: the one string that `aud` must be. */
  readonly audience: string
  /** Default `accept`. */
  readonly highS?: HighSPolicy | undefined
}

export interface Verifier {
  /** @throws TokenRefused with a stable `code`; any other error is a fault of the caller's set-up */
  verify(token: string): Promise<VerifiedEntitlements>
}

export type LimitValue = number | string | boolean

/** The right to use one benefit. Times are epoch seconds. */
export interface VerifiedEntitlement {
  readonly id: string
  readonly benefit: string
  /** `ending`: usable until `validUntil`, and not renewed after it. */
  readonly state: 'active' | 'ending'
  readonly validUntil: number
  readonly limits: Readonly<Record<string, LimitValue>>
  /** What was left of the current quota period when the token was made; absent where there is no quota. */
  readonly remaining?: number
}

/** What a genuine token says. Times are epoch seconds. */
export interface VerifiedEntitlements {
  readonly subject: string
  readonly linkId: string
  /** Grows with every change of the link: of two tokens for one link the higher is the newer. */
  readonly sequence: number
  readonly tokenId: string
  readonly issuedAt: number
  readonly expiresAt: number
  /** Never empty; entitlements that ended before the moment of verification are left out. */
  readonly entitlements: readonly VerifiedEntitlement[]
  /** The token's `status` claim as it stands: carried along, not checked. */
  readonly status?: JsonObject
  has(benefit: string): boolean
  entitlement(benefit: string): VerifiedEntitlement | undefined
}

/**
 * Verifies benefit-entitlement tokens of one issuer for one partner. Make it once and keep it: it holds the keys.
 * @throws TypeError when the options cannot be right
 */
export function createVerifier(options: VerifierOptions): Verifier {
  const { issuer, audience, now = epochSeconds, highS = 'accept' } = options
  if (typeof audience !== 'string' || audience === '') throw new TypeError('audience must be a non-empty string')
  const signedBy = { keys: createIssuerKeys(options), typ: ENTITLEMENT_TOKEN_TYP, highS }
  return {
    async verify(token) {
      const claims = await openSigned(token, signedBy)
      return judgeEntitlements(claims, issuer, audience, now())
    },
  }
}

/** The decision on the claims alone, for claims whose signature has been verified. Unknown claims are passed over. */
export function judgeEntitlements(
  claims: JsonObject,
  issuer: string,
  audience: string,
  now: number,
): VerifiedEntitlements {
  judgeParties(claims, { issuer, audience })
  const { issuedAt, expiresAt } = judgeLifetime(claims, now)
  // First after the envelope: in another version every claim below may mean something else.
  if (claims['ver'] !== '1') throw new TokenRefused('version-unsupported')
  const status = claims['status'] === undefined ? {} : { status: readObject(claims['status'], 'claim-status-invalid') }
  const named = {
    subject: readText(claims['sub'], 'claim-sub-invalid'),
    linkId: readText(claims['lnk'], 'claim-lnk-invalid'),
    sequence: readCount(claims['seq'], 'claim-seq-invalid'),
    tokenId: readText(claims['jti'], 'claim-jti-invalid'),
  }
  const entitlements = readEntitlements(claims['ent']).filter(({ validUntil }) => validUntil > now)
  if (entitlements.length === 0) throw new TokenRefused('entitlements-ended')
  const entitlement = (benefit: string) => entitlements.find(one => one.benefit === benefit)
  return Object.freeze({
    ...named,
    issuedAt,
    expiresAt,
    entitlements: Object.freeze(entitlements),
    ...status,
    has: (benefit: string) => entitlement(benefit) !== undefined,
    entitlement,
  })
}

function readEntitlements(list: JsonValue | undefined): VerifiedEntitlement[] {
  if (!Array.isArray(list) || list.length === 0) throw new TokenRefused('claim-ent-invalid')
  const entitlements = list.map(readEntitlement)
  if (new Set(entitlements.map(one => one.id)).size !== entitlements.length) throw new TokenRefused('claim-ent-invalid')
  return entitlements
}

function readEntitlement(value: JsonValue): VerifiedEntitlement {
  const code = 'claim-ent-invalid'
  const item = readObject(value, code)
  const state = item['st']
  if (state !== 'active' && state !== 'ending') throw new TokenRefused(code)
  return Object.freeze({
    id: readText(item['id'], code),
    benefit: readText(item['bid'], code),
    state,
    validUntil: readTime(item['vu'], code),
    limits: readLimits(item['lim']),
    ...(item['rem'] === undefined ? {} : { remaining: readCount(item['rem'], code) }),
  })
}

function readLimits(value: JsonValue | undefined): Readonly<Record<string, LimitValue>> {
  const limits: Record<string, LimitValue> = Object.create(null)
  if (value === undefined) return Object.freeze(limits)
  for (const [name, limit] of Object.entries(readObject(value, 'claim-ent-invalid'))) {
    if (typeof limit !== 'number' && typeof limit !== 'string' && typeof limit !== 'boolean') {
      throw new TokenRefused('claim-ent-invalid')
    }
    limits[name] = limit
  }
  return Object.freeze(limits)
}
