import { type Attack, group, type OfferedTo } from './attack.ts'
import type { TestIssuer } from './issuer.ts'
import { KEY_PURPOSES } from './keys.ts'
import { signChanged, TOKEN_KINDS, type TokenKind } from './kinds.ts'

const KINDS = Object.keys(TOKEN_KINDS) as readonly TokenKind[]
const VERIFIERS: readonly OfferedTo[] = ['entitlement', 'receipt', 'statement', 'event']
const CALLED: Readonly<Record<TokenKind, string>> = {
  entitlement: 'an entitlement token',
  'status-list': 'a status list',
  event: 'a security event token',
  receipt: 'a usage receipt',
  statement: 'a settlement statement',
  access: 'an access token',
}

/** A genuine token of one kind, offered to the verifier of another (RFC 8725 section 3.11). */
const otherKinds = VERIFIERS.flatMap(offeredTo =>
  KINDS.filter(kind => kind !== offeredTo).map(kind => ({
    name: `${kind}-as-${offeredTo}`,
    what: `${CALLED[kind]} offered as ${CALLED[offeredTo]}`,
    code: 'typ-wrong' as const,
    offeredTo,
    make: (issuer: TestIssuer) => issuer.sign(kind),
  })),
)

/** The right claims under the right typ, signed with a key that the issuer publishes for something else. */
const otherKeys = VERIFIERS.flatMap(offeredTo =>
  KEY_PURPOSES.filter(purpose => purpose !== TOKEN_KINDS[offeredTo].purpose).map(purpose => ({
    name: `${offeredTo}-by-${purpose}-key`,
    what: `${CALLED[offeredTo]} signed with the issuer’s ${purpose} key`,
    code: 'key-purpose-mismatch' as const,
    offeredTo,
    make: (issuer: TestIssuer) => {
      const key = issuer.keys[purpose]
      return signChanged({ ...issuer.genuine(offeredTo), key }, {}, { kid: key.kid })
    },
  })),
)

/** Claims of one kind under the typ and key of another: only the claims can tell. */
const otherClaims = [
  {
    name: 'receipt-claims-in-entitlement',
    what: 'the claims of a usage receipt under the entitlement typ and key',
    code: 'claim-nbf-invalid' as const,
    make: (issuer: TestIssuer) => {
      const genuine = issuer.genuine('entitlement')
      return signChanged({ ...genuine, claims: issuer.genuine('receipt').claims })
    },
  },
]

export const FOREIGN_TOKENS: readonly Attack[] = [
  ...group('tokens of another kind', [...otherKinds, ...otherClaims]),
  ...group('keys of another purpose', otherKeys),
]
