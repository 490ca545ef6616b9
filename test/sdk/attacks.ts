import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import type { RefusalCode } from '../../sdk/index.ts'
import { b64u, claims, HEADER, KID, mint, NOW, pair, signBytes, strangerPair } from './issuer.ts'

export type Attack = readonly [name: string, code: RefusalCode, token: (issuer: string) => unknown]
type Claims = Record<string, unknown>

const header = (change: Record<string, unknown>): Record<string, unknown> => ({ ...HEADER, ...change })
const without = (object: Record<string, unknown>, name: string): Record<string, unknown> =>
  Object.fromEntries(Object.entries(object).filter(([key]) => key !== name))
const withHeader = (change: Record<string, unknown>) => (issuer: string) => mint(claims(issuer), header(change))
const withClaims = (change: (issuer: string) => Claims) => (issuer: string) =>
  mint({ ...claims(issuer), ...change(issuer) })
const lacking = (name: string) => (issuer: string) => mint(without(claims(issuer), name))
const withEnt = (change: Claims) => (issuer: string) => {
  const whole = { id: 'ent_1', bid: 'youku-vip', st: 'active', vu: NOW + 60 }
  return mint({ ...claims(issuer), ent: [{ ...whole, ...change }] })
}
const good = (issuer: string): string => mint(claims(issuer))
const parts = (issuer: string): [string, string, string] => good(issuer).split('.') as [string, string, string]
const payloadText = (change: (json: string) => string) => (issuer: string) =>
  signBytes(JSON.stringify(HEADER), change(JSON.stringify(claims(issuer))))
const headerText = (change: (json: string) => string) => (issuer: string) =>
  signBytes(change(JSON.stringify(HEADER)), JSON.stringify(claims(issuer)))
const signature = (make: (input: string, genuine: string) => string) => (issuer: string) => {
  const [head, payload, genuine] = parts(issuer)
  return `${head}.${payload}.${make(`${head}.${payload}`, genuine)}`
}
const signedWith = (alg: string, make: (input: Buffer) => Buffer) => (issuer: string) => {
  const input = `${b64u(JSON.stringify(header({ alg })))}.${b64u(JSON.stringify(claims(issuer)))}`
  return `${input}.${b64u(make(Buffer.from(input)))}`
}
const p1363 = (key: KeyObject) => ({ key, dsaEncoding: 'ieee-p1363' }) as const
/** Sets spare bits of a segment's last character: the same bytes, spelled otherwise. */
function respell(segment: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return segment.slice(0, -1) + alphabet.charAt(alphabet.indexOf(segment.slice(-1)) + 1)
}
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' })
const publicJwk = strangerPair.publicKey.export({ format: 'jwk' })

const FORM: readonly Attack[] = [
  ['not a string', 'token-not-a-string', () => ({ token: true })],
  ['empty', 'segment-count', () => ''],
  ['two segments', 'segment-count', issuer => parts(issuer).slice(0, 2).join('.')],
  ['four segments', 'segment-count', issuer => `${good(issuer)}.e30`],
  ['leading dot', 'segment-count', issuer => `.${good(issuer)}`],
  ['five segments, as a JWE', 'segment-count', issuer => `${good(issuer)}.e30.e30`],
  ['JSON serialization', 'segment-count', issuer => JSON.stringify({ payload: parts(issuer)[1] })],
  ['8 KB and a byte', 'token-too-large', issuer => good(issuer).padEnd(8193, 'A')],
  ['trailing newline', 'token-whitespace', issuer => `${good(issuer)}\n`],
  ['leading space', 'token-whitespace', issuer => ` ${good(issuer)}`],
  ['space inside', 'token-whitespace', issuer => parts(issuer).join(' .')],
  ['padded signature', 'base64url-padded', issuer => `${good(issuer)}==`],
  ['padding alone as signature', 'base64url-padded', issuer => parts(issuer).with(2, '=').join('.')],
  ['base64 instead of base64url', 'base64url-invalid', issuer => parts(issuer).with(2, '+/+/').join('.')],
  ['impossible length', 'base64url-invalid', issuer => parts(issuer).with(2, 'AAAAA').join('.')],
  ['NUL at the end', 'base64url-invalid', issuer => `${good(issuer)}\0`],
  ['respelled signature', 'base64url-not-canonical', signature((_, genuine) => respell(genuine))],
  ['respelled header', 'base64url-not-canonical', () => `${respell(b64u('{}'))}.e30.`],
]

