import type { LinkId } from '../../schemas/ids.ts'
import type { LinkConsent } from '../../schemas/oauth-records.ts'
import { epochSeconds, type Now } from '../kernel/clock.ts'
import { againOnConflict, passOverConflict, type Table, type Write } from '../kernel/table.ts'
import { isLive, payloadOf } from './adapter.ts'
import {
  consentWrite,
  findArtefact,
  findByAlias,
  findConsent,
  putAlias,
  removeGrant,
  removeOfGrant,
  replacePayload,
} from './store.ts'

type Needs = { table: Table; wallNow: Now }

/** From the member's yes to the partner's token call: longer than a code or what is left of a device's time. */
export const unredeemedTtlSeconds = 900
/** A refresh token that nobody uses for this long is over, and its grant with it. The link stays. */
export const idleTtlSeconds = 180 * 86_400

export const expiryIn = ({ wallNow }: Pick<Needs, 'wallNow'>, seconds: number): number =>
  epochSeconds(wallNow()) + seconds

/** What was agreed to under a grant, while the grant holds. */
export async function consentOf({ table, wallNow }: Needs, grantId: string): Promise<LinkConsent | undefined> {
  const consent = await findConsent(table, grantId)
  return consent && consent.expiresAt > epochSeconds(wallNow()) ? consent : undefined
}

/** Written with the link itself: from then on the grant stands for it. */
export function linkedConsent(needs: Needs, grantId: string, consent: LinkConsent, link: LinkId): Write {
  const { account: _known, ...rest } = consent
  return consentWrite(grantId, { ...rest, link, expiresAt: expiryIn(needs, idleTtlSeconds) })
}

/** A grant that is used lives on as long as its newest refresh token. One that was revoked meanwhile stays so. */
export async function keepGrant(needs: Needs, grantId: string): Promise<void> {
  const { table } = needs
  const expiresAt = expiryIn(needs, idleTtlSeconds)
  const found = await findArtefact(table, 'Grant', grantId)
  const payload = payloadOf(found)
  if (!found || !payload || !isLive(found, needs.wallNow)) return
  await replacePayload(table, found, JSON.stringify({ ...payload, exp: expiresAt }), expiresAt).catch(passOverConflict)
}

/** The consent lives as long as its grant. */
export async function keepConsent(needs: Needs, grantId: string, consent: LinkConsent): Promise<void> {
  const kept = consentWrite(grantId, { ...consent, expiresAt: expiryIn(needs, idleTtlSeconds) }, 'present')
  await needs.table.write(kept).catch(passOverConflict)
}

/** Takes away the grant with all its codes and tokens. */
export async function revokeGrant({ table }: Pick<Needs, 'table'>, grantId: string): Promise<void> {
  await removeGrant(table, grantId)
  await againOnConflict(() => removeOfGrant(table, grantId))
}

/** Access tokens are not stored: so that one can be revoked (RFC 7009), its id leads to its grant. */
export const rememberAccessToken = (needs: Needs, jti: string, grantId: string, ttlSeconds: number): Promise<void> =>
  putAlias(
    needs.table,
    { model: 'Grant', id: grantId, expiresAt: expiryIn(needs, ttlSeconds) },
    { by: 'access-token', value: jti },
  )

export async function grantOfAccessToken({ table, wallNow }: Needs, jti: string): Promise<string | undefined> {
  const found = await findByAlias(table, 'Grant', { by: 'access-token', value: jti })
  return found && isLive(found, wallNow) ? found.id : undefined
}
