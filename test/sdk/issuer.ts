import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type RefusalCode, TokenRefused } from '../../sdk/index.ts'

export const NOW = 1_790_000_000
export const AUDIENCE = 'youku'
export const KID = 'k1-thumbprint_of-the-entitlement-key'
export const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
export const strangerPair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
export const HEADER = { typ: 'benefit-entitlement+jwt', alg: 'ES256', kid: KID }

export const b64u = (data: string | Uint8Array): string => Buffer.from(data).toString('base64url')

export function jwk(key: KeyObject, kid: string): Record<string, unknown> {
  return { ...key.export({ format: 'jwk' }), kid, use: 'sig', alg: 'ES256' }
}

export const jwks = (): string => JSON.stringify({ keys: [jwk(pair.publicKey, KID)] })

export function claims(issuer: string): Record<string, unknown> {
  return {
    iss: issuer,
    sub: 'pairwise-7Qp',
    aud: AUDIENCE,
    iat: NOW,
    nbf: NOW,
    exp: NOW + 900,
    jti: 'tok_01',
    ver: '1',
    lnk: 'lnk_01',
    seq: 42,
    ent: [
      { id: 'ent_1', bid: 'youku-vip', st: 'active', vu: NOW + 86_400, lim: { streams: 2 } },
      { id: 'ent_2', bid: 'youku-gifts', st: 'ending', vu: NOW + 3600, rem: 3 },
    ],
    status: { status_list: { idx: 104_729, uri: `${issuer}/status-lists/youku/7` } },
  }
}

const HALF_ORDER = 0x7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8n
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

/** The same signature with s in the wanted half of the group order: both verify. */
export function withS(signature: Buffer, half: 'low' | 'high'): Buffer {
  const s = BigInt(`0x${signature.toString('hex', 32)}`)
  if (s > HALF_ORDER === (half === 'high')) return signature
  const other = (ORDER - s).toString(16).padStart(64, '0')
  return Buffer.concat([signature.subarray(0, 32), Buffer.from(other, 'hex')])
}

/** Signs exact bytes, so that a test decides about every byte that the kit sees. */
export function signBytes(header: string | Uint8Array, payload: string | Uint8Array, key = pair.privateKey): string {
  const input = `${b64u(header)}.${b64u(payload)}`
  const signature = withS(sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }), 'low')
  return `${input}.${b64u(signature)}`
}

export function mint(payload: unknown, header: unknown = HEADER, key = pair.privateKey): string {
  return signBytes(JSON.stringify(header), JSON.stringify(payload), key)
}

export interface LoopbackServer extends AsyncDisposable {
  readonly url: string
  readonly hits: () => number
}

export async function serve(listener: RequestListener): Promise<LoopbackServer> {
  let hits = 0
  const server = createServer((request, response) => {
    hits += 1
    listener(request, response)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    hits: () => hits,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

export const serveJwks = (): Promise<LoopbackServer> =>
  serve((request, response) => {
    response.statusCode = request.url === '/.well-known/jwks.json' ? 200 : 404
    response.setHeader('cache-control', 'public, max-age=300')
    response.end(jwks())
  })

/** The code with which the promise is refused; `accepted` when it is not. */
export async function codeOf(verification: Promise<unknown>): Promise<RefusalCode | 'accepted'> {
  try {
    await verification
    return 'accepted'
  } catch (error) {
    if (error instanceof TokenRefused) return error.code
    throw error
  }
}
