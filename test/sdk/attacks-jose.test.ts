import { createLocalJWKSet, type JWTVerifyOptions, errors as joseErrors, jwtVerify } from 'jose'
import { describe, expect, test } from 'vitest'
import {
  type Attack,
  corpus,
  createTestIssuer,
  type TestIssuer,
  TOKEN_KINDS,
  validTokens,
} from '../../sdk/testing/index.ts'

/**
 * Why there is a kit: the corpus offered to a good general library with every option set. What it lets through is no
 * fault of the library, which must serve every issuer; a partner of this one needs it refused.
 */
const NOW = 1_790_000_000
const issuerNow = (): TestIssuer => createTestIssuer({ issuer: 'https://tessera.example', now: () => NOW })

/** Claims of the token's own and the status list are the caller's to judge with any library, so they are left out. */
const JUDGED = ['form', 'JSON', 'header', 'signature', 'keys of another purpose', 'issuer and audience', 'times']
const offered = corpus.filter(row => row.offeredTo === 'entitlement' && JUDGED.includes(row.group))

async function joseAccepts(issuer: TestIssuer, token: string): Promise<boolean> {
  const options: JWTVerifyOptions = {
    algorithms: ['ES256'],
    typ: TOKEN_KINDS.entitlement.typ,
    issuer: issuer.issuer,
    audience: issuer.audience,
    currentDate: new Date(NOW * 1000),
    clockTolerance: 0,
    maxTokenAge: 3600,
    requiredClaims: ['iss', 'aud', 'sub', 'iat', 'nbf', 'exp', 'jti', 'ver', 'lnk', 'seq', 'ent', 'status'],
  }
  try {
    await jwtVerify(token, createLocalJWKSet({ keys: issuer.jwks().keys.map(jwk => ({ ...jwk })) }), options)
    return true
  } catch (error) {
    if (error instanceof joseErrors.JOSEError || error instanceof TypeError) return false
    throw error
  }
}

/** As of jose 6.2. A name that leaves this list is good news; one that joins it needs a look. */
const ACCEPTED: readonly string[] = [
  'signed-20-kb',
  'trailing-newline',
  'trailing-crlf',
  'padding',
  'not-canonical-signature',
  'byte-order-mark',
  'unpaired-surrogate',
  'number-beyond-double',
  'duplicate-claim',
  'duplicate-claim-escaped',
  'duplicate-nested',
  'duplicate-proto',
  'duplicate-alg',
  'duplicate-typ',
  'deep-payload',
  'header-jwk-beside',
  'header-jku',
  'header-x5c',
  'header-x5u',
  'header-b64',
  'header-zip',
  'header-cty',
  'header-proto',
  'typ-upper-case',
  'typ-media-type',
  'signature-high-s',
  'entitlement-by-status-list-key',
  'entitlement-by-event-key',
  'entitlement-by-statement-key',
  'entitlement-by-access-key',
  'aud-array',
  'aud-array-two',
  'nbf-zero',
  'nbf-negative',
  'exp-1e300',
  'exp-fraction',
  'exp-milliseconds',
  'lifetime-too-long',
  'lifetime-a-year',
]

describe(`jose.jwtVerify with every option set accepts ${ACCEPTED.length} of ${offered.length} tokens that the kit refuses`, () => {
  test.each(offered.filter(({ name }) => ACCEPTED.includes(name)))('it accepts $name: $what', async ({ make }) => {
    const issuer = issuerNow()
    expect(await joseAccepts(issuer, make(issuer))).toBe(true)
  })

  test('it refuses the others', async () => {
    const issuer = issuerNow()
    const accepted: Attack[] = []
    for (const row of offered) if (await joseAccepts(issuer, row.make(issuer))) accepted.push(row)
    expect(accepted.map(({ name }) => name)).toEqual(ACCEPTED)
  })
})

test('it accepts what the kit accepts, but for clocks that differ', async () => {
  const issuer = issuerNow()
  const refused: string[] = []
  for (const { name, make } of validTokens) if (!(await joseAccepts(issuer, make(issuer)))) refused.push(name)
  expect(refused).toEqual(['valid-issuer-ahead'])
})
