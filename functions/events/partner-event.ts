import { eventTypes } from '../../schemas/event.ts'

export type PartnerEventInput = {
  /** The partner's OpenID issuer, whose keys sign the token. */
  issuer: string
  /** The gateway's client id there. */
  audience: string
  /** The partner's own id of the account. */
  account: string
  type: keyof Omit<typeof eventTypes, 'linkEnded'>
  /** Unique for the partner; the same when the same event is sent again. */
  id: string
  /** Epoch seconds. */
  at: number
}

/** The claims by which a partner tells the gateway of an account, as OpenID Shared Signals 1.0 profiles RFC 8417; its provider signs them. */
export function partnerEventClaims({ issuer, audience, account, type, id, at }: PartnerEventInput) {
  return {
    iss: issuer,
    aud: audience,
    jti: id,
    iat: at,
    sub_id: { format: 'iss_sub', iss: issuer, sub: account },
    events: { [eventTypes[type]]: {} },
  }
}
