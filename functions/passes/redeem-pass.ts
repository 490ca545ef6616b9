import { type PassRecord, type PassRedemption, type PassRedemptionRequest, passTimes } from '../../schemas/pass.ts'
import { isBefore, type Now, plusSeconds } from '../kernel/clock.ts'
import type { NewId } from '../kernel/ids.ts'
import { Refusal } from '../kernel/refusal.ts'
import { againOnConflict, type Table } from '../kernel/table.ts'
import { activityWrite, linkIsUnchanged } from '../links/records.ts'
import type { KeyRing } from '../tokens/keys.ts'
import { claimsOfLink } from '../tokens/mint.ts'
import { readOwnToken } from './read-token.ts'
import { findPass, findPassOfRedemption, redemptionWrites } from './store.ts'

type Needs = {
  table: Table
  keys: Pick<KeyRing, 'publicKeysFor'>
  now: Now
  wallNow: Now
  newId: NewId
  issuer: string
}
type Request = PassRedemptionRequest & { partner: string }

/**
 * Turns in a pass that a till scanned. Of rivals exactly one wins; the same id again gets the winner's answer, also
 * after the pass has expired, since the first answer may have been lost on the way.
 * @throws Refusal pass-not-found, not-yours, pass-expired, pass-already-redeemed, nothing-entitled,
 *   idempotency-key-reused when the id names the redemption of another pass
 */
export async function redeemPass(needs: Needs, { partner, id, token }: Request): Promise<PassRedemption> {
  const claims = await readOwnToken(needs, token)
  if (!claims) throw new Refusal('pass-not-found', 'this is no pass of this gateway: scan the code again')
  if (claims.aud !== partner)
    throw new Refusal('not-yours', 'the pass is for another partner: the member must choose you')
  return againOnConflict(() => attempt(needs, { partner, id, pass: claims.jti }))
}

async function attempt(needs: Needs, asked: { partner: string; id: string; pass: string }): Promise<PassRedemption> {
  const { table, now, wallNow, newId } = needs
  const { partner, id } = asked
  const [record, named] = await Promise.all([findPass(table, asked.pass), findPassOfRedemption(table, partner, id)])
  if (!record)
    throw new Refusal('pass-not-found', 'the token is genuine but no pass: the member shows one on the page /pass')
  const at = now()
  const before = decide(record, { id, named, at })
  if (before) return before
  const claims = await claimsOfLink(needs, partner, record.link)
  if (typeof claims === 'string')
    throw new Refusal('nothing-entitled', 'the link or its benefits ended after the pass was shown')
  const { lnk: linkId, seq, ent: entitlements } = claims
  const redemption: PassRedemption = { id, pass: record.id, linkId, entitlements, redeemedAt: at }
  const { member, programme } = record
  await table.commit([
    ...redemptionWrites(record, redemption, wallNow),
    // The link may end while we look at it: then the pass is looked at again.
    linkIsUnchanged({ id: linkId, seq }),
    activityWrite(member, newId('act'), { at, action: 'pass-redeemed', programme, partner, link: linkId }),
  ])
  return redemption
}

type Attempt = { id: string; named: string | undefined; at: PassRecord['issuedAt'] }

/** The first answer where this is its repetition, undefined where the pass may be redeemed (pure). @throws Refusal */
export function decide(pass: PassRecord, { id, named, at }: Attempt): PassRedemption | undefined {
  if (named !== undefined && named !== pass.id)
    throw new Refusal('idempotency-key-reused', 'the id names the redemption of another pass: use a fresh one for each')
  const { redemption } = pass
  if (redemption?.id === id) return redemption
  if (redemption)
    throw new Refusal('pass-already-redeemed', `it was redeemed at ${redemption.redeemedAt} under another id`)
  if (!isBefore(at, plusSeconds(pass.expiresAt, passTimes.graceSeconds)))
    throw new Refusal('pass-expired', `it expired at ${pass.expiresAt}: the member must show a new code`)
  return undefined
}