const JSON_TEXT: readonly Attack[] = [
  ['empty header', 'json-invalid', issuer => parts(issuer).with(0, '').join('.')],
  ['payload of bad UTF-8', 'utf8-invalid', () => signBytes(JSON.stringify(HEADER), Buffer.from([0x22, 0xff, 0x22]))],
  ['header of overlong UTF-8', 'utf8-invalid', () => signBytes(Buffer.from([0x7b, 0xc1, 0xbf, 0x7d]), '{}')],
  ['byte order mark', 'json-invalid', payloadText(json => `\ufeff${json}`)],
  ['text behind the payload', 'json-invalid', payloadText(json => `${json}{}`)],
  ['trailing comma', 'json-invalid', payloadText(json => json.replace(/}$/, ',}'))],
  ['unpaired surrogate', 'json-invalid', payloadText(json => json.replace('pairwise', '\\ud800'))],
  ['duplicate claim', 'json-duplicate-key', payloadText(json => json.replace('{', '{"aud":"eleme",'))],
  ['duplicate by escape', 'json-duplicate-key', payloadText(json => json.replace('{', '{"\\u0061ud":"eleme",'))],
  ['duplicate deep inside', 'json-duplicate-key', payloadText(json => json.replace('"st":', '"st":"ending","st":'))],
  ['duplicate __proto__', 'json-duplicate-key', payloadText(j => j.replace('{', '{"__proto__":1,"__proto__":2,'))],
  ['duplicate header alg', 'json-duplicate-key', headerText(json => json.replace('{', '{"alg":"none",'))],
  ['nine levels', 'json-too-deep', withClaims(() => ({ deep: [[[[[[[[0]]]]]]]] }))],
  ['two thousand levels', 'json-too-deep', headerText(() => '['.repeat(2000))],
  ['header is an array', 'header-not-object', headerText(json => `[${json}]`)],
  ['payload is a string', 'payload-not-object', payloadText(json => JSON.stringify(json))],
  ['payload is null', 'payload-not-object', payloadText(() => 'null')],
]

const HEADERS: readonly Attack[] = [
  ['jwk', 'header-jwk', issuer => mint(claims(issuer), header({ jwk: publicJwk }), strangerPair.privateKey)],
  ['jku', 'header-jku', withHeader({ jku: 'https://attacker.example/jwks.json' })],
  ['x5c', 'header-x5c', withHeader({ x5c: ['MIIB'] })],
  ['x5u', 'header-x5u', withHeader({ x5u: 'https://attacker.example/cert.pem' })],
  ['crit', 'header-crit', withHeader({ crit: ['exp'] })],
  ['b64', 'header-b64', withHeader({ b64: false })],
  ['zip', 'header-zip', withHeader({ zip: 'DEF' })],
  ['a parameter by the name of __proto__', 'header-unknown', headerText(j => j.replace('{', '{"__proto__":{},'))],
  ['cty', 'header-unknown', withHeader({ cty: 'JWT' })],
  ['alg none, no signature', 'alg-refused', signedWith('none', () => Buffer.alloc(0))],
  ['alg nOnE', 'alg-refused', signedWith('nOnE', () => Buffer.alloc(64))],
  ['alg es256', 'alg-refused', withHeader({ alg: 'es256' })],
  ['alg an array', 'alg-refused', withHeader({ alg: ['ES256'] })],
  ['alg missing', 'alg-refused', issuer => mint(claims(issuer), without(HEADER, 'alg'))],
  [
    'HS256 with the public key as secret',
    'alg-refused',
    signedWith('HS256', input =>
      createHmac('sha256', pair.publicKey.export({ format: 'pem', type: 'spki' }))
        .update(input)
        .digest(),
    ),
  ],
  ['RS256', 'alg-refused', signedWith('RS256', input => sign('sha256', input, rsa.privateKey))],
  ['ES384', 'alg-refused', signedWith('ES384', input => sign('sha384', input, p1363(p384.privateKey)))],
  ['typ missing', 'typ-missing', issuer => mint(claims(issuer), without(HEADER, 'typ'))],
  ['typ in other case', 'typ-wrong', withHeader({ typ: 'Benefit-Entitlement+JWT' })],
  ['an access token', 'typ-wrong', withHeader({ typ: 'at+jwt' })],
  ['a usage receipt', 'typ-wrong', withHeader({ typ: 'usage-receipt+jwt' })],
  ['a statement', 'typ-wrong', withHeader({ typ: 'settlement-statement+jwt' })],
  ['a status list', 'typ-wrong', withHeader({ typ: 'statuslist+jwt' })],
  ['a security event', 'typ-wrong', withHeader({ typ: 'secevent+jwt' })],
  ['kid missing', 'kid-missing', issuer => mint(claims(issuer), without(HEADER, 'kid'))],
  ['kid a number', 'kid-invalid', withHeader({ kid: 1 })],
  ['kid empty', 'kid-invalid', withHeader({ kid: '' })],
  ['kid a path', 'kid-invalid', withHeader({ kid: '../../etc/passwd' })],
  ['kid with a newline', 'kid-invalid', withHeader({ kid: `${KID}\n` })],
  ['kid of 129 characters', 'kid-invalid', withHeader({ kid: 'k'.repeat(129) })],
  ['kid unknown', 'kid-unknown', withHeader({ kid: 'nobody' })],
  ['kid of an object member', 'kid-unknown', withHeader({ kid: '__proto__' })],
]

