import { judgeLifetime, judgeParties, readCount, readObject, readText, readTime } from './claims.ts'
import { type RefusalCode, TokenRefused } from './refused.ts'
import type { JsonObject, JsonValue } from './strict-json.ts'

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

/**
 * `valid`: a fresh status list says so. `stale`: no fresh list could be had, and every entitlement that is left is here
 * because `onStaleStatus` lets its benefit pass then. `unchecked`: the verifier does not check the status.
 */
export type StatusFinding = 'valid' | 'stale' | 'unchecked'

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
  readonly status: StatusFinding
  /**
   * Benefits that the token has and that are left out above, because no fresh status list could be had and
   * `onStaleStatus` does not let them pass then. Empty unless `status` is `stale`.
   */
  readonly withheld: readonly string[]
  /** Why no fresh status list could be had; absent unless `status` is `stale`. */
  readonly staleReason?: RefusalCode
  has(benefit: string): boolean
  entitlement(benefit: string): VerifiedEntitlement | undefined
}

/** Where a token's status stands (draft-ietf-oauth-status-list, `status_list` in a referenced token). */
export interface StatusReference {
  readonly index: number
  readonly uri: string
}

const NO_LIMITS: Readonly<Record<string, LimitValue>> = Object.freeze(Object.create(null))

/** What a token says at one moment, before its status has been looked at. */
export interface TokenReading {
  readonly subject: string
  readonly linkId: string
  readonly sequence: number
  readonly tokenId: string
  readonly issuedAt: number
  readonly expiresAt: number
  readonly entitlements: readonly VerifiedEntitlement[]
  readonly reference: StatusReference | undefined
}

/**
 * The decision on the claims alone, for claims whose signature has been verified. Unknown claims are passed over.
 * @throws TokenRefused
 */
export function readEntitlementToken(
  claims: JsonObject,
  parties: { readonly issuer: string; readonly audience: string },
  now: number,
): TokenReading {
  judgeParties(claims, parties)
  const { issuedAt, expiresAt } = judgeLifetime(claims, now)
  // First after the envelope: in another version every claim below may mean something else.
  if (claims['ver'] !== '1') throw new TokenRefused('version-unsupported')
  const reference = readReference(claims['status'])
  const named = {
    subject: readText(claims['sub'], 'claim-sub-invalid'),
    linkId: readText(claims['lnk'], 'claim-lnk-invalid'),
    sequence: readCount(claims['seq'], 'claim-seq-invalid'),
    tokenId: readText(claims['jti'], 'claim-jti-invalid'),
  }
  const entitlements = readEntitlements(claims['ent']).filter(({ validUntil }) => validUntil > now)
  if (entitlements.length === 0) throw new TokenRefused('entitlements-ended')
  return { ...named, issuedAt, expiresAt, entitlements, reference }
}

/** What {@link present} says of a status that could not be looked up. */
export interface Staleness {
  readonly withheld: readonly string[]
  readonly staleReason: RefusalCode
}

/** The reading as a partner gets it: frozen, since one object may answer for many verifications. */
export function present(reading: TokenReading, status: StatusFinding, stale?: Staleness): VerifiedEntitlements {
  const { reference: _, entitlements, ...named } = reading
  const entitlement = (benefit: string) => entitlements.find(one => one.benefit === benefit)
  return Object.freeze({
    ...named,
    entitlements: Object.freeze(entitlements),
    status,
    withheld: Object.freeze(stale?.withheld ?? []),
    ...(stale === undefined ? {} : { staleReason: stale.staleReason }),
    has: (benefit: string) => entitlement(benefit) !== undefined,
    entitlement,
  })
}

/** A status without `status_list` is of a mechanism unknown to the kit, and points nowhere. */
function readReference(status: JsonValue | undefined): StatusReference | undefined {
  const code = 'claim-status-invalid'
  if (status === undefined) return undefined
  const list = readObject(status, code)['status_list']
  if (list === undefined) return undefined
  const { idx, uri } = readObject(list, code)
  return { index: readCount(idx, code), uri: readText(uri, code) }
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

/** The parsed object itself: it has no prototype, and nothing else holds it. */
function readLimits(value: JsonValue | undefined): Readonly<Record<string, LimitValue>> {
  if (value === undefined) return NO_LIMITS
  const limits = readObject(value, 'claim-ent-invalid')
  if (!isLimits(limits)) throw new TokenRefused('claim-ent-invalid')
  return Object.freeze(limits)
}

function isLimits(limits: JsonObject): limits is Readonly<Record<string, LimitValue>> {
  for (const name in limits) {
    const limit = limits[name]
    if (typeof limit !== 'number' && typeof limit !== 'string' && typeof limit !== 'boolean') return false
  }
  return true
}
