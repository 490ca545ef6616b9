import type { Partner, PartnerDocument } from '../../schemas/partner.ts'
import { requirePinned } from './pin-metadata.ts'

/** An OpenID provider, and what the gateway is to it. */
export type Registration = {
  issuer: string
  clientId: string
  clientSecret?: string | undefined
  clientAuthentication?: PartnerDocument['clientAuthentication']
  /** Grows with every change: what was learnt under an earlier one is not used. */
  version?: number
  /** Told of the provider's metadata before they are used. @throws Refusal where they must not be */
  admit?: (metadata: Record<string, unknown>) => Promise<void>
}

/** What the gateway is to a partner's OpenID provider, whose metadata must be those of the first use. */
export const registrationAt = (
  needs: Parameters<typeof requirePinned>[0],
  partner: Partner,
  clientSecret: string | undefined,
): Registration => ({
  issuer: partner.issuer,
  clientId: partner.clientId,
  clientSecret,
  clientAuthentication: partner.clientAuthentication,
  version: partner.version,
  admit: metadata => requirePinned(needs, partner, metadata),
})
