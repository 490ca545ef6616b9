import { randomUUID } from 'node:crypto'
import type { LinkedEntitlement } from '../../schemas/entitlement.ts'
import type { LinkRecord } from '../../schemas/link.ts'
import type { Instant } from '../../schemas/primitives.ts'
import {
  type EntitlementTokenAnswer,
  type EntitlementTokenClaims,
  type EntitlementTokenRequest,
  type TokenEntitlement,
  tokenTypes,
} from '../../schemas/token.ts'
import { type QuotaUse, remainingOf } from '../entitlements/quota-use.ts'
import { epochSeconds, instantOf, type Now } from '../kernel/clock.ts'
import { Refusal } from '../kernel/refusal.ts'
import type { Table } from '../kernel/table.ts'
import { linksOfAccount, linkWithUses } from '../links/find-links.ts'
import type { KeyRing } from './keys.ts'

type Needs = { table: Table; keys: KeyRing; now: Now; issuer: string }

/**
 * The signed statement of one link's entitlements, for the partner that asks. One Query and no write where the link's
 * id is given; an account costs one more read.
 * @throws Refusal link-not-found (also for another partner's link, so that nobody learns that it exists),
 *   nothing-entitled, programme-ambiguous
 */
export async function mint(
  { table, keys, now, issuer }: Needs,
  partner: string,
  request: EntitlementTokenRequest,
): Promise<EntitlementTokenAnswer> {
  const id = request.linkId ?? (await liveLinkOf(table, partner, request))
  const found = await linkWithUses({ table }, id)
  if (!found || found.link.partner !== partner) throw new Refusal('link-not-found')
  const claims = claimsOf(found.link, found.uses, { issuer, now: now(), tokenId: randomUUID() })
  if (!claims) throw new Refusal('nothing-entitled')
  return {
    token: await keys.sign('entitlement', tokenTypes.entitlement, claims),
    expiresAt: instantOf(claims.exp * 1000),
    entitlements: claims.ent,
  }
}

async function liveLinkOf(table: Table, partner: string, { account = '', programme }: EntitlementTokenRequest) {
  const links = (await linksOfAccount({ table }, partner, account)).filter(link => link.state === 'active')
  const asked = links.filter(link => programme === undefined || link.programme === programme)
  const [only, other] = asked
  if (!only) throw new Refusal('link-not-found')
  if (other) throw new Refusal('programme-ambiguous', `name one of ${asked.map(link => link.programme).join(', ')}`)
  return only.id
}

type Moment = { issuer: string; now: Instant; tokenId: string }

/** Claims of a token minted now (pure); undefined when nothing is live. Never valid past an entitlement's end. */
export function claimsOf(link: LinkRecord, uses: QuotaUse[], { issuer, now, tokenId }: Moment) {
  const iat = epochSeconds(now)
  const ent = link.state === 'active' ? link.entitlements.flatMap(held => shown(held, uses, now)) : []
  if (ent.length === 0) return undefined
  const exp = Math.min(iat + link.tokenTtlSeconds, ...ent.map(({ vu }) => vu))
  const { subject: sub, partner: aud, id: lnk, seq } = link
  return {
    iss: issuer,
    sub,
    aud,
    iat,
    nbf: iat,
    exp,
    jti: tokenId,
    ver: '1',
    lnk,
    seq,
    ent,
  } satisfies EntitlementTokenClaims
}

function shown(held: LinkedEntitlement, uses: QuotaUse[], now: Instant): TokenEntitlement[] {
  const standing = standingOf(held, epochSeconds(now))
  if (!standing) return []
  const rem = remainingOf(held, uses, now)
  const { id, benefit: bid, limits: lim } = held
  return [{ id, bid, ...standing, ...(lim && { lim }), ...(rem !== undefined && { rem }) }]
}

/**
 * Whether the entitlement is live at this second. A timer may be late: what is past its end counts as ended, and what
 * grace keeps alive counts as ending, before anything is stored.
 */
function standingOf({ state, validUntil, graceUntil }: LinkedEntitlement, now: number) {
  if (state !== 'active' && state !== 'ending') return undefined
  const vu = epochSeconds(validUntil)
  if (now < vu) return { st: state, vu }
  const grace = graceUntil ? epochSeconds(graceUntil) : vu
  return now < grace ? { st: 'ending' as const, vu: grace } : undefined
}