const SIGNATURES: readonly Attack[] = [
  ['no signature', 'signature-length', signature(() => '')],
  ['63 bytes', 'signature-length', signature((_, genuine) => b64u(Buffer.from(genuine, 'base64url').subarray(1)))],
  ['65 bytes', 'signature-length', signature((_, genuine) => b64u(`\0${Buffer.from(genuine, 'base64url')}`))],
  [
    'DER',
    'signature-length',
    signature(input => b64u(sign('sha256', Buffer.from(input), { key: pair.privateKey, dsaEncoding: 'der' }))),
  ],
  ['all zero', 'signature-invalid', signature(() => b64u(Buffer.alloc(64)))],
  ['all ones', 'signature-invalid', signature(() => b64u(Buffer.alloc(64, 0xff)))],
  ['of a stranger', 'signature-invalid', issuer => mint(claims(issuer), HEADER, strangerPair.privateKey)],
  [
    'of another token',
    'signature-invalid',
    i =>
      parts(i)
        .with(2, mint({}).split('.')[2] ?? '')
        .join('.'),
  ],
  [
    'payload swapped',
    'signature-invalid',
    i =>
      parts(i)
        .with(1, b64u(JSON.stringify(claims(`${i}/`))))
        .join('.'),
  ],
  [
    'hashed with SHA-512',
    'signature-invalid',
    signature(input => b64u(sign('sha512', Buffer.from(input), p1363(pair.privateKey)))),
  ],
]

const numberRows = (name: string, code: RefusalCode): Attack[] => [
  [`${name} absent`, code, lacking(name)],
  [`${name} a string`, code, withClaims(() => ({ [name]: String(NOW + 10) }))],
  [`${name} 1e300`, code, payloadText(json => json.replace(new RegExp(`"${name}":[0-9]+`), `"${name}":1e300`))],
  [`${name} a fraction`, code, withClaims(() => ({ [name]: NOW + 0.5 }))],
  [`${name} zero`, code, withClaims(() => ({ [name]: 0 }))],
  [`${name} negative`, code, withClaims(() => ({ [name]: -NOW }))],
  [`${name} 2^40`, code, withClaims(() => ({ [name]: 2 ** 40 }))],
  [`${name} null`, code, withClaims(() => ({ [name]: null }))],
]
const textRows = (name: string, code: RefusalCode): Attack[] => [
  [`${name} absent`, code, lacking(name)],
  [`${name} a number`, code, withClaims(() => ({ [name]: 7 }))],
  [`${name} empty`, code, withClaims(() => ({ [name]: '' }))],
]

