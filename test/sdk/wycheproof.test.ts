import type { JsonWebKey } from 'node:crypto'
import { expect, test } from 'vitest'
import { createSignatureVerifier, type HighSPolicy, type RefusalCode, USAGE_RECEIPT_TYP } from '../../sdk/index.ts'
import { createIssuerKeys } from '../../sdk/issuer-keys.ts'
import { readJwks } from '../../sdk/jwks.ts'
import { createOpener, judgeSignature } from '../../sdk/signed.ts'
import { codeOf, NOW } from './issuer.ts'
import { describeVectors, readVectors } from './vectors.ts'

interface Case {
  readonly tcId: number
  readonly comment: string
  readonly result: 'valid' | 'invalid'
}
interface JwsCase extends Case {
  readonly jws: string
}
interface JwsGroup {
  readonly comment: string
  readonly public?: JsonWebKey
  readonly private?: JsonWebKey
  readonly tests: readonly JwsCase[]
}
interface JwkGroup {
  readonly comment: string
  readonly public?: { readonly keys: readonly JsonWebKey[] }
  readonly private: { readonly keys: readonly JsonWebKey[] }
  readonly tests: readonly JwsCase[]
}
interface RawGroup {
  readonly publicKey: { readonly wx: string; readonly wy: string }
  readonly tests: readonly (Case & { readonly msg: string; readonly sig: string })[]
}

const ISSUER = 'https://wycheproof.example'

/** An issuer that publishes these keys, and the kit's core on it: every check but that of `typ`, which no vector has. */
function openerFor(keys: readonly JsonWebKey[]) {
  const now = () => NOW
  const options = { issuer: ISSUER, now, fetch: async () => new Response(JSON.stringify({ keys })) }
  const open = createOpener({ keys: createIssuerKeys(options), now, typ: undefined, highS: 'accept' })
  const document = createSignatureVerifier({ ...options, typ: USAGE_RECEIPT_TYP })
  return {
    open: (jws: string) => codeOf(open(jws)),
    payload: async (jws: string) => (await open(jws)).payload.toString('latin1'),
    /** As a partner would call it. */
    verify: (jws: string) => codeOf(document.verify(jws)),
  }
}

/** Valid vectors that the kit refuses all the same, and why. */
const POLICY: Partial<Record<RefusalCode, readonly number[]>> = {
  // ES256 is the one algorithm.
  'alg-refused': [
    ...[1, 348, 352, 357, 358, 359, 376, 377], // HS256
    ...[33, 259, 260, 261, 262, 263, 345, 349], // RS256
    ...[264, 265, 266, 267], // RS384
    ...[268, 269, 270, 271], // RS512
    ...[272, 273, 274, 275, 287, 288], // PS256
    ...[320, 321, 322, 323, 346, 350], // PS384
    ...[325, 326, 327, 328], // PS512
    ...[347, 351], // ES512
  ],
  // A character outside the alphabet, which RFC 7515 section 2 does not allow and these vectors let pass.
  'base64url-invalid': [372, 373],
}
/** ES256: the kit's core opens them, and only the missing `typ` keeps a partner's verifier from doing so. */
const OPENED = [18, 378]
/** Stored without the padding that they are about. */
const UNUSABLE = [367, 370]

describeVectors('wycheproof/json_web_signature_test.json', () => {
  const { testGroups } = readVectors<{ testGroups: readonly JwsGroup[] }>('wycheproof/json_web_signature_test.json')
  const cases = testGroups.flatMap(group =>
    group.tests
      .filter(({ tcId }) => !UNUSABLE.includes(tcId))
      .map(one => ({ ...one, group: group.comment, key: group.public ?? group.private ?? {} })),
  )

  test('is whole', () => {
    expect(cases).toHaveLength(399)
    const valid = cases.filter(({ result }) => result === 'valid').map(({ tcId }) => tcId)
    const judged = [...Object.values(POLICY).flat(), ...OPENED]
    expect(valid.toSorted((a, b) => a - b)).toEqual(judged.toSorted((a, b) => a - b))
  })

  test.each(cases.filter(({ tcId }) => OPENED.includes(tcId)))('$tcId is opened: $comment', async ({ key, jws }) => {
    const kit = openerFor([key])
    expect(await kit.open(jws)).toBe('accepted')
    expect(await kit.payload(jws)).toBe(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString('latin1'))
    expect(await kit.verify(jws)).toBe('typ-missing')
  })

  test.each(Object.entries(POLICY).flatMap(([code, ids]) => ids.map(tcId => ({ code, tcId }))))(
    '$tcId is valid and refused by policy: $code',
    async ({ code, tcId }) => {
      const { key = {}, jws = '' } = cases.find(one => one.tcId === tcId) ?? {}
      expect(await openerFor([key]).open(jws)).toBe(code)
    },
  )

  const invalid = cases.filter(({ result }) => result === 'invalid')
  test.each(invalid)('$tcId is refused: $group, $comment', async ({ key, jws }) => {
    const kit = openerFor([key])
    expect(await kit.open(jws)).not.toBe('accepted')
    expect(await kit.verify(jws)).not.toBe('accepted')
  })

  test('ES256 vectors are refused for what is wrong with them', async () => {
    const expected: Partial<Record<RefusalCode, readonly number[]>> = {
      'signature-length': [20, 379, 380, 381, 382, 383, 384, 385],
      'segment-count': [21, 24, 27, 29, 30],
      'alg-refused': [31],
      'header-jwk': [32],
      'kid-unknown': [25, 354, 356],
      'json-invalid': [26, 28],
      'signature-zero': [386, 387, 388, 389, 390, 394, 398],
    }
    for (const { tcId, key, jws } of invalid.filter(one => one.key.crv === 'P-256')) {
      const [code = 'signature-invalid'] = Object.entries(expected).find(([, ids]) => ids.includes(tcId)) ?? []
      expect(await openerFor([key]).open(jws), `${tcId}`).toBe(code)
    }
  })
})

