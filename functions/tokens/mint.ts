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
import { remainingOf, type UsedQuota } from '../entitlements/remaining.ts'
import { epochSeconds, instantOf, type Now } from '../kernel/clock.ts'
import { Refusal } from '../kernel/refusal.ts'
import type { Table } from '../kernel/table.ts'
import { linksOfAccount, linkWithQuota } from '../links/find-links.ts'
import { tokenTtlSeconds } from '../partners/token-lifetime.ts'
import type { KeyRing } from './keys.ts'
import { statusListUri } from './status-list.ts'

type Needs = { table: Table; now: Now; issuer: string }

/**
 * The signed statement of one link's entitlements, for the partner that asks. On a warm instance, which holds its keys and
 * the partner's token lifetime, it takes one Query and no write where the link's id is given; an account costs one more
 * read.
 * @throws Refusal link-not-found (also for another partner's link, so that nobody learns that it exists),
 *   nothing-entitled, programme-ambiguous
 */
export async function mint(
  needs: Needs & { keys: Pick<KeyRing, 'sign'> },
  partner: string,
  request: EntitlementTokenRequest,
): Promise<EntitlementTokenAnswer> {
  const id = request.linkId ?? (await liveLinkOf(needs.table, partner, request))
  const claims = await claimsOfLink(needs, partner, id)
  if (typeof claims === 'string') throw new Refusal(claims)
  return {
    token: await needs.keys.sign('entitlement', tokenTypes.entitlement, claims),
    expiresAt: instantOf(claims.exp * 1000),
    entitlements: claims.ent,
  }
}

/**
 * The claims of the token that a partner would get for a link now, or why it would get none. Another partner's link is
 * not found, by the very steps that an unknown one takes.
 * @param lifetimeSeconds the partner's own unless given
 */
export async function claimsOfLink(
  { table, now, issuer }: Needs,
  partner: string,
  linkId: string,
  lifetimeSeconds?: number,
): Promise<EntitlementTokenClaims | 'link-not-found' | 'nothing-entitled'> {
  const [found, ttlSeconds] = await Promise.all([
    linkWithQuota({ table }, partner, linkId),
    lifetimeSeconds ?? tokenTtlSeconds({ table, now }, partner),
  ])
  if (!found) return 'link-not-found'
  const moment = { issuer, now: now(), tokenId: randomUUID(), ttlSeconds }
  return claimsOf(found.link, found.used, moment) ?? 'nothing-entitled'
}

async function liveLinkOf(table: Table, partner: string, { account = '', programme }: EntitlementTokenRequest) {
  const links = (await linksOfAccount({ table }, partner, account)).filter(link => link.state === 'active')
  const asked = links.filter(link => programme === undefined || link.programme === programme)
  const [only, other] = asked
  if (!only) throw new Refusal('link-not-found')
  if (other) throw new Refusal('programme-ambiguous', `name one of ${asked.map(link => link.programme).join(', ')}`)
  return only.id
}

type Moment = { issuer: string; now: Instant; tokenId: string; ttlSeconds: number }

/** Claims of a token minted now (pure); undefined when nothing is live. Never valid past an entitlement's end. */
export function claimsOf(
  link: LinkRecord,
  used: UsedQuota,
  { issuer, now, tokenId, ttlSeconds }: Moment,
): EntitlementTokenClaims | undefined {
  const iat = epochSeconds(now)
  const ent = link.state === 'active' ? link.entitlements.flatMap(held => shown(held, used, now)) : []
  if (ent.length === 0) return undefined
  const { subject: sub, partner: aud, id: lnk, seq, status } = link
  // Without a bit nobody could take the token back: better none than that.
  if (!status) throw new Error('a link with live entitlements has no status index')
  return {
    iss: issuer,
    sub,
    aud,
    iat,
    nbf: iat,
    exp: Math.min(iat + ttlSeconds, ...ent.map(({ vu }) => vu)),
    jti: tokenId,
    ver: '1',
    lnk,
    seq,
    ent,
    status: { status_list: { idx: status.index, uri: statusListUri(issuer, aud, status.list) } },
  }
}

function shown(held: LinkedEntitlement, used: UsedQuota, now: Instant): TokenEntitlement[] {
  const standing = standingOf(held, epochSeconds(now))
  if (!standing) return []
  const rem = remainingOf(held, used, now)
  const { id, benefit: bid, limits: lim } = held
  return [{ id, bid, ...standing, ...(lim && { lim }), ...(rem !== undefined && { rem }) }]
}

/** Whether a token that is minted at this instant would carry the entitlement. */
export const isUsable = (held: LinkedEntitlement, now: Instant): boolean =>
  standingOf(held, epochSeconds(now)) !== undefined

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