const CLAIMS: readonly Attack[] = [
  ['iss absent', 'issuer-mismatch', lacking('iss')],
  ['iss of another', 'issuer-mismatch', withClaims(() => ({ iss: 'https://attacker.example' }))],
  ['iss with a slash more', 'issuer-mismatch', withClaims(issuer => ({ iss: `${issuer}/` }))],
  ['iss an array', 'issuer-mismatch', withClaims(issuer => ({ iss: [issuer] }))],
  ['aud absent', 'audience-not-single', lacking('aud')],
  ['aud an array of us alone', 'audience-not-single', withClaims(() => ({ aud: ['youku'] }))],
  ['aud an array of us and another', 'audience-not-single', withClaims(() => ({ aud: ['youku', 'eleme'] }))],
  ['aud another partner', 'audience-mismatch', withClaims(() => ({ aud: 'eleme' }))],
  ['aud in other case', 'audience-mismatch', withClaims(() => ({ aud: 'Youku' }))],
  ...numberRows('iat', 'claim-iat-invalid'),
  ...numberRows('nbf', 'claim-nbf-invalid'),
  ...numberRows('exp', 'claim-exp-invalid'),
  ['expired this second', 'token-expired', withClaims(() => ({ iat: NOW - 900, nbf: NOW - 900, exp: NOW }))],
  ['expired long ago', 'token-expired', withClaims(() => ({ iat: NOW - 9000, nbf: NOW - 9000, exp: NOW - 8100 }))],
  ['nbf beyond the tolerance', 'token-not-yet-valid', withClaims(() => ({ nbf: NOW + 61 }))],
  ['iat beyond the tolerance', 'issued-in-future', withClaims(() => ({ iat: NOW + 61 }))],
  ['exp at iat', 'lifetime-invalid', withClaims(() => ({ iat: NOW + 30, exp: NOW + 30 }))],
  ['nbf behind exp', 'lifetime-invalid', withClaims(() => ({ nbf: NOW + 1000 }))],
  ['a life of 3601 s', 'lifetime-too-long', withClaims(() => ({ exp: NOW + 3601 }))],
  ['ver absent', 'version-unsupported', lacking('ver')],
  ['ver 2', 'version-unsupported', withClaims(() => ({ ver: '2' }))],
  ['ver a number', 'version-unsupported', withClaims(() => ({ ver: 1 }))],
  ...textRows('sub', 'claim-sub-invalid'),
  ...textRows('jti', 'claim-jti-invalid'),
  ...textRows('lnk', 'claim-lnk-invalid'),
  ['seq absent', 'claim-seq-invalid', lacking('seq')],
  ['seq a string', 'claim-seq-invalid', withClaims(() => ({ seq: '42' }))],
  ['seq negative', 'claim-seq-invalid', withClaims(() => ({ seq: -1 }))],
  ['seq 2^53', 'claim-seq-invalid', withClaims(() => ({ seq: 2 ** 53 }))],
  ['status a string', 'claim-status-invalid', withClaims(() => ({ status: 'valid' }))],
]

const ENTITLEMENTS: readonly Attack[] = [
  ['ent absent', 'claim-ent-invalid', lacking('ent')],
  ['ent empty', 'claim-ent-invalid', withClaims(() => ({ ent: [] }))],
  ['ent an object', 'claim-ent-invalid', withClaims(() => ({ ent: { id: 'ent_1' } }))],
  ['ent of a string', 'claim-ent-invalid', withClaims(() => ({ ent: ['youku-vip'] }))],
  ['id absent', 'claim-ent-invalid', withEnt({ id: undefined })],
  ['bid a list', 'claim-ent-invalid', withEnt({ bid: ['youku-vip'] })],
  ['st suspended', 'claim-ent-invalid', withEnt({ st: 'suspended' })],
  ['vu absent', 'claim-ent-invalid', withEnt({ vu: undefined })],
  ['vu a string', 'claim-ent-invalid', withEnt({ vu: '2030-01-01' })],
  ['lim a list', 'claim-ent-invalid', withEnt({ lim: [2] })],
  ['lim with an object', 'claim-ent-invalid', withEnt({ lim: { streams: {} } })],
  ['rem negative', 'claim-ent-invalid', withEnt({ rem: -1 })],
  ['rem a fraction', 'claim-ent-invalid', withEnt({ rem: 0.5 })],
  [
    'one id twice',
    'claim-ent-invalid',
    withClaims(() => {
      const one = { id: 'ent_1', bid: 'youku-vip', st: 'active', vu: NOW + 60 }
      return { ent: [one, one] }
    }),
  ],
  ['every entitlement over', 'entitlements-ended', withEnt({ vu: NOW })],
]

/** Each row is a token that must be refused, with the one code that says why. */
export const ATTACKS: Readonly<Record<string, readonly Attack[]>> = {
  form: FORM,
  json: JSON_TEXT,
  header: HEADERS,
  signature: SIGNATURES,
  claims: CLAIMS,
  entitlements: ENTITLEMENTS,
}
