import type { LinkId, MemberId } from '../../schemas/ids.ts'
import { passTimes } from '../../schemas/pass.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { type TokenEntitlement, tokenTypes } from '../../schemas/token.ts'
import { instantOf, type Now } from '../kernel/clock.ts'
import { Refusal } from '../kernel/refusal.ts'
import type { Table } from '../kernel/table.ts'
import { liveLinks } from '../links/records.ts'
import type { KeyRing } from '../tokens/keys.ts'
import { claimsOfLink } from '../tokens/mint.ts'
import { createPass } from './store.ts'

type Needs = { table: Table; keys: Pick<KeyRing, 'sign'>; now: Now; wallNow: Now; issuer: string }
type Request = { member: MemberId; programme: string; partner: string }

/** A pass as it is shown: `id` is the token's `jti`, `issuedAt` and `expiresAt` are by the business clock. */
export type Pass = {
  token: string
  id: string
  link: LinkId
  issuedAt: Instant
  expiresAt: Instant
  entitlements: TokenEntitlement[]
}

/**
 * An entitlement token of the member's live link that lives for 60 s, to be scanned at a till of the partner and
 * redeemed once. It is recorded before anybody sees it: what has no record is no pass.
 * @throws Refusal link-not-found, nothing-entitled
 */
export async function issuePass(needs: Needs, { member, programme, partner }: Request): Promise<Pass> {
  const { table, keys, wallNow } = needs
  const link = (await liveLinks(table, member, programme)).find(live => live.partner === partner)
  if (!link) throw new Refusal('link-not-found', 'no account of this partner is linked: link one first')
  const claims = await claimsOfLink(needs, partner, link.id, passTimes.lifeSeconds)
  if (typeof claims === 'string') throw new Refusal(claims)
  const pass = {
    id: claims.jti,
    link: claims.lnk,
    issuedAt: instantOf(claims.iat * 1000),
    expiresAt: instantOf(claims.exp * 1000),
  }
  const [token] = await Promise.all([
    keys.sign('entitlement', tokenTypes.entitlement, claims),
    createPass(table, { ...pass, member, programme, partner, state: 'issued' }, wallNow),
  ])
  return { ...pass, token, entitlements: claims.ent }
}
