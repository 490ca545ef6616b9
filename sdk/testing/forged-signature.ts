import { Buffer } from 'node:buffer'
import { generateKeyPairSync, sign } from 'node:crypto'
import { type Forgery, segmentsOf, signature } from './forgery.ts'
import { signChanged } from './kinds.ts'
import { base64url, signatureOf, withS } from './signing.ts'

/** Order of P-256, big-endian (SEC 2 section 2.4.2). */
const ORDER = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex')
const ZERO = Buffer.alloc(32)

const halves = (good: string): readonly [r: Buffer, s: Buffer] => {
  const bytes = Buffer.from(good, 'base64url')
  return [bytes.subarray(0, 32), bytes.subarray(32)]
}

/** What stands where r and s of 32 bytes each belong (RFC 7518 section 3.4), under a genuine header and payload. */
export const SIGNATURE: readonly Forgery[] = [
  { name: 'signature-missing', what: 'an empty signature', code: 'signature-length', forge: signature(() => '') },
  {
    name: 'signature-short',
    what: 'a signature of 63 bytes',
    code: 'signature-length',
    forge: signature((_, __, good) => Buffer.from(good, 'base64url').subarray(0, 63)),
  },
  {
    name: 'signature-long',
    what: 'a signature of 65 bytes, a zero in front',
    code: 'signature-length',
    forge: signature((_, __, good) => Buffer.concat([Buffer.alloc(1), ...halves(good)])),
  },
  {
    name: 'signature-twice',
    what: 'the signature written twice',
    code: 'signature-length',
    forge: signature((_, __, good) => Buffer.concat([...halves(good), ...halves(good)])),
  },
  {
    name: 'signature-der',
    what: 'the genuine signature in DER form',
    code: 'signature-der',
    forge: signature((input, { key }) =>
      sign('sha256', Buffer.from(input), { key: key.privateKey, dsaEncoding: 'der' }),
    ),
  },
  {
    name: 'signature-zero',
    what: '64 zero bytes (CVE-2022-21449)',
    code: 'signature-zero',
    forge: signature(() => Buffer.alloc(64)),
  },
  {
    name: 'signature-r-zero',
    what: 'r is zero',
    code: 'signature-zero',
    forge: signature((_, __, good) => Buffer.concat([ZERO, halves(good)[1]])),
  },
  {
    name: 'signature-s-zero',
    what: 's is zero',
    code: 'signature-zero',
    forge: signature((_, __, good) => Buffer.concat([halves(good)[0], ZERO])),
  },
  {
    name: 'signature-r-order',
    what: 'r is the order of the group, zero once reduced',
    code: 'signature-invalid',
    forge: signature((_, __, good) => Buffer.concat([ORDER, halves(good)[1]])),
  },
  {
    name: 'signature-ones',
    what: 'r and s of all one bits',
    code: 'signature-high-s',
    forge: signature(() => Buffer.alloc(64, 0xff)),
  },
  {
    name: 'signature-high-s',
    what: 'the other s that verifies as well: a second spelling of the same token',
    code: 'signature-high-s',
    forge: signature((_, __, good) => withS(Buffer.from(good, 'base64url'), 'high')),
  },
  {
    name: 'signature-of-stranger',
    what: 'signed with a key of the forger under the genuine kid',
    code: 'signature-invalid',
    forge: signature(input => {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      return withS(signatureOf(input, privateKey), 'low')
    }),
  },
  {
    name: 'signature-of-another-token',
    what: 'the genuine signature of another token',
    code: 'signature-invalid',
    forge: genuine => {
      const [header, payload] = segmentsOf(genuine)
      const [, , other] = signChanged(genuine, { jti: 'another' }).split('.')
      return `${header}.${payload}.${other}`
    },
  },
  {
    name: 'signature-sha512',
    what: 'the genuine key over a SHA-512 digest',
    code: 'signature-invalid',
    forge: signature((input, { key }) => withS(signatureOf(input, key.privateKey, 'sha512'), 'low')),
  },
  {
    name: 'payload-swapped',
    what: 'one claim changed after signing',
    code: 'signature-invalid',
    forge: genuine => {
      const [header, , good] = segmentsOf(genuine)
      return `${header}.${base64url(JSON.stringify({ ...genuine.claims, sub: 'somebody-else' }))}.${good}`
    },
  },
  {
    name: 'header-swapped',
    what: 'the header’s members in another order after signing',
    code: 'signature-invalid',
    forge: genuine => {
      const [, payload, good] = segmentsOf(genuine)
      const { typ, alg, kid } = genuine.header
      return `${base64url(JSON.stringify({ kid, typ, alg }))}.${payload}.${good}`
    },
  },
]
