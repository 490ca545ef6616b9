import type { LinkId } from '../../schemas/ids.ts'
import type { Partner } from '../../schemas/partner.ts'
import { errorFields } from '../kernel/log.ts'
import { Refusal } from '../kernel/refusal.ts'
import { findPartnerToken } from '../links/partner-token.ts'
import { partnerRegistration } from '../partners/find-partner.ts'
import { requirePinned } from '../partners/pin-metadata.ts'
import type { Registration } from './openid-client.ts'
import type { Portal } from './visit.ts'

/** What the gateway is to a partner's OpenID provider, whose metadata must be those of the first use. */
export const registrationAt = (portal: Portal, partner: Partner, clientSecret: string | undefined): Registration => ({
  issuer: partner.issuer,
  clientId: partner.clientId,
  clientSecret,
  clientAuthentication: partner.clientAuthentication,
  version: partner.version,
  admit: metadata => requirePinned(portal, partner, metadata),
})

/**
 * Withdraws at the partner what the member agreed to there (RFC 7009), if a token of it is kept. The token is read now,
 * since it goes with the link; what is returned is called once that is committed. It never fails: the link has ended,
 * whatever the partner makes of it.
 */
export async function consentWithdrawal(
  portal: Portal,
  { id, partner }: { id: LinkId; partner: string },
): Promise<() => Promise<void>> {
  const failed = revocationFailed(portal, partner)
  const token = await findPartnerToken(portal, id).catch(failed)
  if (token === undefined) return async () => undefined
  return async () => {
    await revokeAt(portal, partner, token).catch(failed)
  }
}

/** For a token that nobody needs; it never fails. */
export const discardToken = (portal: Portal, partner: string, refreshToken: string): Promise<void> =>
  revokeAt(portal, partner, refreshToken).catch(revocationFailed(portal, partner))

async function revokeAt(portal: Portal, id: string, refreshToken: string): Promise<void> {
  const { partner, clientSecret } = await partnerRegistration(portal, id)
  await portal.openid.revoke(registrationAt(portal, partner, clientSecret), refreshToken)
}

const revocationFailed = (portal: Portal, partner: string) => (error: unknown) => {
  const fields = error instanceof Refusal ? { code: error.code } : errorFields(error)
  portal.log('warn', 'partner-revocation-failed', { partner, ...fields })
  return undefined
}
