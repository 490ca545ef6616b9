import type { KoaContextWithOIDC } from 'oidc-provider'
import { Refusal } from '../kernel/refusal.ts'
import { unlink } from '../links/unlink.ts'
import { consentOf, grantOfAccessToken, revokeGrant } from './grants.ts'
import type { LinkNeeds } from './token-call.ts'

/**
 * Ends the link that a grant stands for, by the partner's will. Before the tokens go: where this fails, they are still
 * there and the partner may try again.
 */
export async function endLinkOf(needs: LinkNeeds, grantId: string): Promise<void> {
  const consent = await consentOf(needs, grantId)
  if (!consent?.link) return
  const { member, programme, partner, link } = consent
  try {
    await unlink(needs, { member, programme, partner, link, reason: 'partner' })
  } catch (error) {
    if (!(error instanceof Refusal && error.code === 'link-not-found')) throw error
  }
}

/**
 * An access token of a link's grant is revoked like its refresh token. The library knows no structured tokens (RFC 7009
 * section 2.2.1): it has authenticated the client and refused the token, which is all it says of other access tokens.
 * @returns whether it was such a token of this client
 */
export async function revokeAccessToken(needs: LinkNeeds, { oidc }: KoaContextWithOIDC): Promise<boolean> {
  const token = oidc.params?.['token']
  const jti = typeof token === 'string' ? idOf(token) : undefined
  const grantId = jti === undefined ? undefined : await grantOfAccessToken(needs, jti)
  const consent = grantId === undefined ? undefined : await consentOf(needs, grantId)
  if (grantId === undefined || consent?.client !== oidc.client?.clientId) return false
  await endLinkOf(needs, grantId)
  await revokeGrant(needs, grantId)
  return true
}

/** The id alone is a secret of the token's: nobody guesses it, so the signature need not be checked. */
function idOf(token: string): string | undefined {
  try {
    const { jti } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { jti?: unknown }
    return typeof jti === 'string' ? jti : undefined
  } catch {
    return undefined
  }
}
