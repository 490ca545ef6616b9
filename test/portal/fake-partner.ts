import type { RequestListener } from 'node:http'
import { text } from 'node:stream/consumers'
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose'

/** A partner's OpenID provider made by hand, so that each of its answers can be wrong. */
export async function fakePartner(issuer: string, client = 'tessera') {
  const { privateKey, publicKey } = await generateKeyPair('ES256')
  const jwk = { ...(await exportJWK(publicKey)), kid: 'fake', alg: 'ES256', use: 'sig' }
  const metadata = {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    userinfo_endpoint: `${issuer}/userinfo`,
    jwks_uri: `${issuer}/jwks`,
    revocation_endpoint: `${issuer}/revoke`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
    authorization_response_iss_parameter_supported: true,
  }
  type Behaviour = {
    metadata: Record<string, unknown>
    /** Of the last authorization request. */
    nonce: string
    claims: JWTPayload
    idToken: (claims: JWTPayload) => Promise<string> | string
    tokens: Record<string, unknown>
    userinfo: Record<string, unknown>
    /** In place of the usual answer, by path. */
    instead: Record<string, RequestListener>
  }
  const signed = (claims: JWTPayload) =>
    new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'fake' }).sign(privateKey)
  let accounts = 0
  /** An account that nobody has linked yet. */
  const account = () => `fake-account-${accounts}`
  const usual = (): Behaviour => ({
    metadata: {},
    nonce: '',
    claims: { sub: account() },
    idToken: signed,
    tokens: {},
    userinfo: { sub: account() },
    instead: {},
  })
  const now: { is: Behaviour } = { is: usual() }
  const requests: { path: string; body: URLSearchParams; authorization: string | undefined }[] = []

  const tokens = async () => {
    const iat = Math.floor(Date.now() / 1000)
    const claims = { iss: issuer, aud: client, iat, exp: iat + 60, nonce: now.is.nonce, ...now.is.claims }
    return {
      access_token: 'fake-access',
      token_type: 'Bearer',
      id_token: await now.is.idToken(claims),
      ...now.is.tokens,
    }
  }
  const answers: Record<string, () => Promise<object>> = {
    '/.well-known/openid-configuration': async () => ({ ...metadata, ...now.is.metadata }),
    '/jwks': async () => ({ keys: [jwk] }),
    '/token': tokens,
    '/userinfo': async () => now.is.userinfo,
    '/revoke': async () => ({}),
  }

  const listener: RequestListener = async (request, response) => {
    const { pathname: path } = new URL(request.url ?? '/', issuer)
    const instead = now.is.instead[path]
    if (instead) return instead(request, response)
    requests.push({
      path,
      body: new URLSearchParams(await text(request)),
      authorization: request.headers.authorization,
    })
    const answer = await answers[path]?.()
    response.writeHead(answer ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(answer ?? {}))
  }
  return {
    issuer,
    listener,
    signed,
    requests,
    behave: (change: Partial<Behaviour>) => {
      now.is = { ...now.is, ...change }
    },
    account,
    reset: () => {
      accounts += 1
      now.is = usual()
      requests.length = 0
    },
  }
}
export type FakePartner = Awaited<ReturnType<typeof fakePartner>>

/** Never answers; the server ends what is left when it stops. */
export const silent: RequestListener = () => undefined
/** 2 MB of JSON without an end. */
export const huge: RequestListener = (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' }).end(`{"pad":"${'x'.repeat(2 * 1024 * 1024)}`)
}