describeVectors('wycheproof/json_web_key_test.json', () => {
  const { testGroups } = readVectors<{ testGroups: readonly JwkGroup[] }>('wycheproof/json_web_key_test.json')
  const cases = testGroups.flatMap(group =>
    group.tests.map(one => ({ ...one, group: group.comment, keys: (group.public ?? group.private).keys })),
  )
  /** Keys of symmetric algorithms and of RSA: none is for the kit. */
  const otherAlgorithms = [2, 5, 13, 14, 15]

  test('is whole', () => {
    expect(cases).toHaveLength(26)
    const valid = cases.filter(({ result }) => result === 'valid').map(({ tcId }) => tcId)
    expect(valid).toEqual(otherAlgorithms)
  })

  test.each(cases)('$tcId gives no key: $group, $comment', async ({ tcId, keys, jws }) => {
    const code = await openerFor(keys).open(jws)
    // From 19 on the token itself is genuine, and only its key is described wrongly.
    expect(code).toBe(tcId >= 19 && tcId <= 24 ? 'kid-unknown' : 'alg-refused')
  })

  test('the same genuine token opens under the same key, rightly described', async () => {
    const { keys: [bad] = [], jws = '' } = cases.find(({ tcId }) => tcId === 21) ?? {}
    expect(await openerFor([{ ...bad, use: 'sig' }]).open(jws)).toBe('accepted')
  })

  test('a private key that is published is none', async () => {
    const [group] = testGroups.filter(({ tests }) => tests[0]?.tcId === 21)
    const keys = group?.private.keys.map(key => ({ ...key, use: 'sig' })) ?? []
    expect(await openerFor(keys).open(group?.tests[0]?.jws ?? '')).toBe('kid-unknown')
  })
})

describeVectors('wycheproof/ecdsa_secp256r1_sha256_p1363_test.json', () => {
  const file = 'wycheproof/ecdsa_secp256r1_sha256_p1363_test.json'
  const { testGroups } = readVectors<{ testGroups: readonly RawGroup[] }>(file)
  const cases = testGroups.flatMap(({ publicKey, tests }) => tests.map(one => ({ ...one, publicKey })))
  const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

  /** The published key of a vector, through the kit's own reader. */
  function keyOf({ wx, wy }: RawGroup['publicKey']) {
    const coordinate = (hex: string) => Buffer.from(hex.slice(-64).padStart(64, '0'), 'hex').toString('base64url')
    const jwk = { kty: 'EC', crv: 'P-256', kid: 'k', x: coordinate(wx), y: coordinate(wy) }
    const key = readJwks(Buffer.from(JSON.stringify({ keys: [jwk] }))).get('k')
    if (key === undefined) throw new Error('The vector has no usable key')
    return key
  }
  const judged = async ({ msg, sig, publicKey }: (typeof cases)[number], highS: HighSPolicy) => {
    const judge = async () => judgeSignature(Buffer.from(msg, 'hex'), Buffer.from(sig, 'hex'), keyOf(publicKey), highS)
    return await codeOf(judge())
  }
  const isHighS = ({ sig }: { readonly sig: string }) => BigInt(`0x${sig.slice(64)}`) * 2n > ORDER

  test('is whole', () => {
    expect(cases).toHaveLength(262)
    expect(cases.filter(({ result }) => result === 'valid')).toHaveLength(173)
    // Else the policy would not be tried at all.
    expect(cases.filter(one => one.result === 'valid' && isHighS(one)).length).toBeGreaterThan(40)
  })

  test.each(cases)('$tcId is $result: $comment', async one => {
    const { result } = one
    const accepted = await judged(one, 'accept')
    const strict = await judged(one, 'refuse')
    if (result === 'invalid') {
      expect(accepted).toMatch(/^signature-(length|zero|invalid)$/)
      expect(strict).toMatch(/^signature-(length|zero|invalid|high-s)$/)
      return
    }
    expect(accepted).toBe('accepted')
    expect(strict).toBe(isHighS(one) ? 'signature-high-s' : 'accepted')
  })
})
