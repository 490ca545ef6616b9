import { createHash, generateKeyPairSync, type KeyObject, randomBytes, randomUUID, sign } from 'node:crypto'

export const issuer = 'https://tessera.example'
export const audience = 'youku'
export const entitlementType = 'benefit-entitlement+jwt'

/** Tokens of one issuer, as the gateway mints them, and odd ones besides that its key signed all the same. */
export type Tokens = { tokens: string[]; odd: { oddity: string; token: string }[]; jwk: Jwk; pem: string }
export type Jwk = {
  kty: 'EC'
  crv: 'P-256'
  x: string
  y: string
  kid: string
  use: 'sig'
  alg: 'ES256'
  purpose: string
}
type Json = Record<string, unknown>

export function realisticTokens(count: number): Tokens {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' })
  const kid = createHash('sha256')
    .update(JSON.stringify({ crv: 'P-256', kty: 'EC', x, y }))
    .digest('base64url')
  const iat = Math.floor(Date.now() / 1000)
  const header = { alg: 'ES256', typ: entitlementType, kid }
  return {
    tokens: Array.from({ length: count }, () => signed(header, claims(iat), privateKey)),
    odd: oddTokens(header, claims(iat), privateKey),
    jwk: { kty: 'EC', crv: 'P-256', x, y, kid, use: 'sig', alg: 'ES256', purpose: 'entitlement' },
    pem: publicKey.export({ format: 'pem', type: 'spki' }).toString(),
  }
}

/** Three entitlements, of which one has a quota, and a status. */
function claims(iat: number) {
  const vu = iat + 86_400 * 200
  return {
    iss: issuer,
    sub: `sub_${id()}`,
    aud: audience,
    iat,
    nbf: iat,
    // The longest life there is: a run on a slow machine must not outlive its own tokens.
    exp: iat + 3600,
    jti: randomUUID(),
    ver: '1',
    lnk: `lnk_${id()}`,
    seq: 3,
    ent: [
      { id: `ent_${id()}`, bid: 'youku-vip', st: 'active', vu, lim: { screens: 2, quality: '4k' } },
      { id: `ent_${id()}`, bid: 'youku-download', st: 'active', vu, lim: { perMonth: 30 }, rem: 17 },
      { id: `ent_${id()}`, bid: 'youku-kids', st: 'ending', vu },
    ],
    status: {
      status_list: { idx: randomBytes(4).readUInt32BE() % 2 ** 18, uri: `${issuer}/v1/status-lists/${audience}/1` },
    },
  }
}

const id = (): string => randomBytes(17).toString('hex').slice(0, 26).toUpperCase()

/** What should never be signed, or never pass in this spelling: it shows what each verifier looks at. */
function oddTokens(header: Json, body: ReturnType<typeof claims>, key: KeyObject): Tokens['odd'] {
  const { exp: _exp, ...endless } = body
  const { typ: _typ, ...untyped } = header
  const good = signed(header, body, key)
  const text = JSON.stringify(body)
  const brokenText = Buffer.concat([
    Buffer.from(text.slice(0, -1)),
    Buffer.from(',"note":"'),
    Buffer.of(0xff),
    Buffer.from('"}'),
  ])
  const odd: Record<string, string> = {
    'a claim twice': signed(header, `${text.slice(0, -1)},"sub":"sub_another"}`, key),
    'two audiences': signed(header, { ...body, aud: [audience, 'another'] }, key),
    'no `exp`': signed(header, endless, key),
    'a life of ten years': signed(header, { ...body, exp: body.iat + 315_360_000 }, key),
    '`typ` of an access token': signed({ ...header, typ: 'at+jwt' }, body, key),
    'no `typ`': signed(untyped, body, key),
    'the `kid` of another key': signed({ ...header, kid: 'another' }, body, key),
    'a key in the header (`jwk`)': signed({ ...header, jwk: { kty: 'EC', crv: 'P-256' } }, body, key),
    'text that is not UTF-8': signed(header, brokenText, key),
    'base64url with spare bits set': good.slice(0, -1) + withSpareBits(good.slice(-1)),
    'the other `s` of the same signature': signed(header, body, key, 'high'),
    'a body that is no entitlement token': signed(
      header,
      { iss: issuer, aud: audience, iat: body.iat, exp: body.exp },
      key,
    ),
  }
  return Object.entries(odd).map(([oddity, token]) => ({ oddity, token }))
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const withSpareBits = (last: string): string => alphabet.charAt(alphabet.indexOf(last) + 1)

const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

/** The gateway signs with the lower of the two `s` that are valid; the other one is for the odd tokens. */
function signed(header: Json, body: Json | string | Buffer, key: KeyObject, half: 'low' | 'high' = 'low'): string {
  const bytes =
    typeof body === 'string' || Buffer.isBuffer(body) ? Buffer.from(body) : Buffer.from(JSON.stringify(body))
  const input = `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${bytes.toString('base64url')}`
  const made = sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' })
  const s = BigInt(`0x${made.subarray(32).toString('hex')}`)
  const wanted = s > order / 2n === (half === 'high') ? s : order - s
  const signature = Buffer.concat([made.subarray(0, 32), Buffer.from(wanted.toString(16).padStart(64, '0'), 'hex')])
  return `${input}.${signature.toString('base64url')}`
}
