import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { type Forgery, headerText, inFront, withHeader } from './forgery.ts'
import { type Genuine, signChanged } from './kinds.ts'
import { base64url, signatureOf, signBytes } from './signing.ts'

/** Another party's keys, made when the first forgery needs them: an RSA pair takes a while. */
const made = new Map<string, KeyObject>()
function foreignKey(kind: 'P-256' | 'P-384' | 'rsa'): KeyObject {
  const known = made.get(kind)
  if (known) return known
  const { privateKey } =
    kind === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: kind })
  made.set(kind, privateKey)
  return privateKey
}

/** Header with another alg, and whatever that algorithm calls a signature. */
const signedWith =
  (alg: string, make: (input: string, genuine: Genuine) => string | Uint8Array) =>
  (genuine: Genuine): string => {
    const { header, claims } = genuine
    const input = `${base64url(JSON.stringify({ ...header, alg }))}.${base64url(JSON.stringify(claims))}`
    return `${input}.${base64url(make(input, genuine))}`
  }

/** Parameters by which a token would choose how it is verified (RFC 8725 section 3.10). */
export const HEADER: readonly Forgery[] = [
  {
    name: 'header-jwk',
    what: 'brings its own key (jwk) and is signed with it',
    code: 'header-jwk',
    forge: ({ header, claims }) => {
      const { kty, crv, x, y } = foreignKey('P-256').export({ format: 'jwk' })
      const own = JSON.stringify({ ...header, jwk: { kty, crv, x, y } })
      return signBytes(own, JSON.stringify(claims), foreignKey('P-256'))
    },
  },
  {
    name: 'header-jwk-beside',
    what: 'brings a key (jwk) beside the genuine signature',
    code: 'header-jwk',
    forge: withHeader({ jwk: { kty: 'EC', crv: 'P-256', x: 'x', y: 'y' } }),
  },
  {
    name: 'header-jku',
    what: 'points to keys of its own (jku)',
    code: 'header-jku',
    forge: withHeader({ jku: 'https://attacker.example/jwks.json' }),
  },
  {
    name: 'header-x5c',
    what: 'brings a certificate (x5c)',
    code: 'header-x5c',
    forge: withHeader({ x5c: ['MIIB'] }),
  },
  {
    name: 'header-x5u',
    what: 'points to a certificate (x5u)',
    code: 'header-x5u',
    forge: withHeader({ x5u: 'https://attacker.example/certificate.pem' }),
  },
  {
    name: 'header-crit',
    what: 'asks for an extension (crit)',
    code: 'header-crit',
    forge: withHeader({ crit: ['exp'] }),
  },
  {
    name: 'header-b64',
    what: 'says that the payload is not encoded (b64)',
    code: 'header-b64',
    forge: withHeader({ b64: false }),
  },
  {
    name: 'header-zip',
    what: 'says that the payload is compressed (zip)',
    code: 'header-zip',
    forge: withHeader({ zip: 'DEF' }),
  },
  {
    name: 'header-cty',
    what: 'a parameter that means nothing here (cty)',
    code: 'header-unknown',
    forge: withHeader({ cty: 'JWT' }),
  },
  {
    name: 'header-proto',
    what: 'a parameter by the name of __proto__',
    code: 'header-unknown',
    forge: headerText(inFront('"__proto__":{}')),
  },
  { name: 'alg-none', what: 'alg none, no signature', code: 'alg-refused', forge: signedWith('none', () => '') },
  {
    name: 'alg-none-mixed-case',
    what: 'alg nOnE, no signature',
    code: 'alg-refused',
    forge: signedWith('nOnE', () => ''),
  },
  {
    name: 'alg-none-signed',
    what: 'alg none over a genuine ES256 signature',
    code: 'alg-refused',
    forge: signedWith('none', (input, { key }) => signatureOf(input, key.privateKey)),
  },
  {
    name: 'alg-hs256',
    what: 'HS256 with the public key (PEM) as the secret',
    code: 'alg-refused',
    forge: signedWith('HS256', (input, { key }) => {
      const secret = key.publicKey.export({ format: 'pem', type: 'spki' })
      return createHmac('sha256', secret).update(input).digest()
    }),
  },
  {
    name: 'alg-rs256',
    what: 'RS256 with a key of the forger',
    code: 'alg-refused',
    forge: signedWith('RS256', input => signatureOf(input, foreignKey('rsa'))),
  },
  {
    name: 'alg-es384',
    what: 'ES384 with a key of the forger',
    code: 'alg-refused',
    forge: signedWith('ES384', input => signatureOf(input, foreignKey('P-384'), 'sha384')),
  },
  { name: 'alg-lower-case', what: 'alg es256', code: 'alg-refused', forge: withHeader({ alg: 'es256' }) },
  { name: 'alg-array', what: 'alg ["ES256"]', code: 'alg-refused', forge: withHeader({ alg: ['ES256'] }) },
  { name: 'alg-missing', what: 'no alg', code: 'alg-refused', forge: withHeader({ alg: undefined }) },
  { name: 'typ-missing', what: 'no typ', code: 'typ-missing', forge: withHeader({ typ: undefined }) },
  { name: 'typ-jwt', what: 'typ JWT', code: 'typ-wrong', forge: withHeader({ typ: 'JWT' }) },
  {
    name: 'typ-upper-case',
    what: 'typ in capitals',
    code: 'typ-wrong',
    forge: genuine => signChanged(genuine, {}, { typ: String(genuine.header['typ']).toUpperCase() }),
  },
  {
    name: 'typ-media-type',
    what: 'typ with "application/" in front',
    code: 'typ-wrong',
    forge: genuine => signChanged(genuine, {}, { typ: `application/${genuine.header['typ']}` }),
  },
  {
    name: 'typ-array',
    what: 'typ in an array',
    code: 'typ-wrong',
    forge: genuine => signChanged(genuine, {}, { typ: [genuine.header['typ']] }),
  },
  { name: 'kid-missing', what: 'no kid', code: 'kid-missing', forge: withHeader({ kid: undefined }) },
  { name: 'kid-number', what: 'kid 1', code: 'kid-invalid', forge: withHeader({ kid: 1 }) },
  { name: 'kid-empty', what: 'an empty kid', code: 'kid-invalid', forge: withHeader({ kid: '' }) },
  {
    name: 'kid-path',
    what: 'kid ../../../../dev/null',
    code: 'kid-invalid',
    forge: withHeader({ kid: '../../../../dev/null' }),
  },
  {
    name: 'kid-sql',
    what: 'kid with a quote and a UNION',
    code: 'kid-invalid',
    forge: withHeader({ kid: "x' UNION SELECT 'key' --" }),
  },
  {
    name: 'kid-newline',
    what: 'the genuine kid and a newline',
    code: 'kid-invalid',
    forge: genuine => signChanged(genuine, {}, { kid: `${genuine.key.kid}\n` }),
  },
  {
    name: 'kid-long',
    what: 'a kid of 129 characters',
    code: 'kid-invalid',
    forge: withHeader({ kid: 'k'.repeat(129) }),
  },
  {
    name: 'kid-unknown',
    what: 'a kid that the issuer does not publish',
    code: 'kid-unknown',
    forge: withHeader({ kid: 'nobody' }),
  },
  {
    name: 'kid-proto',
    what: 'kid __proto__',
    code: 'kid-unknown',
    forge: withHeader({ kid: '__proto__' }),
  },
]
