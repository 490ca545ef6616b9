import { createHmac, generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto'
import type { Services } from '../../functions/connect.ts'
import { type GatewayWorld, issuer } from './gateway.ts'

const segment = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')

function signed(header: object, claims: object, privateKey: KeyObject): string {
  const input = `${segment(header)}.${segment(claims)}`
  const signature = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' })
  return `${input}.${signature.toString('base64url')}`
}

/** What an access token of youku with every partner scope says. */
function claims(more: object = {}): Record<string, unknown> {
  const iat = Math.floor(Date.now() / 1000)
  return {
    iss: issuer,
    aud: issuer,
    sub: 'youku',
    client_id: 'youku',
    jti: randomUUID(),
    iat,
    exp: iat + 600,
    scope:
      'entitlements:read usage:write settlements:read programmes:write memberships:write finance:read finance:write',
    brand: 'youku',
    partner: 'youku',
    ...more,
  }
}

/** A token that is as it should be but was made here: shows that the bad ones fail for what is wrong with them. */
export async function homemadeToken(keys: Services['keys']): Promise<string> {
  const { kid, privateKey } = await keys.current('access')
  return signed({ alg: 'ES256', typ: 'at+jwt', kid }, claims(), privateKey)
}

/** Authorization headers that must never be good for anything, by what is wrong with them. */
export async function badAuthorizations(world: GatewayWorld, receipt: string): Promise<Record<string, string>> {
  const { keys } = world.services
  const { kid, privateKey } = await keys.current('access')
  const statement = await keys.current('statement')
  const header = { alg: 'ES256', typ: 'at+jwt', kid }
  const now = Math.floor(Date.now() / 1000)
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const good = await world.tokenOf('youku')
  const [head = '', , signature = ''] = good.split('.')
  const publicJwk = (await keys.publicKeysFor('access'))[0]
  const hmacInput = `${segment({ ...header, alg: 'HS256' })}.${segment(claims())}`
  const bearer = (token: string) => `Bearer ${token}`
  return {
    garbage: bearer('garbage'),
    'three parts of garbage': bearer('a.b.c'),
    'no token': 'Bearer',
    'two tokens': bearer(`${good} ${good}`),
    'another scheme': `Basic ${Buffer.from('youku:youku-secret').toString('base64')}`,
    expired: bearer(signed(header, claims({ iat: now - 700, exp: now - 100 }), privateKey)),
    'from the future': bearer(signed(header, claims({ iat: now + 300, exp: now + 800 }), privateKey)),
    'a lifetime of a year': bearer(signed(header, claims({ exp: now + 31_536_000 }), privateKey)),
    'wrong aud': bearer(signed(header, claims({ aud: 'https://other.example' }), privateKey)),
    'two audiences': bearer(signed(header, claims({ aud: [issuer, 'https://other.example'] }), privateKey)),
    'wrong iss': bearer(signed(header, claims({ iss: 'https://other.example' }), privateKey)),
    'another subject': bearer(signed(header, claims({ sub: 'alibaba' }), privateKey)),
    'a bound token': bearer(signed(header, claims({ cnf: { jkt: 'x' } }), privateKey)),
    'alg none': bearer(`${segment({ ...header, alg: 'none' })}.${segment(claims())}.`),
    'alg none with a signature': bearer(signed({ ...header, alg: 'none' }, claims(), privateKey)),
    'HS256 with the public key': bearer(
      `${hmacInput}.${createHmac('sha256', JSON.stringify(publicJwk)).update(hmacInput).digest('base64url')}`,
    ),
    'a key of its own under our kid': bearer(signed(header, claims(), stranger.privateKey)),
    'a key of its own in the header': bearer(
      signed({ ...header, jwk: stranger.publicKey.export({ format: 'jwk' }) }, claims(), stranger.privateKey),
    ),
    'no kid': bearer(signed({ alg: 'ES256', typ: 'at+jwt' }, claims(), privateKey)),
    'altered claims': bearer(`${head}.${segment(claims({ scope: 'programmes:write' }))}.${signature}`),
    'a signature in another spelling': bearer(`${good}=`),
    'typ usage-receipt+jwt': bearer(signed({ ...header, typ: 'usage-receipt+jwt' }, claims(), privateKey)),
    'the statement key': bearer(signed({ ...header, kid: statement.kid }, claims(), statement.privateKey)),
    'a real receipt': bearer(receipt),
    'a token of 10 KB': bearer(good + 'A'.repeat(10_000)),
  }
}
