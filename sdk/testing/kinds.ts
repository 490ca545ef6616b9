import { Buffer } from 'node:buffer'
import type { KeyPurpose, TestKey } from './keys.ts'
import { signBytes } from './signing.ts'

/** A JSON object on its way into a token. `undefined` leaves a member out. */
export type Members = Readonly<Record<string, unknown>>

/** Every kind of token that the issuer signs, with its header `typ` and the purpose of its key. */
export const TOKEN_KINDS = {
  entitlement: { typ: 'benefit-entitlement+jwt', purpose: 'entitlement' },
  'status-list': { typ: 'statuslist+jwt', purpose: 'status-list' },
  event: { typ: 'secevent+jwt', purpose: 'event' },
  receipt: { typ: 'usage-receipt+jwt', purpose: 'statement' },
  statement: { typ: 'settlement-statement+jwt', purpose: 'statement' },
  access: { typ: 'at+jwt', purpose: 'access' },
} as const satisfies Record<string, { typ: string; purpose: KeyPurpose }>
export type TokenKind = keyof typeof TOKEN_KINDS

/** What a forgery starts from: a genuine token of one kind in its parts, and the key that signs it. */
export interface Genuine {
  readonly header: Members
  readonly claims: Members
  readonly key: Pick<TestKey, 'kid' | 'privateKey' | 'publicKey'>
}

/** Signs the genuine token with some members changed. */
export const signChanged = (genuine: Genuine, claims: Members = {}, header: Members = {}): string =>
  signBytes(
    JSON.stringify({ ...genuine.header, ...header }),
    JSON.stringify({ ...genuine.claims, ...claims }),
    genuine.key.privateKey,
  )

/** Claims of the kinds that a partner receives besides entitlement tokens. Times are epoch seconds. */
export interface Moment {
  readonly issuer: string
  readonly audience: string
  readonly now: number
}

const HASH = 'b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c'
const CREDENTIAL_CHANGE = 'https://schemas.openid.net/secevent/caep/event-type/credential-change'

export const otherClaims = {
  /** RFC 8417, as profiled by OpenID Shared Signals 1.0: `sub_id` instead of `sub`, and no `exp`. */
  event: ({ issuer: iss, audience: aud, now: iat }: Moment): Members => ({
    iss,
    aud,
    iat,
    jti: 'evt_test',
    txn: 'txn_test',
    sub_id: { format: 'opaque', id: 'lnk_01J00000000000000000000000' },
    events: { [CREDENTIAL_CHANGE]: { event_timestamp: iat } },
  }),
  receipt: ({ issuer: iss, audience: aud, now: iat }: Moment): Members => ({
    iss,
    aud,
    iat,
    bat: 'bat_01J00000000000000000000000',
    digest: `sha-256=:${Buffer.from(HASH, 'hex').toString('base64')}:`,
    lines: 2,
    malformed: 0,
    quantity: 2,
    seq: 1,
    prev: '0'.repeat(64),
    hash: HASH,
  }),
  statement: ({ issuer: iss, audience, now: iat }: Moment): Members => ({
    iss,
    aud: ['alibaba', audience],
    iat,
    sub: 'stm_01J00000000000000000000000',
    hash: HASH,
    programme: '88vip',
    period: '2026-10',
  }),
  /** RFC 9068. */
  access: ({ issuer: iss, audience, now: iat }: Moment): Members => ({
    iss,
    aud: iss,
    sub: audience,
    client_id: audience,
    jti: 'at_test',
    iat,
    exp: iat + 600,
    scope: 'entitlements:read',
    brand: audience,
    partner: audience,
  }),
} as const
